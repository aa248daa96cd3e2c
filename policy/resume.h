// Can a body that breaks off be continued by another request, and does the answer to that request continue it (POLICY
// 5)? Pure decisions over the two response heads; whether to try at all is judge()'s (retry.h). A doubt is a no: a body
// that ends short tells the client the truth, one that goes on with other bytes does not.
//
// RFC 9110: 8.8.2.2 and 8.8.3 (strong validators), 13.1.5 (If-Range), 14.1-14.4 and 15.3.7 (ranges).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/facts.h"

namespace backoffd::policy {

// How the data plane found the end of a body announced (RFC 9112 6.3).
struct BodyEnd {
  enum class Kind { length, chunked, close };
  Kind kind = Kind::length;
  std::uint64_t length = 0;  // with Kind::length
};

// "bytes 100-199/1000", "bytes 100-199/*".
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
  std::optional<std::uint64_t> total;

  // None for an unsatisfied range ("bytes */1000"), another unit, and numbers that contradict each other.
  static std::optional<ContentRange> parse(std::string_view text);
};

// What the head of the answer to a resuming request says.
struct Continuation {
  enum class Kind {
    other,    // not the same entity, or not sure: the client's response ends here, as a broken one
    go_on,    // the body begins with the byte that is wanted next
    discard,  // the body is the whole entity: its first `discard` bytes are not wanted
  };
  Kind kind = Kind::other;
  std::uint64_t discard = 0;
  std::optional<std::uint64_t> left;  // bytes the client still lacks, where that is known; what comes after is not its
};

// Made of the head of the first response that is relayed; keeps what a continuation must agree with. A value.
class ResumePoint {
 public:
  ResumePoint() = default;  // never resumable

  // `response.fields` has all fields of the head, `received` tells the century of a two-digit year. Resumable are the
  // answers to GET, 200 or a 206 of one range, with a strong validator and an announced end: a strong ETag, or where
  // there is no ETag a Last-Modified at least one second before Date.
  ResumePoint(std::string_view method, const ResponseFacts& response, const BodyEnd& end);

  // `got`, here and below: bytes of the client's body received so far, in all attempts. False also where none is
  // missing: then only the end of the message is, and no range names that.
  bool resumable(std::uint64_t got) const;

  // Fields of the resuming request; they replace the client's own. REQUIRES: resumable(got).
  std::string range(std::uint64_t got) const;
  std::string_view if_range() const { return validator_; }

  // REQUIRES: resumable(got).
  Continuation check(const ResponseFacts& response, const BodyEnd& end, std::uint64_t got) const;

 private:
  Continuation check_partial(const ResponseFacts& response, const BodyEnd& end, std::uint64_t next) const;
  Continuation check_whole(const BodyEnd& end, std::uint64_t next) const;

  std::string validator_;               // entity-tag or date as it was sent; empty: not resumable
  bool by_date_ = false;                // validator_ is of Last-Modified
  bool partial_ = false;                // the first response was a 206
  std::string coding_;                  // Content-Encoding
  std::uint64_t offset_ = 0;            // of the body's first byte in the entity
  std::optional<std::uint64_t> end_;    // offset behind the body's last byte
  std::optional<std::uint64_t> total_;  // length of the entity
};

}  // namespace backoffd::policy
