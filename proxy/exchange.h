// One client request from admission to last byte: it asks the policy, makes attempts, and gives the client exactly one
// answer.
//
//     start --> queued --> attempting --> relaying --> finished
//                 ^            |              |
//                 |            v              v (broken body that can be continued)
//                 |        backing_off <------+
//                 |            v
//                 +------- collecting (an answer held meanwhile is still coming in)
//
// A tunnel (CONNECT, Upgrade) is `relaying` in a Tunnel instead of a ResponseBody. Before the commit point (passed in
// pass_commit_point() alone) any answer is possible; after it only more bytes of this one. Owned by the Session;
// worker's thread. In the order of its life: exchange_admission.cc, exchange.cc (attempts and decisions),
// exchange_answer.cc (what the client gets), exchange_record.cc (what is told of it).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/engine.h"
#include "proxy/access_log.h"
#include "proxy/attempt.h"
#include "proxy/client_watch.h"
#include "proxy/exchange_info.h"
#include "proxy/held_answer.h"
#include "proxy/http/head.h"
#include "proxy/http/target.h"
#include "proxy/link.h"
#include "proxy/refusal.h"
#include "proxy/request_id.h"
#include "proxy/response_body.h"
#include "proxy/tunnel.h"
#include "proxy/upload.h"

namespace backoffd::proxy {

struct Worker;
class AddedFields;

class Exchange final : public Link,
                       private Attempt::Owner,
                       private HeldAnswer::Owner,
                       private ClientWatch::Owner,
                       private Tunnel::Owner {
 public:
  class Owner {
   public:
    enum class After {
      keep,   // the next request may come
      end,    // the client asked for the end and sends no more: close once everything is written
      close,  // end the connection once everything is written, and hear the client out first
      abort,  // reset it, so that the client cannot take a broken answer for a whole one
    };
    // The owner may destroy the exchange in it.
    virtual void exchange_done(After after) = 0;

   protected:
    ~Owner() = default;
  };

  // `client`: the session's stream, with the request body still in it. `client_name`: address, for log and fairness.
  // `within`: the target of the CONNECT whose interception the request came through; null: it came to the proxy itself.
  Exchange(Worker& worker, Stream& client, std::string_view client_name, Owner& owner, Head request, Framing body,
           const Target* within);
  ~Exchange();

  void start();
  void client_progress();                    // something happened on the client's stream
  void granted(const policy::Grant& grant);  // the wait in the queue is over
  bool committed() const { return progress_.committed; }

  Stage stage() const;
  ExchangeInfo info() const { return {record(), stage()}; }

 private:
  enum class State { queued, attempting, backing_off, collecting, relaying, finished };

  // --- admission ---
  bool plan();  // false: answered already
  bool is_connect() const { return target_.form == Target::Form::authority; }
  void queue(policy::Engine::Turn turn);
  void admitted(const policy::Admission& admission);

  // --- an attempt ---
  void begin_attempt();
  void launch(bool fresh);
  void send_request();
  void attempt_progress() override;
  void interim(const Head& head) override;
  void move_upload();
  void move_bodies();
  void attempt_failed();
  void bad_response(std::string_view why);
  void no_answer(const policy::Outcome& outcome);
  void answered();
  void end_attempt(bool reusable);
  void release_slot();

  // --- decisions ---
  policy::Conclusion conclude(const policy::Outcome& outcome);
  void back_off(const policy::Verdict& verdict);
  void pause_over();
  void collect();
  void held_answer_ended() override;
  void try_again();  // here or at an alternate
  bool may_fail_over() const;
  void move_to_alternate();
  void settle_for_less(policy::Reason reason, const Refusal& refusal, std::optional<policy::Duration> retry_after);

  // --- the answer ---
  void pass_commit_point(int status, std::string_view verdict);
  void add_own_fields(AddedFields& added, std::optional<policy::Duration> retry_after);
  void commit(const Head& head, Framing client_framing, policy::Reason reason,
              std::optional<policy::Duration> retry_after);
  void commit_held(policy::Reason reason, std::optional<policy::Duration> retry_after);
  void refuse(const Refusal& refusal, std::string_view detail, std::optional<policy::Duration> retry_after,
              policy::Reason reason = policy::Reason::none);
  void answer_as_last_hop();
  void answer_ourselves(int status, std::string_view text, const AddedFields& added);
  Owner::After after_whole_answer() const;

  void open_tunnel();
  void switch_protocols();
  void start_tunnel();
  void tunnel_ended(std::string_view why) override;

  void relay();
  void resumed();  // the head of a continuing attempt has come
  void body_broken(std::string detail);
  void leave_broken(policy::Reason reason);
  void break_off(std::string_view verdict);
  void give_up(const Refusal& refusal, std::string_view detail);

  void client_gone() override;
  void finish(Owner::After after);

  // --- what is told of it ---
  AccessRecord record() const;  // as it stands; its views live as long as the exchange
  void account();

  // constant after construction
  Worker& worker_;
  Stream& client_;
  Owner& owner_;
  const std::string_view client_name_;
  const Target* const within_;
  const std::uint64_t number_;
  const RequestId id_;
  const policy::MonoTime started_;
  const Head request_;

  bool keep_alive_;      // after the answer; at first what the client's request asks for
  Target target_;        // its path is a view into request_
  std::string upgrade_;  // protocol to switch to, one we let pass, while the client may yet hope for it
  State state_ = State::queued;
  Upload upload_;
  policy::Plan plan_;
  policy::Progress progress_;
  int attempts_before_ = 0;  // at hosts the exchange failed over from
  std::unique_ptr<Attempt> attempt_;
  Framing framing_;                        // of the attempt's response
  const Refusal* last_failure_ = nullptr;  // of the last attempt that ended without an answer
  std::unique_ptr<HeldAnswer> held_;       // the last answer, while something better is tried
  bool to_alternate_ = false;              // what comes next is a failover
  std::unique_ptr<ResponseBody> body_;     // committed; further attempts can only continue it
  std::unique_ptr<Tunnel> tunnel_;
  Timer pause_;  // between attempts
  ClientWatch watch_;

  // for the log
  struct {
    policy::WallTime start{};
    int status = 0;
    std::string_view verdict;
    std::string detail;
    policy::Ending ending = policy::Ending::whole;
    std::string_view shadow;
    std::uint64_t bytes_out = 0;
    std::uint64_t resumed_at = 0;
    policy::Duration queued{};
    policy::Duration backoff{};
    policy::Duration head{};
  } record_;
  policy::MonoTime waiting_since_{};
};

}  // namespace backoffd::proxy
