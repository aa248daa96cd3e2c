#include "proxy/http/parser.h"

#include <event2/buffer.h>
#include <llhttp.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "policy/text.h"

namespace backoffd::proxy {
namespace {

// A request line may be so much longer than its target: method, two spaces, version, line end.
constexpr std::size_t kAroundTarget = 256;

constexpr bool is_visible(unsigned char c) { return c > 0x20 && c < 0x7f; }
// What a field value or a reason phrase may hold: visible characters, SP, HTAB and obs-text (RFC 9110 5.5).
constexpr bool is_text(unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; }

template <class Test>
bool all_of(std::string_view text, Test test) {
  return std::all_of(text.begin(), text.end(), [test](char c) { return test(static_cast<unsigned char>(c)); });
}

// The same for a whole value, eight bytes at a time: this looks at nearly every byte of every head. A word with a byte
// below 0x20 or a DEL in it is looked at again byte by byte, for it may be a HTAB.
bool all_text(std::string_view text) {
  constexpr std::uint64_t kOnes = ~std::uint64_t{0} / 255, kHigh = kOnes << 7;
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    const std::uint64_t del = word ^ (kOnes * 0x7f);
    const std::uint64_t odd = ((word - kOnes * 0x20) & ~word) | ((del - kOnes) & ~del);
    if ((odd & kHigh) != 0 && !all_of(text.substr(0, sizeof word), is_text)) return false;
    text.remove_prefix(sizeof word);
  }
  return all_of(text, is_text);
}

// "HTTP/1.x" with one digit each side and in capitals (RFC 9112 2.3). The minor version, -1 for anything else.
int minor_version(std::string_view version) {
  if (version.size() != 8 || !version.starts_with("HTTP/1.") || !policy::is_digit(version[7])) return -1;
  return std::min(version[7] - '0', 1);
}

}  // namespace

struct HeadParser::Impl {
  explicit Impl(Kind k) : kind(k), state(k == Kind::trailers ? Stage::fields : Stage::start_line) {}

  State feed(evbuffer* in, const HeadLimits& limits);

  bool read_start_line(std::string_view text, const HeadLimits& limits);
  bool parse_request_line(std::string_view line, const HeadLimits& limits);
  bool parse_status_line(std::string_view line);
  std::size_t read_fields(std::string_view text, const HeadLimits& limits);
  bool check_fields();

  bool refuse(int status, std::string_view name) {
    error = {kind == Kind::response ? 502 : status, name};
    state = Stage::error;
    return false;
  }
  Head::Span span(std::string_view text) const {
    return {static_cast<std::uint32_t>(text.data() - head.bytes_.data()), static_cast<std::uint32_t>(text.size())};
  }

  static Impl& of(llhttp_t* p) { return *static_cast<Impl*>(p->data); }
  static int on_field(llhttp_t* p, const char* at, std::size_t size) { return of(p).name_bytes(at, size); }
  static int on_field_complete(llhttp_t* p) {
    // To llhttp every field is one like any other: what Content-Length, Transfer-Encoding, Connection and Upgrade mean
    // is framing.cc's to say, and llhttp's reading of them refuses what is right (a TAB before a length).
    p->header_state = 0;
    return of(p).name_complete();
  }
  static int on_value(llhttp_t* p, const char* at, std::size_t size) { return of(p).value_bytes(at, size); }
  static llhttp_settings_t make_settings();
  static llhttp_t fresh_parser();

  // llhttp hands out a name or value in pieces where the input is split; they lie side by side in bytes_.
  std::uint32_t offset(const char* at) const {
    return static_cast<std::uint32_t>(static_cast<std::size_t>(at - piece) + base);
  }
  int name_bytes(const char* at, std::size_t size) {
    const std::uint32_t begin = offset(at);
    if (in_name)
      head.fields_.back().name.size += static_cast<std::uint32_t>(size);
    else
      head.fields_.push_back({{begin, static_cast<std::uint32_t>(size)}, {}, FieldId::other});
    in_name = true;
    return 0;
  }
  int name_complete() {
    in_name = false;
    return head.fields_.size() > max_fields ? -1 : 0;
  }
  int value_bytes(const char* at, std::size_t size) {
    const std::uint32_t begin = offset(at);
    Head::Span& value = head.fields_.back().value;
    if (value.size == 0) value.at = begin;
    value.size = begin + static_cast<std::uint32_t>(size) - value.at;
    return 0;
  }

  enum class Stage : std::uint8_t { start_line, fields, done, error };

  Kind kind;
  Stage state;
  bool in_name = false;
  llhttp_t llhttp;
  Head head;
  HeadError error;
  std::size_t fields_at = 0;  // where in head.bytes_ the field lines begin
  std::size_t max_fields = 0;
  const char* piece = nullptr;  // what llhttp reads now ...
  std::size_t base = 0;         // ... and where it will stand in head.bytes_
};

