#include "proxy/http/rewrite.h"

#include <event2/buffer.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <vector>

#include "policy/text.h"
#include "proxy/http/connection_options.h"

namespace backoffd::proxy {
namespace {

using policy::equals_ignoring_case;

// Writes a head into one piece of the buffer's own memory: room is taken once, for the most a head can come to, and
// what was not used is given back by commit().
class Writer {
 public:
  Writer(evbuffer* out, std::size_t room) : out_(out) {
    if (evbuffer_reserve_space(out, static_cast<ev_ssize_t>(room), &piece_, 1) == 1)
      at_ = static_cast<char*>(piece_.iov_base);
  }

  void text(std::string_view s) {
    if (s.empty()) return;
    std::memcpy(at_, s.data(), s.size());
    at_ += s.size();
  }
  void number(std::uint64_t n) { at_ = std::to_chars(at_, at_ + 20, n).ptr; }
  void field(std::string_view name, std::string_view value) {
    text(name);
    text(": ");
    text(value);
    text("\r\n");
  }
  void commit() {
    text("\r\n");
    piece_.iov_len = static_cast<std::size_t>(at_ - static_cast<char*>(piece_.iov_base));
    evbuffer_commit_space(out_, &piece_, 1);
  }

 private:
  evbuffer* out_;
  evbuffer_iovec piece_{};
  char* at_ = nullptr;
};

// Room for all the proxy writes of its own accord: start line, framing, Date, Connection, the mark in Via.
constexpr std::size_t kOwnBytes = 320;
std::size_t room_for(const Head& head) { return head.bytes() + 4 * head.size() + kOwnBytes; }
std::size_t room_for(const AddedField* added, std::size_t count) {
  std::size_t room = 0;
  for (std::size_t i = 0; i < count; ++i) room += added[i].name.size() + added[i].value.size() + 4;
  return room;
}

// Tells this process from another one with the same pseudonym in Via, so that two proxies behind one another are no
// loop. Random and not kept: it says nothing to anyone but ourselves.
const std::string& process_mark() {
  static const std::string mark = [] {
    std::uint32_t n = 0;
    while (getrandom(&n, sizeof n, 0) != sizeof n) continue;
    std::array<char, 8> hex;
    hex.fill('0');
    char digits[8];
    const std::size_t size = static_cast<std::size_t>(std::to_chars(digits, digits + 8, n, 16).ptr - digits);
    std::copy_n(digits, size, hex.end() - static_cast<std::ptrdiff_t>(size));
    return "(" + std::string(hex.data(), hex.size()) + ")";
  }();
  return mark;
}

// Via = received-protocol RWS received-by [ RWS comment ] (RFC 9110 7.6.3), behind the members received: on the line
// of the last one, for readers that look at one line only.
class Via {
 public:
  Via(const Head& head, std::string_view name) : head_(head), name_(name), left_(head.count(FieldId::via)) {}

  void received(Writer& to, std::string_view value) {
    if (--left_ > 0 || value.empty()) return to.field("Via", value);
    to.text("Via: ");
    to.text(value);
    to.text(", ");
    member(to);
    written_ = true;
  }
  void finish(Writer& to) {
    if (written_) return;
    to.text("Via: ");
    member(to);
  }

 private:
  void member(Writer& to) {
    to.text(head_.minor_version() == 0 ? "1.0 " : "1.1 ");
    to.text(name_);
    to.text(" ");
    to.text(process_mark());
    to.text("\r\n");
  }

