#include "admin/admin_session.h"

#include <event2/buffer.h>

#include "proxy/http/framing.h"
#include "proxy/http/rewrite.h"

namespace backoffd::admin {
namespace {

using proxy::BodyReader;
using proxy::FieldId;
using proxy::HeadParser;
using proxy::Loop;

constexpr proxy::HeadLimits kLimits{.head_bytes = 16 << 10, .request_target = 4 << 10, .fields = 64};
constexpr std::size_t kLargestBody = 64 << 10;
constexpr std::size_t kLargestWait = 1 << 20;  // bytes of answers not taken yet; beyond: no further call is read
constexpr std::size_t kMostUnread = 1 << 20;   // bytes of a stream; beyond: its reader is dropped
constexpr auto kCall = std::chrono::seconds(10);
constexpr auto kIdle = std::chrono::seconds(60);

// What a browser may do with an answer that is no page of ours: nothing.
constexpr std::string_view kNoPolicy = "default-src 'none'; frame-ancestors 'none'";

using Fields = std::vector<proxy::AddedField>;

Fields fields_of(const Response& response) {
  Fields fields = {{"X-Content-Type-Options", "nosniff"},
                   {"Referrer-Policy", "no-referrer"},
                   {"Cross-Origin-Opener-Policy", "same-origin"},
                   {"Cross-Origin-Resource-Policy", "same-origin"},
                   {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
                   {"Content-Security-Policy", response.policy.empty() ? kNoPolicy : response.policy}};
  if (!response.etag.empty()) fields.push_back({"ETag", response.etag});
  if (!response.allow.empty()) fields.push_back({"Allow", response.allow});
  if (response.status == 401) fields.push_back({"WWW-Authenticate", "Bearer"});
  return fields;
}

proxy::Endpoint local_end(int fd) { return proxy::Endpoint::local_of(fd).value_or(proxy::Endpoint()); }

}  // namespace

AdminSession::AdminSession(Loop& loop, proxy::Fd fd, const Guard& guard, const Router& router, CallNumber number,
                           Done done)
    : guard_(guard),
      router_(router),
      number_(number),
      done_(std::move(done)),
      local_(local_end(fd.get())),
      stream_(loop, std::move(fd), this),
      parser_(HeadParser::Kind::request, kLimits),
      payload_(proxy::new_buffer()) {
  stream_.set_in_limit(kLargestBody);
  stream_.set_deadline(kCall);
}

void AdminSession::progress() {
  bool more = true;
  while (more) {
    switch (state_) {
      case State::head:
        more = stream_.out_room(kLargestWait) > 0 ? read_head() : peer_is_gone();
        break;
      case State::body:
        more = read_body();
        break;
      case State::waiting:
      case State::streaming:
        wait();
        more = false;
        break;
      case State::lingering:
        hear_out();
        more = false;
        break;
      case State::closed:
        more = false;
        break;
    }
    if (state_ == State::closed) return;
  }
}

bool AdminSession::peer_is_gone() {
  if (stream_.failed() || stream_.write_failed() || stream_.timed_out() || stream_.read_ended()) {
    close();
  }
  return false;
}

bool AdminSession::read_head() {
  const bool began = parser_.started();
  const auto state = parser_.feed(stream_.in());
  stream_.touch();
  if (state == HeadParser::State::error) {
    refuse(parser_.error().status, parser_.error().name, "The request head is malformed.");
    return false;
  }
  if (state == HeadParser::State::more) {
    if (!began && parser_.started()) stream_.set_deadline(kCall);
    return peer_is_gone();
  }
  head_ = parser_.take();
  const auto framing = proxy::frame_request(head_);
  if (!framing.ok) {
    refuse(framing.error.status, framing.error.name, "The request's framing is malformed.");
    return false;
  }
  // Before the body is read: nobody else's is worth the memory.
  if (const auto refusal = guard_.refuse(head_, local_)) {
    answer(*refusal, false);
    return false;
  }
  body_ = BodyReader(framing.framing, kLimits);
  state_ = State::body;
  return true;
}

bool AdminSession::read_body() {
  const std::size_t held = evbuffer_get_length(payload_.get());
  const auto state = body_.read(stream_.in(), payload_.get(), kLargestBody + 1 - held);
  stream_.touch();
  if (state == BodyReader::State::error) {
    refuse(400, body_.error(), "The request body is malformed.");
    return false;
  }
  if (evbuffer_get_length(payload_.get()) > kLargestBody || body_.framing().length > kLargestBody) {
    refuse(413, "body_too_large", "A call's body is at most 64 KiB.");
    return false;
  }
  if (state == BodyReader::State::more) return peer_is_gone();
  serve();
  return state_ == State::head;
}

void AdminSession::serve() {
  Request request;
  request.method = head_.method();
  request.number = number_;
  request.if_none_match = head_.find("If-None-Match").value_or("");
  request.body = proxy::take_all(payload_.get());
  const std::string_view target = head_.target();
  request.path = target.substr(0, target.find('?'));
  if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
  if (!request.path.starts_with('/')) {
    refuse(400, "bad_target", "The admin interface takes paths only: it is no proxy.");
    return;
  }
  keep_alive_ = head_.minor_version() > 0 ? !head_.has_token(FieldId::connection, "close")
                                          : head_.has_token(FieldId::connection, "keep-alive");
  const Response response = router_.dispatch(request);
  switch (response.kind) {
    case Response::Kind::whole:
      answer(response, keep_alive_);
      return;
    case Response::Kind::later:
      state_ = State::waiting;
      stream_.set_deadline(kCall);
      return;
    case Response::Kind::stream:
      begin_stream(response);
      return;
  }
}

void AdminSession::answer_later(const Response& response) {
  if (state_ != State::waiting) return;
  answer(response, keep_alive_);
  if (state_ == State::head) progress();  // the next call may have come
}

void AdminSession::begin_stream(const Response& response) {
  const bool chunked = head_.minor_version() > 0;
  std::string text = "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(response.content_type) +
                     "\r\nCache-Control: no-store\r\nConnection: close\r\n";
  if (chunked) text += "Transfer-Encoding: chunked\r\n";
  for (const auto& [name, value] : fields_of(response)) text.append(name).append(": ").append(value).append("\r\n");
  text += "\r\n";
  evbuffer_add(stream_.out(), text.data(), text.size());
  stream_.touch();
  if (head_.method() == "HEAD") {
    linger();
    return;
  }
  stream_body_ = proxy::BodyWriter({chunked ? proxy::Framing::Kind::chunked : proxy::Framing::Kind::until_close, 0});
  state_ = State::streaming;
  stream_.clear_deadline();
  if (!response.body.empty()) push(response.body);
}

bool AdminSession::push(std::string_view text) {
  if (state_ != State::streaming) return false;
  if (stream_.out_size() > kMostUnread) {
    close();
    return false;
  }
  evbuffer_add(payload_.get(), text.data(), text.size());
  stream_body_.write(payload_.get(), stream_.out());
  stream_.touch();
  return true;
}

void AdminSession::end() {
  if (state_ != State::streaming) return;
  stream_body_.finish({}, {}, stream_.out());
  stream_.touch();
  linger();
}

// While an answer is made, or goes on. What the caller sends meanwhile waits for the answer's end; a reader of a stream
// has nothing more to say.
void AdminSession::wait() {
  const bool streaming = state_ == State::streaming;
  if (streaming && stream_.in_size() > 0) {
    evbuffer_drain(stream_.in(), stream_.in_size());
    stream_.touch();
  }
  if (stream_.failed() || stream_.write_failed() || stream_.timed_out() || (streaming && stream_.read_ended())) close();
}

void AdminSession::refuse(int status, std::string_view code, std::string_view message) {
  answer(error_response(status, code, message), false);
}

void AdminSession::answer(const Response& response, bool keep_alive) {
  const Fields added = fields_of(response);
  proxy::OwnResponse own;
  own.status = response.status;
  own.text = response.body;
  own.keep_alive = keep_alive;
  own.head_only = head_.method() == "HEAD" || response.status == 304;
  own.client_minor_version = head_.minor_version();
  own.added = added.data();
  own.added_count = added.size();
  own.content_type = response.content_type;
  if (!response.etag.empty()) own.cache_control = "no-cache";
  proxy::write_own_response(own, stream_.out());
  stream_.touch();
  if (keep_alive) {
    state_ = State::head;
    stream_.set_deadline(kIdle);
  } else {
    linger();
  }
}

void AdminSession::linger() {
  state_ = State::lingering;
  farewell_.emplace(stream_, proxy::Farewell::Manner::hear_out, kCall);
  hear_out();
}

void AdminSession::hear_out() {
  if (farewell_->over()) close();
}

void AdminSession::close() {
  state_ = State::closed;
  done_(*this);
}

}  // namespace backoffd::admin