llhttp_settings_t HeadParser::Impl::make_settings() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_header_field = &on_field;
  settings.on_header_field_complete = &on_field_complete;
  settings.on_header_value = &on_value;
  settings.on_headers_complete = [](llhttp_t*) { return static_cast<int>(HPE_PAUSED); };
  return settings;
}

// llhttp as it stands behind a start line. Which line does not matter: it is paused before it would act on one, and
// requests and responses have the same field lines.
llhttp_t HeadParser::Impl::fresh_parser() {
  static const llhttp_settings_t settings = make_settings();
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  constexpr std::string_view kLine = "GET / HTTP/1.1\r\n";
  llhttp_execute(&parser, kLine.data(), kLine.size());
  return parser;
}

HeadParser::State HeadParser::Impl::feed(evbuffer* in, const HeadLimits& limits) {
  while (state == Stage::start_line || state == Stage::fields) {
    // Not the peek's result: a read that found the peer's end leaves a chain without a byte in it.
    if (evbuffer_get_length(in) == 0) return State::more;
    evbuffer_iovec piece_of;
    evbuffer_peek(in, -1, nullptr, &piece_of, 1);
    std::string_view text(static_cast<const char*>(piece_of.iov_base), piece_of.iov_len);
    if (head.bytes_.capacity() < 64) head.bytes_.reserve(std::min<std::size_t>(text.size(), 1024));
    text = text.substr(0, limits.head_bytes - head.bytes_.size());

    const std::size_t before = head.bytes_.size();
    if (state == Stage::start_line) {
      read_start_line(text, limits);
      evbuffer_drain(in, head.bytes_.size() - before);
    } else {
      evbuffer_drain(in, read_fields(text, limits));
    }
    const bool open = state == Stage::start_line || state == Stage::fields;
    if (open && head.bytes_.size() >= limits.head_bytes) refuse(431, "head_too_large");
  }
  return state == Stage::done ? State::done : State::error;
}

// Collects the line in head.bytes_, then judges it whole.
bool HeadParser::Impl::read_start_line(std::string_view text, const HeadLimits& limits) {
  const std::size_t limit = kind == Kind::request ? limits.request_target + kAroundTarget : limits.head_bytes;
  text = text.substr(0, limit - head.bytes_.size());
  const std::size_t end = text.find('\n');
  head.bytes_.append(text.substr(0, end == std::string_view::npos ? end : end + 1));
  const std::string_view line(head.bytes_);

  // What is no HTTP at all is refused at its first byte rather than after a time-out.
  if (kind == Kind::request && !policy::is_token(line.substr(0, 1))) return refuse(400, "bad_request_line");
  constexpr std::string_view kName = "HTTP/";
  if (kind == Kind::response && line.substr(0, kName.size()) != kName.substr(0, line.size()))
    return refuse(502, "bad_status_line");

  if (end == std::string_view::npos) {
    if (line.size() < limit) return true;
    if (kind == Kind::response) return refuse(502, "head_too_large");
    return line.substr(0, kAroundTarget).find(' ') != std::string_view::npos ? refuse(414, "target_too_long")
                                                                             : refuse(400, "bad_request_line");
  }
  // A bare LF is taken for a line end by some and for a character by others (RFC 9112 2.2): it is refused.
  const bool crlf = line.ends_with("\r\n");
  const std::string_view inner = line.substr(0, line.size() - (crlf ? 2 : 1));
  if (kind == Kind::request) {
    if (!crlf) return refuse(400, "bad_request_line");
    if (!parse_request_line(inner, limits)) return false;
  } else {
    if (!crlf) return refuse(502, "bad_status_line");
    if (!parse_status_line(inner)) return refuse(502, "bad_status_line");
  }
  fields_at = head.bytes_.size();
  state = Stage::fields;
  return true;
}

// request-line = method SP request-target SP HTTP-version, each SP exactly one (RFC 9112 3).
bool HeadParser::Impl::parse_request_line(std::string_view line, const HeadLimits& limits) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == last) return refuse(400, "bad_request_line");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!policy::is_token(method)) return refuse(400, "bad_request_line");
  if (target.size() > limits.request_target) return refuse(414, "target_too_long");
  if (target.empty() || !all_of(target, is_visible)) return refuse(400, "bad_request_line");
  const int minor = minor_version(version);
  if (minor < 0) {
    const bool other_major = version.size() == 8 && version.starts_with("HTTP/") && policy::is_digit(version[5]) &&
                             version[6] == '.' && policy::is_digit(version[7]) && version[5] != '1';
    return refuse(other_major ? 505 : 400, "bad_version");
  }
  head.first_ = span(method);
  head.second_ = span(target);
  head.minor_ = minor;
  return true;
}