  const Head& head_;
  std::string_view name_;
  std::size_t left_;
  bool written_ = false;
};

void write_framing(Writer& to, const Framing& framing) {
  if (framing.kind == Framing::Kind::chunked) to.text("Transfer-Encoding: chunked\r\n");
  if (framing.kind == Framing::Kind::length) {
    to.text("Content-Length: ");
    to.number(framing.length);
    to.text("\r\n");
  }
}

void write_connection(Writer& to, bool keep_alive, int client_minor_version) {
  if (!keep_alive)
    to.text("Connection: close\r\n");
  else if (client_minor_version == 0)
    to.text("Connection: keep-alive\r\n");
}

void write_upgrade(Writer& to, std::string_view protocol) {
  to.text("Connection: upgrade\r\n");
  to.field("Upgrade", protocol);
}

// h2c inside a connection the proxy believes to speak HTTP/1.1 is a tunnel past everything it checks.
bool may_upgrade(std::string_view protocol) { return !protocol.empty() && !equals_ignoring_case(protocol, "h2c"); }

std::string_view http_date() {
  thread_local std::time_t second = -1;
  thread_local policy::HttpDate date;
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != second) {
    second = now.tv_sec;
    date = policy::format_http_date(std::chrono::sys_seconds(std::chrono::seconds(second)));
  }
  return {date.data(), date.size()};
}

void write_target(Writer& to, const UpstreamRequest& request, std::string_view authority) {
  const Target& target = request.target;
  if (request.absolute || !request.proxy_authorization.empty()) {
    to.text(target.https ? "https://" : "http://");
    to.text(authority);
    // An empty path means "*" to OPTIONS, also for the last proxy on the way (RFC 9112 3.2.4).
    if (target.path_and_query.empty() && request.head.method() == "OPTIONS") return;
  } else if (target.path_and_query.empty() && request.head.method() == "OPTIONS") {
    return to.text("*");
  }
  if (!target.path_and_query.starts_with('/')) to.text("/");
  to.text(target.path_and_query);
}

// What a response field is to the client: its own business, ours to state anew, or not for it.
enum class Pass { as_is, drop, via };
Pass pass_response(const Field& field, const ConnectionOptions& options, bool chunked) {
  switch (field.id) {
    case FieldId::connection:
    case FieldId::content_length:
    case FieldId::http2_settings:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return Pass::drop;
    case FieldId::trailer:
      return chunked ? Pass::as_is : Pass::drop;
    case FieldId::via:
      return Pass::via;
    default:
      // What an upstream says under our own names would be taken for our word.
      if (policy::starts_with_ignoring_case(field.name, "backoffd-")) return Pass::drop;
      return options.names(field) ? Pass::drop : Pass::as_is;
  }
}

void write_response_fields(Writer& to, const Head& head, std::string_view via_name, bool chunked) {
  const ConnectionOptions options(head);
  Via via(head, via_name);
  for (std::size_t i = 0; i < head.size(); ++i) {
    const Field field = head.field(i);
    switch (pass_response(field, options, chunked)) {
      case Pass::as_is:
        to.field(field.name, field.value);
        break;
      case Pass::via:
        via.received(to, field.value);
        break;
      case Pass::drop:
        break;
    }
  }
  via.finish(to);
}

void write_status_line(Writer& to, int status, std::string_view reason) {
  to.text("HTTP/1.1 ");
  to.number(static_cast<std::uint64_t>(status));
  to.text(" ");  // also without a phrase (RFC 9112 4)
  to.text(reason);
  to.text("\r\n");
}

}  // namespace

void write_request_head(const UpstreamRequest& request, evbuffer* out) {
  const Head& head = request.head;
  const Target& target = request.target;
  const std::string authority = target.authority();
  const bool chunked = request.framing.kind == Framing::Kind::chunked;
  const bool http_1_0 = head.minor_version() == 0;
  Writer to(out, room_for(head) + 2 * authority.size() + request.via.size() + request.upgrade.size() +
                     request.range.size() + request.if_range.size() + request.proxy_authorization.size());

  to.text(head.method());
  to.text(" ");
  write_target(to, request, authority);
  to.text(" HTTP/1.1\r\n");
  to.field("Host", authority);

  const ConnectionOptions options(head);
  Via via(head, request.via);
  for (std::size_t i = 0; i < head.size(); ++i) {
    const Field field = head.field(i);
    switch (field.id) {
      case FieldId::backoffd_gate:
      case FieldId::backoffd_operation:
      case FieldId::backoffd_provider:
      case FieldId::connection:
      case FieldId::content_length:
      case FieldId::host:
      case FieldId::http2_settings:
      case FieldId::keep_alive:
      case FieldId::te:
      case FieldId::transfer_encoding:
      case FieldId::upgrade:
        break;
      case FieldId::trailer:
        if (chunked) to.field(field.name, field.value);
        break;
      case FieldId::range:
      case FieldId::if_range:
        if (request.range.empty()) to.field(field.name, field.value);
        break;
      case FieldId::max_forwards:
        if (request.max_forwards < 0) {
          to.field(field.name, field.value);
        } else {
          to.text("Max-Forwards: ");
          to.number(static_cast<std::uint64_t>(request.max_forwards));
          to.text("\r\n");
        }
        break;
      case FieldId::expect:
        if (!http_1_0) to.field(field.name, field.value);  // RFC 9110 10.1.1
        break;
      case FieldId::via:
        via.received(to, field.value);
        break;
      default:
        // Proxy-Authorization and its like are for us, and the next proxy is told our own.
        if (policy::starts_with_ignoring_case(field.name, "proxy-")) break;
        if (options.names(field)) break;
        to.field(field.name, field.value);
    }
  }
  if (!request.range.empty()) {
    to.field("Range", request.range);
    if (!request.if_range.empty()) to.field("If-Range", request.if_range);
  }
  if (!request.proxy_authorization.empty()) to.field("Proxy-Authorization", request.proxy_authorization);
  if (may_upgrade(request.upgrade)) write_upgrade(to, request.upgrade);
  write_framing(to, request.framing);
  via.finish(to);
  to.commit();
}

