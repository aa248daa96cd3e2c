// One try of an exchange upstream: made for it and thrown away after it, never reset.
//
//     connecting --> ready --> awaiting --> answered
//          \           \___________\___________\----> failed
//
// `ready` asks the owner to write the request; `answered` gives it the response head, after which stream() carries the
// body and is the owner's business. Owned by the Exchange; worker's thread.
#pragma once

#include <memory>
#include <string>

#include "policy/retry.h"
#include "proxy/connector.h"
#include "proxy/http/parser.h"
#include "proxy/net/stream.h"
#include "proxy/net/uptake.h"

namespace backoffd::proxy {

struct Worker;

class Attempt final : private Stream::Owner, private Connector::Owner {
 public:
  class Owner {
   public:
    // Level-triggered: look at phase(), stream() and so on.
    virtual void attempt_progress() = 0;
    // A 1xx other than 101. May be called several times, before `answered`.
    virtual void interim(const Head& head) = 0;

   protected:
    ~Owner() = default;
  };

  enum class Phase { connecting, ready, awaiting, answered, failed };

  // `fresh`: never an idle connection.
  Attempt(Worker& worker, Owner& owner, Origin origin, bool fresh);
  ~Attempt();

  // Takes an idle connection or begins to connect. Calls the owner back from the loop only: where phase() is another
  // than `connecting` at once (an idle connection, a refused destination), nobody is called.
  void start();

  Phase phase() const { return phase_; }
  const Origin& origin() const { return origin_; }

  // REQUIRES: ready. The owner has written the head (and maybe more) to stream().
  void sent();
  // Something moved: the response head is due timeouts.response_head after the request's last byte, and its body, like
  // what is left of the request then, goes on within timeouts.stall.
  void renew_deadline();
  // Has the deadline passed although the origin still takes the request, only slowly? Then it is renewed.
  bool takes_slowly();
  bool request_begun() const { return stream_ && stream_->bytes_written() > written_before_; }

  Head& head() { return parser_.head(); }  // REQUIRES: answered
  Stream* stream() const { return stream_.get(); }
  std::unique_ptr<Stream> take_stream() { return std::move(stream_); }

  // REQUIRES: failed.
  policy::OutcomeKind failure() const { return failure_; }
  DialError dial_error() const { return dial_error_; }
  const std::string& detail() const { return detail_; }
  // Failed on an idle connection before a byte of a response: not the origin's word, only a stale connection.
  bool stale() const {
    return phase_ == Phase::failed && reused_ && !parser_.started() && failure_ == policy::OutcomeKind::reset;
  }

 private:
  void progress() override;
  void connected(std::unique_ptr<Stream> stream) override;
  void connect_failed(policy::OutcomeKind kind, DialError error, std::string detail) override;
  void adopt(std::unique_ptr<Stream> stream);
  void read_head();
  void fail(policy::OutcomeKind kind, std::string detail);

  Worker& worker_;
  Owner& owner_;
  const Origin origin_;
  const bool fresh_;
  Phase phase_ = Phase::connecting;
  bool reused_ = false;
  int interims_ = 0;
  std::unique_ptr<Connector> connector_;
  std::unique_ptr<Stream> stream_;
  std::uint64_t written_before_ = 0;
  Uptake uptake_;  // the origin's
  HeadParser parser_;
  policy::OutcomeKind failure_ = policy::OutcomeKind::reset;
  DialError dial_error_ = DialError::none;
  std::string detail_;
};

}  // namespace backoffd::proxy
