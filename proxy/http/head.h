// The head of a message: start line and field lines, as the bytes that came, with an index over them. A value: it owns
// its bytes and points into nothing else. Parsed by HeadParser, judged by framing.h, written anew by rewrite.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backoffd::proxy {

// The fields the proxy itself looks at; every other one is `other`. Told once, when the line is parsed.
enum class FieldId : std::uint8_t {
  other,
  accept,
  authorization,
  backoffd_gate,
  backoffd_operation,
  backoffd_provider,
  cache_control,
  connection,
  content_encoding,
  content_length,
  content_range,
  content_type,
  cookie,
  date,
  etag,
  expect,
  host,
  http2_settings,
  idempotency_key,
  if_range,
  keep_alive,
  last_modified,
  max_forwards,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  proxy_status,
  range,
  retry_after,
  set_cookie,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  via,
};
FieldId field_id(std::string_view name);  // case-insensitive

struct Field {
  FieldId id;
  std::string_view name;   // as on the wire
  std::string_view value;  // without surrounding white space
};

class Head {
 public:
  // --- start line. Request: method, target. Response: status, reason. ---
  std::string_view method() const { return view(first_); }
  std::string_view target() const { return view(second_); }
  int status() const { return status_; }
  std::string_view reason() const { return view(second_); }
  int minor_version() const { return minor_; }  // HTTP/1.x; anything above 1 is kept as 1

  // --- fields, in the order they came ---
  std::size_t size() const { return fields_.size(); }
  Field field(std::size_t i) const;
  std::size_t count(FieldId id) const;                     // REQUIRES: id != other
  std::optional<std::string_view> find(FieldId id) const;  // the first one's value
  std::optional<std::string_view> find(std::string_view name) const;
  // Does the comma-separated list of all fields `id` contain `token` (case-insensitive)? RFC 9110 5.6.1
  bool has_token(FieldId id, std::string_view token) const;

  // RFC 9112 9.3: does the sender want the connection kept after this message?
  bool wants_keep_alive() const;

  // --- making one ---
  void set_request(std::string_view method, std::string_view target, int minor_version);
  void set_response(int status, std::string_view reason, int minor_version);
  void add(std::string_view name, std::string_view value);
  void clear();

  std::size_t bytes() const { return bytes_.size(); }

 private:
  friend class HeadParser;  // lays the index over bytes it has checked

  struct Span {
    std::uint32_t at = 0, size = 0;
  };
  struct Line {
    Span name, value;
    FieldId id;
  };
  std::string_view view(Span s) const { return std::string_view(bytes_).substr(s.at, s.size); }
  Span append(std::string_view text);
  static std::uint64_t bit(FieldId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

  std::string bytes_;
  std::vector<Line> fields_;
  std::uint64_t present_ =
      0;  // a bit for each FieldId among fields_: most questions are about fields that are not there
  Span first_, second_;
  int status_ = 0;
  int minor_ = 1;
};

}  // namespace backoffd::proxy
