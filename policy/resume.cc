#include "policy/resume.h"

#include <algorithm>

#include "policy/text.h"

namespace backoffd::policy {
namespace {

// The value of a field that has one: "" when it is absent, none when it is there twice and does not agree with itself.
std::optional<std::string_view> single(const ResponseFacts& response, std::string_view name) {
  std::optional<std::string_view> found;
  for (const FieldView& field : response.fields) {
    if (!equals_ignoring_case(field.name, name)) continue;
    if (found && *found != trim(field.value)) return std::nullopt;
    found = trim(field.value);
  }
  return found.value_or("");
}

bool is_strong_etag(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  const std::string_view opaque = text.substr(1, text.size() - 2);
  return std::all_of(opaque.begin(), opaque.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != '"' && byte != 0x7f;
  });
}

bool is_strong_date(std::string_view last_modified, std::string_view date, WallTime now) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  const auto modified = parse_http_date(last_modified, second);
  const auto sent = parse_http_date(date, second);
  return modified && sent && *modified + std::chrono::seconds(1) <= *sent;
}

// Content codings agree when they are written alike; "identity" is none.
std::optional<std::string_view> content_coding(const ResponseFacts& response) {
  const auto coding = single(response, "content-encoding");
  return coding && equals_ignoring_case(*coding, "identity") ? std::string_view() : coding;
}

bool is_multipart(const ResponseFacts& response) {
  const auto type = single(response, "content-type");
  return !type || starts_with_ignoring_case(*type, "multipart/byteranges");
}

// A transfer coding other than chunked would make an offset in the message another one than in the entity.
bool is_transfer_coded(const ResponseFacts& response) {
  const auto coding = single(response, "transfer-encoding");
  return !coding || !(coding->empty() || equals_ignoring_case(*coding, "chunked"));
}

std::optional<ContentRange> content_range(const ResponseFacts& response, const BodyEnd& end) {
  if (is_multipart(response)) return std::nullopt;
  const auto range = ContentRange::parse(single(response, "content-range").value_or(""));
  if (range && end.kind == BodyEnd::Kind::length && end.length != range->last - range->first + 1) return std::nullopt;
  return range;
}

}  // namespace

std::optional<ContentRange> ContentRange::parse(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!starts_with_ignoring_case(text, kUnit)) return std::nullopt;
  text = trim(text.substr(kUnit.size()));
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto first = parse_unsigned(text.substr(0, dash));
  const auto last = parse_unsigned(text.substr(dash + 1, slash - dash - 1));
  const std::string_view total_text = text.substr(slash + 1);
  const auto total = parse_unsigned(total_text);
  if (!first || !last || *first > *last || (!total && total_text != "*")) return std::nullopt;
  // No entity has 2^63 bytes, and below that offsets can be added up without a thought.
  if (*last >= std::uint64_t{1} << 63 || (total && *last >= *total)) return std::nullopt;
  return ContentRange{*first, *last, total};
}

ResumePoint::ResumePoint(std::string_view method, const ResponseFacts& response, const BodyEnd& end) {
  if (method != "GET" || end.kind == BodyEnd::Kind::close || is_transfer_coded(response)) return;
  if (response.status == 206) {
    const auto range = content_range(response, end);
    if (!range) return;
    partial_ = true;
    offset_ = range->first;
    end_ = range->last + 1;
    total_ = range->total;
  } else if (response.status == 200) {
    if (end.kind == BodyEnd::Kind::length) end_ = total_ = end.length;
  } else {
    return;
  }

  const auto coding = content_coding(response);
  const auto etag = single(response, "etag");
  const auto last_modified = single(response, "last-modified");
  if (!coding || !etag || !last_modified) return;
  coding_ = *coding;
  if (!etag->empty()) {
    // Beside a weak ETag a date must not be used either (RFC 9110 13.1.5).
    if (is_strong_etag(*etag)) validator_ = *etag;
  } else if (is_strong_date(*last_modified, single(response, "date").value_or(""), response.received)) {
    validator_ = *last_modified;
    by_date_ = true;
  }
}

bool ResumePoint::resumable(std::uint64_t got) const { return !validator_.empty() && (!end_ || offset_ + got < *end_); }

std::string ResumePoint::range(std::uint64_t got) const {
  return "bytes=" + std::to_string(offset_ + got) + '-' + (partial_ ? std::to_string(*end_ - 1) : "");
}

Continuation ResumePoint::check(const ResponseFacts& response, const BodyEnd& end, std::uint64_t got) const {
  const auto validator = single(response, by_date_ ? "last-modified" : "etag");
  const auto coding = content_coding(response);
  if (!validator || *validator != validator_ || !coding || !equals_ignoring_case(*coding, coding_)) return {};
  if (is_transfer_coded(response)) return {};
  if (response.status == 206) return check_partial(response, end, offset_ + got);
  if (response.status == 200) return check_whole(end, offset_ + got);
  return {};
}

// Everything asked for must come, for where it would end otherwise nobody could tell a short answer from a break.
Continuation ResumePoint::check_partial(const ResponseFacts& response, const BodyEnd& end, std::uint64_t next) const {
  const auto range = content_range(response, end);
  if (!range || range->first != next) return {};
  if (total_ && range->total != total_) return {};
  const auto last = end_ ? end_ : range->total;
  if (!last || range->last + 1 != *last) return {};
  return {Continuation::Kind::go_on, 0, *last - next};
}

Continuation ResumePoint::check_whole(const BodyEnd& end, std::uint64_t next) const {
  std::optional<std::uint64_t> total = total_;
  if (end.kind == BodyEnd::Kind::length) {
    if ((total && *total != end.length) || end.length < next || end.length < end_.value_or(0)) return {};
    total = end.length;
  }
  const auto last = end_ ? end_ : total;
  // Without any announced end a break in this body would look like its end.
  if (!last && end.kind == BodyEnd::Kind::close) return {};
  return {Continuation::Kind::discard, next, last ? std::optional(*last - next) : std::nullopt};
}

}  // namespace backoffd::policy
