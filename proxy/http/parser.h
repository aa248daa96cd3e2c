// Bytes -> Head, strictly (RFC 9112 2-5). The start line is read here, because llhttp knows a closed list of methods
// and versions; the field lines by llhttp in strict mode; what llhttp lets pass and the RFC does not is refused here.
//
//   start line --CRLF--> field lines --empty line--> done          any refusal --> error, for good
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/http/head.h"

struct evbuffer;

namespace backoffd::proxy {

struct HeadLimits {
  std::size_t head_bytes = 64 << 10;
  std::size_t request_target = 16 << 10;
  std::size_t fields = 256;
};

// Why a head was refused: the status for the client (an upstream's bad head is always 502) and the refusal's name, the
// same in log, metric and answer.
struct HeadError {
  int status = 400;       // 400, 414, 431, 501, 505
  std::string_view name;  // "bad_request_line", "bad_field_line", "obs_fold", "target_too_long", "head_too_large",
                          // "too_many_fields", "bad_version", ...; static storage
};

// One connection's heads, one after the other. What parsing needs is allocated with a head's first byte and freed by
// take(): between two requests a parser is these few words.
class HeadParser {
 public:
  enum class Kind : std::uint8_t { request, response, trailers };  // trailers: field lines only
  HeadParser(Kind kind, const HeadLimits& limits);
  ~HeadParser();
  HeadParser(HeadParser&&) noexcept;
  HeadParser& operator=(HeadParser&&) noexcept;

  enum class State { more, done, error };
  // Drains from `in` what belongs to the head, no byte more. Any split of the bytes over calls gives the same result.
  // Up to one empty line before a request line is skipped (RFC 9112 2.2).
  State feed(evbuffer* in);
  bool started() const;  // has any byte of the head come? (client_idle or client_head timeout)

  Head& head();                    // REQUIRES: the last feed() said done
  Head take();                     // REQUIRES: the last feed() said done. The next feed() begins a new head.
  const HeadError& error() const;  // REQUIRES: the last feed() said error
  // Is it a HEAD request, as far as it has come? Also of one that is refused: its answer has no body either.
  bool begins_with_head() const;

 private:
  struct Impl;
  bool skip_empty_line(evbuffer* in);

  std::unique_ptr<Impl> impl_;
  HeadLimits limits_;
  Kind kind_;
  bool empty_line_skipped_ = false;
};

}  // namespace backoffd::proxy