void write_response_head(const ClientResponse& response, evbuffer* out) {
  const Head& head = response.head;
  const int status = head.status();
  const bool chunked = response.framing.kind == Framing::Kind::chunked;
  Writer to(out, room_for(head) + room_for(response.added, response.added_count) + response.via.size() +
                     response.upgrade.size());
  write_status_line(to, status, head.reason());
  write_response_fields(to, head, response.via, chunked);
  if (!head.find(FieldId::date)) to.field("Date", http_date());

  // Without a body the length is what one would have had (HEAD, 304): it stays, except where there can be none.
  const auto length = head.find(FieldId::content_length);
  if (response.framing.kind != Framing::Kind::none)
    write_framing(to, response.framing);
  else if (length && status >= 200 && status != 204)
    to.field("Content-Length", *length);

  for (std::size_t i = 0; i < response.added_count; ++i) to.field(response.added[i].name, response.added[i].value);
  if (status == 101 && may_upgrade(response.upgrade))
    write_upgrade(to, response.upgrade);
  else
    write_connection(to, response.keep_alive && response.framing.kind != Framing::Kind::until_close,
                     response.client_minor_version);
  to.commit();
}

void write_interim_head(const Head& head, std::string_view via, evbuffer* out) {
  Writer to(out, room_for(head) + via.size());
  write_status_line(to, head.status(), head.reason());
  write_response_fields(to, head, via, false);
  to.commit();
}

void write_own_response(const OwnResponse& response, evbuffer* out) {
  Writer to(out, kOwnBytes + response.content_type.size() + response.cache_control.size() +
                     room_for(response.added, response.added_count));
  write_status_line(to, response.status, reason_phrase(response.status));
  to.field("Date", http_date());
  to.field("Content-Type", response.content_type);
  to.text("Content-Length: ");
  to.number(response.text.size());
  to.text("\r\n");
  to.field("Cache-Control", response.cache_control);
  for (std::size_t i = 0; i < response.added_count; ++i) to.field(response.added[i].name, response.added[i].value);
  write_connection(to, response.keep_alive, response.client_minor_version);
  to.commit();
  if (!response.head_only) evbuffer_add(out, response.text.data(), response.text.size());
}

std::string http_date_now() { return std::string(http_date()); }

bool via_has(const Head& head, std::string_view via) {
  // A proxy on the way may take comments out (RFC 9110 7.6.3), and ours with them. So very many members of our name are
  // a loop too, whoever wrote them.
  constexpr int kMostOfOurName = 16;
  int of_our_name = 0;
  if (!head.find(FieldId::via)) return false;
  for (std::size_t i = 0; i < head.size(); ++i) {
    const Field field = head.field(i);
    if (field.id != FieldId::via) continue;
    // Split at every comma. Via has no quoted strings, and one that a client opens in it must not hide what follows.
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view member = policy::trim(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      const std::size_t space = std::min(member.find_first_of(" \t"), member.size());
      const std::string_view by = policy::trim(member.substr(space));
      const std::size_t end = std::min(by.find_first_of(" \t("), by.size());
      if (by.substr(0, end) != via) continue;
      if (policy::trim(by.substr(end)) == process_mark() || ++of_our_name >= kMostOfOurName) return true;
    }
  }
  return false;
}

}  // namespace backoffd::proxy
