// The body of a response on its way from an upstream stream to the client: framing off, framing on, or past both by
// splice where it is long. Survives the attempt: after a break, continue_with() takes the rest from another one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/http/body.h"
#include "proxy/net/splice.h"
#include "proxy/net/stream.h"
#include "proxy/net/uptake.h"

namespace backoffd::proxy {

struct Worker;

class Relay {
 public:
  // `upstream`: framing as it comes behind `head`; `client`: as it goes out.
  Relay(Worker& worker, const Head& head, Framing upstream, Framing client);

  enum class State {
    more,           // waits for bytes or room
    done,           // every byte and the end are in the client's buffer or socket
    broken,         // the upstream's body ended, reset or stalled before its end; detail() says how
    client_failed,  // the client's connection took no more
  };
  // Moves what can be moved. `upload_done`: the request is complete, so that nothing else needs the streams.
  State move(Stream& upstream, Stream& client, bool upload_done);

  // The rest comes with this head and framing; `discard` payload bytes of it are already at the client, and `left` more
  // are its (none: all that come).
  void continue_with(const Head& head, Framing upstream, std::uint64_t discard, std::optional<std::uint64_t> left);

  std::uint64_t delivered() const { return delivered_; }  // payload bytes given to the client
  // Has the upstream's message been read to its end, so that its connection can carry another?
  bool upstream_complete() const { return reader_.state() == BodyReader::State::done; }
  const std::string& detail() const { return detail_; }

 private:
  State move_buffered(Stream& upstream, Stream& client);
  State move_spliced(Stream& upstream, Stream& client);
  void end_splice(Stream& upstream, Stream& client);
  State wait_for_client(Stream& upstream, const Stream& client);
  State ended(Stream& upstream, Stream& client);
  bool should_splice(Stream& upstream, Stream& client) const;
  State finished(Stream& client);
  State broken(std::string detail);

  Worker& worker_;
  BodyReader reader_;
  BodyWriter writer_;
  ConnectionOptions options_;  // of the head whose body is being read
  std::unique_ptr<Splice> splice_;
  std::uint64_t splice_counted_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t discard_ = 0;
  std::optional<std::uint64_t> left_;
  Uptake uptake_;  // the client's
  std::string detail_;
};

}  // namespace backoffd::proxy
