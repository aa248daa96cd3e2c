#include "admin/key_types.h"

#include <algorithm>

namespace backoffd::admin {
namespace {

// The parsers of units and rates quote the text themselves, so that they serve the command line, too.
bool say(const Place& place, const policy::Error& error) {
  place.problems.push_back({place.where, error.what});
  return false;
}

}  // namespace

bool Span::read(policy::Duration& field, const Place& place) const {
  const std::string* text = place.value.string();
  if (!text && place.value.is_number()) return place.refuse("needs a unit, such as \"30s\"");
  if (!text) return place.refuse("expected a duration such as \"30s\"");
  const auto duration = parse_duration(*text);
  if (!duration) return say(place, duration.error());
  if (*duration < least || *duration > most) {
    return place.refuse("must be from " + format_duration(least) + " to " + format_duration(most));
  }
  field = *duration;
  return true;
}

bool Size::read(std::uint64_t& field, const Place& place) const {
  std::uint64_t bytes = 0;
  if (const std::string* text = place.value.string()) {
    const auto size = parse_size(*text);
    if (!size) return say(place, size.error());
    bytes = *size;
  } else if (const std::int64_t* number = place.value.integer(); number && *number >= 0) {
    bytes = static_cast<std::uint64_t>(*number);
  } else {
    return place.refuse("expected a size such as \"64KiB\"");
  }
  if (bytes < least || bytes > most) {
    return place.refuse("must be from " + format_size(least) + " to " + format_size(most));
  }
  field = bytes;
  return true;
}

bool Word::read(std::string& field, const Place& place) const {
  const std::string* text = place.value.string();
  if (!text) return place.refuse("expected text");
  const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; };
  if (std::any_of(text->begin(), text->end(), is_control)) return place.refuse("holds a control character");
  if (const std::string wrong = check ? check(*text) : ""; !wrong.empty()) return place.refuse(wrong);
  field = *text;
  return true;
}

std::optional<policy::Rate> RateText::parse(const Place& place) {
  const std::string* text = place.value.string();
  if (!text) {
    place.refuse("expected a rate such as \"10/SECOND\"");
    return std::nullopt;
  }
  auto rate = policy::Rate::parse(*text);
  if (rate) return *rate;
  say(place, rate.error());
  return std::nullopt;
}

}  // namespace backoffd::admin
