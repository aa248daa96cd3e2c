// An upstream answer that is set aside while something better is tried, held whole in case nothing better comes: the
// client then gets the upstream's own last word. It reads itself to its end, which also gives the connection back to
// the pool.
//
//     coming --> whole
//          \---> lost (broken off, malformed or too large)
//
// Owned by the Exchange; worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/attempt.h"
#include "proxy/http/body.h"
#include "proxy/http/head.h"
#include "proxy/net/handles.h"
#include "proxy/net/stream.h"

namespace backoffd::proxy {

struct Worker;

class HeldAnswer final : private Stream::Owner {
 public:
  class Owner {
   public:
    // It is whole or lost. Called once, from the loop; never for an answer that was so when it was made. The owner may
    // destroy it in here.
    virtual void held_answer_ended() = 0;

   protected:
    ~Owner() = default;
  };

  // REQUIRES: `attempt` is answered; its head and stream are taken. `request_complete`: all of the request is sent.
  HeldAnswer(Worker& worker, Owner& owner, Attempt& attempt, Framing framing, bool request_complete);
  ~HeldAnswer();

  bool coming() const { return stream_ != nullptr; }
  bool whole() const { return whole_; }

  // REQUIRES, here and below: whole(). As it goes to the client: what is held has a known length, whatever the framing
  // was. A body-less answer (to HEAD, 204, 304) stays one.
  const Head& head() const { return head_; }
  Framing framing() const;
  std::uint64_t write_body(evbuffer* out);  // moves it

 private:
  void progress() override;
  void absorb();

  Worker& worker_;
  Owner& owner_;
  const std::string pool_key_;
  const bool request_complete_;
  std::unique_ptr<Stream> stream_;  // while it is coming
  Head head_;
  BodyReader reader_;
  BufferPtr body_;
  bool whole_ = false;
};

}  // namespace backoffd::proxy