// status-line = HTTP-version SP 3DIGIT SP [ reason-phrase ] (RFC 9112 4). Many servers leave out the second SP together
// with the phrase; that has one meaning only, so it is taken.
bool HeadParser::Impl::parse_status_line(std::string_view line) {
  const int minor = minor_version(line.substr(0, 8));
  if (minor < 0 || line.size() < 12 || line[8] != ' ') return false;
  const auto code = policy::parse_unsigned(line.substr(9, 3));
  if (!code || *code < 100) return false;
  if (line.size() > 12 && line[12] != ' ') return false;
  const std::string_view reason = line.substr(std::min<std::size_t>(13, line.size()));
  if (!all_text(reason)) return false;
  head.second_ = span(reason);
  head.status_ = static_cast<int>(*code);
  head.minor_ = minor;
  return true;
}

// Field lines up to the empty one. Returns how many bytes of `text` belong to the head.
std::size_t HeadParser::Impl::read_fields(std::string_view text, const HeadLimits& limits) {
  if (head.bytes_.size() == fields_at) {
    static const llhttp_t fresh = fresh_parser();
    llhttp = fresh;
    llhttp.data = this;
    head.fields_.reserve(16);
    max_fields = limits.fields;
  }
  piece = text.data();
  base = head.bytes_.size();
  const llhttp_errno_t result = llhttp_execute(&llhttp, text.data(), text.size());
  if (result == HPE_OK) {
    head.bytes_.append(text);
    return text.size();
  }
  const std::size_t used = static_cast<std::size_t>(llhttp_get_error_pos(&llhttp) - text.data());
  head.bytes_.append(text.substr(0, used));
  switch (result) {
    case HPE_PAUSED:
      if (check_fields()) state = Stage::done;
      break;
    case HPE_CB_HEADER_FIELD_COMPLETE:
      refuse(431, "too_many_fields");
      break;
    default:
      refuse(400, "bad_field_line");
  }
  return used;
}

// Holds the index against the bytes it was made from: each line is name ":" OWS value OWS CRLF, the next one begins
// where it ends, and an empty line follows the last. So nothing llhttp takes as a line end or as white space (bare LF,
// obs-fold, a CR within a value), in this version or the next, can mean something else to the next recipient.
bool HeadParser::Impl::check_fields() {
  const std::string_view bytes(head.bytes_);
  std::size_t at = fields_at;
  const auto skip_space = [&] {
    while (at < bytes.size() && (bytes[at] == ' ' || bytes[at] == '\t')) ++at;
  };
  for (Head::Line& line : head.fields_) {
    const std::string_view name = head.view(line.name);
    if (line.name.at != at || name.empty()) return refuse(400, "bad_field_line");
    at += name.size();
    if (at >= bytes.size() || bytes[at] != ':') return refuse(400, "bad_field_line");
    ++at;
    skip_space();
    if (line.value.size == 0) line.value.at = static_cast<std::uint32_t>(at);
    const std::string_view value = policy::trim(head.view(line.value));
    if (line.value.at != at) return refuse(400, "obs_fold");
    line.value.size = static_cast<std::uint32_t>(value.size());
    if (!all_text(value))
      return refuse(400, value.find('\n') != std::string_view::npos ? "obs_fold" : "bad_field_line");
    at += value.size();
    skip_space();
    if (bytes.substr(at, 2) != "\r\n") return refuse(400, "bad_field_line");
    at += 2;
    line.id = field_id(name);
    head.present_ |= Head::bit(line.id);
  }
  return bytes.substr(at) == "\r\n" || refuse(400, "bad_field_line");
}

HeadParser::HeadParser(Kind kind, const HeadLimits& limits) : limits_(limits), kind_(kind) {}
HeadParser::~HeadParser() = default;
HeadParser::HeadParser(HeadParser&&) noexcept = default;
HeadParser& HeadParser::operator=(HeadParser&&) noexcept = default;

HeadParser::State HeadParser::feed(evbuffer* in) {
  if (!impl_) {
    if (kind_ == Kind::request && !empty_line_skipped_ && !skip_empty_line(in)) return State::more;
    if (evbuffer_get_length(in) == 0) return State::more;
    impl_ = std::make_unique<Impl>(kind_);
  }
  return impl_->feed(in, limits_);
}

// Some clients send CRLF behind a request body; it does not begin a request yet. False: cannot tell yet.
bool HeadParser::skip_empty_line(evbuffer* in) {
  char first[2];
  const auto size = evbuffer_copyout(in, first, sizeof first);
  if (size < 1) return false;
  if (first[0] != '\r') return true;
  if (size == 1) return false;
  if (first[1] != '\n') return true;  // the start line's own check refuses it
  evbuffer_drain(in, sizeof first);
  empty_line_skipped_ = true;
  return true;
}

bool HeadParser::started() const { return impl_ != nullptr; }

Head& HeadParser::head() { return impl_->head; }

Head HeadParser::take() {
  Head head = std::move(impl_->head);
  impl_.reset();
  empty_line_skipped_ = false;
  return head;
}

const HeadError& HeadParser::error() const { return impl_->error; }

bool HeadParser::begins_with_head() const { return impl_ && impl_->head.bytes_.starts_with("HEAD "); }

}  // namespace backoffd::proxy
