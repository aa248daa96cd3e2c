#include "policy/hint.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "policy/hash.h"
#include "policy/hint_value.h"
#include "policy/text.h"

namespace backoffd::policy {
namespace {

constexpr std::size_t kLongestValue = 1024;  // bytes of one field; what is longer is no hint
constexpr std::size_t kMostQuotas = 8;       // items of RateLimit, and of RateLimit-Policy, that are looked at
constexpr std::int64_t kLargestConcurrency = 1'000'000;

// One quota as a server describes it, from whichever fields.
struct Quota {
  std::string_view name;  // empty: none
  std::string_view unit;  // empty: requests
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> remaining;
  std::optional<Duration> reset;
  std::optional<Duration> window;

  bool empty() const { return !limit && !remaining && !reset && !window; }
};

// The smaller share left is the tighter quota; of two that are used up, the one that stays so longer. A quota that does
// not say what is left tells less than any that does: such are told apart by their rate.
bool tighter(const Quota& a, const Quota& b) {
  if (a.remaining.has_value() != b.remaining.has_value()) return a.remaining.has_value();
  if (!a.remaining) {
    const auto rate = [](const Quota& q) {
      return q.limit && q.window ? static_cast<double>(*q.limit) / seconds(*q.window)
                                 : std::numeric_limits<double>::infinity();
    };
    return rate(a) < rate(b);
  }
  if (*a.remaining == 0 && *b.remaining == 0) return a.reset.value_or(Duration{}) > b.reset.value_or(Duration{});
  const auto share = [](const Quota& q) {
    return static_cast<double>(*q.remaining) /
           static_cast<double>(q.limit.value_or(std::max<std::int64_t>(1, *q.remaining)));
  };
  return share(a) < share(b) || (share(a) == share(b) && *a.remaining < *b.remaining);
}

struct QuotaList {
  std::array<Quota, kMostQuotas> items;
  std::size_t size = 0;

  bool add(const Quota& quota) {
    if (size == items.size()) return false;
    items[size++] = quota;
    return true;
  }
  auto begin() const { return items.begin(); }
  auto end() const { return items.begin() + static_cast<std::ptrdiff_t>(size); }
};

// The families of fields that each describe one quota with one number a field.
enum Family : std::size_t { kDraft, kX, kXDashed, kFamilies };

class Reader {
 public:
  explicit Reader(const ResponseFacts& response) : response_(response) {}

  void read();
  Hint finish();

  // What the rows of the table below do with a value.
  void retry_after(Family, std::string_view value);
  void ratelimit(Family, std::string_view value);
  void ratelimit_policy(Family, std::string_view value);
  void limit(Family, std::string_view value);
  void remaining(Family, std::string_view value);
  void reset(Family, std::string_view value);
  void interval(Family, std::string_view value);
  void concurrency(Family, std::string_view value);
  void pool(Family, std::string_view value) { pool_ = value; }
  void resource(Family, std::string_view value) { resource_ = value; }

 private:
  bool read_item(std::string_view item, Quota& quota);
  std::optional<Duration> read_time(std::string_view text, TimeForms forms);
  void complete(Quota& quota) const;
  void read_rates(const Quota& best);
  std::uint64_t scope() const;

  const ResponseFacts& response_;
  Hint hint_;
  std::array<Quota, kFamilies> families_;
  QuotaList limits_;    // RateLimit
  QuotaList policies_;  // RateLimit-Policy
  std::string_view pool_, resource_;
};

struct Row {
  std::string_view name;
  void (Reader::*read)(Family, std::string_view);
  Family family = kDraft;
};

// Every field there is. draft: IETF httpapi ratelimit-headers; the three fields RateLimit-Limit, -Remaining and -Reset
// are its form up to -06, and RateLimit itself was a dictionary in -07.
constexpr std::array kRows = {
    Row{"retry-after", &Reader::retry_after},  // RFC 9110 10.2.3
    Row{"ratelimit", &Reader::ratelimit},
    Row{"ratelimit-policy", &Reader::ratelimit_policy},
    Row{"ratelimit-limit", &Reader::limit, kDraft},
    Row{"ratelimit-remaining", &Reader::remaining, kDraft},
    Row{"ratelimit-reset", &Reader::reset, kDraft},
    Row{"x-ratelimit-limit", &Reader::limit, kX},
    Row{"x-ratelimit-remaining", &Reader::remaining, kX},
    Row{"x-ratelimit-reset", &Reader::reset, kX},
    Row{"x-ratelimit-resource", &Reader::resource},
    Row{"x-rate-limit-limit", &Reader::limit, kXDashed},
    Row{"x-rate-limit-interval", &Reader::interval, kXDashed},
    Row{"x-rate-limit-remaining", &Reader::remaining, kXDashed},
    Row{"x-rate-limit-reset", &Reader::reset, kXDashed},
    Row{"x-concurrency-limit", &Reader::concurrency},
    Row{"x-api-pool", &Reader::pool},
};

constexpr std::uint32_t kLengths = [] {
  std::uint32_t lengths = 0;
  for (const Row& row : kRows) lengths |= 1u << row.name.size();
  return lengths;
}();

const Row* find_row(std::string_view name) {
  if (name.size() >= 32 || !(kLengths >> name.size() & 1)) return nullptr;
  const char first = to_lower(name[0]);
  if (first != 'r' && first != 'x') return nullptr;
  const auto row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return equals_ignoring_case(r.name, name); });
  return row == kRows.end() ? nullptr : &*row;
}

void Reader::read() {
  for (const FieldView& field : response_.fields) {
    const Row* row = find_row(field.name);
    if (!row) continue;
    if (field.value.size() > kLongestValue) {
      ++hint_.ignored;
    } else {
      (this->*row->read)(row->family, trim(field.value));
    }
  }
}

std::optional<Duration> Reader::read_time(std::string_view text, TimeForms forms) {
  const TimeLeft time = time_left(text, forms, response_);
  if (!time.sound) ++hint_.ignored;
  return time.left;
}

// The longest of several: doubled by a proxy ("5, 5") or sent twice. A date has a comma of its own, and ends in GMT.
void Reader::retry_after(Family, std::string_view value) {
  const auto take = [&](std::string_view text) {
    const auto time = read_time(text, TimeForms::standard);
    if (time && (!hint_.retry_after || *time > *hint_.retry_after)) hint_.retry_after = time;
  };
  if (!value.empty() && is_digit(value.front())) {
    ListReader list(value);
    while (const auto element = list.next()) take(*element);
    return;
  }
  constexpr std::string_view kBetweenDates = " GMT,";
  for (auto end = value.find(kBetweenDates); end != std::string_view::npos; end = value.find(kBetweenDates)) {
    take(value.substr(0, end + kBetweenDates.size() - 1));
    value = trim(value.substr(end + kBetweenDates.size()));
  }
  take(value);
}

// One item of RateLimit or RateLimit-Policy, or one member of the dictionary of draft -07. False: malformed.
//   "burst";q=100;w=60   burst;r=50;t=30   100;w=60   limit=100   "fixed window";"api";q=3000;w=300 (the last string
//   counts)
bool Reader::read_item(std::string_view item, Quota& quota) {
  ListReader parts(item, ';');
  bool first = true;
  while (const auto part = parts.next()) {
    const bool leads = std::exchange(first, false);
    if (const auto text = unquote(*part)) {
      quota.name = *text;
      continue;
    }
    const auto equals = part->find('=');
    if (equals == std::string_view::npos) {
      if (!leads) continue;  // a parameter without a value is true, which means nothing to us
      if (is_digit(part->front())) {
        quota.limit = parse_count(*part, 1);
        if (!quota.limit) return false;
      } else if (is_token(*part)) {
        quota.name = *part;
      } else {
        return false;
      }
      continue;
    }
    const std::string_view key = trim(part->substr(0, equals));
    const std::string_view value = trim(part->substr(equals + 1));
    if (key == "q" || key == "limit") {
      quota.limit = parse_count(value, 1);
      if (!quota.limit) return false;
    } else if (key == "r" || key == "remaining") {
      quota.remaining = parse_count(value, 0);
      if (!quota.remaining) return false;
    } else if (key == "w") {
      quota.window = parse_span(value);
      if (!quota.window) return false;
    } else if (key == "t" || key == "reset") {
      if (!parse_count(value, 0)) return false;
      quota.reset = read_time(value, key == "reset" ? TimeForms::any : TimeForms::standard);
    } else if (key == "qu") {
      quota.unit = unquote(value).value_or(value);
      if (equals_ignoring_case(quota.unit, "requests")) quota.unit = {};
    }
  }
  return true;
}

void Reader::ratelimit(Family, std::string_view value) {
  ListReader list(value);
  while (const auto item = list.next()) {
    const std::string_view key = trim(item->substr(0, item->find('=')));
    if (key == "limit" || key == "remaining" || key == "reset") {  // a member of the dictionary
      Quota copy = families_[kDraft];
      if (read_item(*item, copy)) {
        families_[kDraft] = copy;
      } else {
        ++hint_.ignored;
      }
      continue;
    }
    Quota quota;
    if (!read_item(*item, quota) || !quota.remaining || !limits_.add(quota)) ++hint_.ignored;
  }
}

void Reader::ratelimit_policy(Family, std::string_view value) {
  ListReader list(value);
  while (const auto item = list.next()) {
    Quota quota;
    if (!read_item(*item, quota) || !quota.limit || !policies_.add(quota)) ++hint_.ignored;
  }
}

// "100", "50, 50" (doubled by a proxy), "100;w=21600", "100, 100;w=60, 1000;w=3600": the first number counts, and the
// window that stands with it or with its like. The same field a second time changes nothing.
void Reader::limit(Family family, std::string_view value) {
  Quota& quota = families_[family];
  if (quota.limit) return;
  ListReader list(value);
  while (const auto item = list.next()) {
    Quota element;
    if (!read_item(*item, element) || !element.limit) break;
    if (!quota.limit) quota.limit = element.limit;
    if (!quota.window && element.limit == quota.limit) quota.window = element.window;
  }
  if (!quota.limit) ++hint_.ignored;
}

void Reader::remaining(Family family, std::string_view value) {
  Quota& quota = families_[family];
  if (quota.remaining) return;
  ListReader list(value);
  if (const auto first = list.next())
    quota.remaining = parse_decimal_count(trim(first->substr(0, first->find(';'))), 0);
  if (!quota.remaining) ++hint_.ignored;
}

void Reader::reset(Family family, std::string_view value) {
  Quota& quota = families_[family];
  if (quota.reset) return;
  if (!value.empty() && is_digit(value.front())) {
    ListReader list(value);
    const std::string_view first = list.next().value_or("");
    value = trim(first.substr(0, first.find(';')));
  }
  quota.reset = read_time(value, TimeForms::any);
}

void Reader::interval(Family family, std::string_view value) {
  const auto span = parse_interval(ListReader(value).next().value_or(""));
  if (span) families_[family].window = span;
  if (!span) ++hint_.ignored;
}

void Reader::concurrency(Family, std::string_view value) {
  ListReader list(value);
  const auto count = parse_count(list.next().value_or(""), 1);
  if (!count || *count > kLargestConcurrency) {
    ++hint_.ignored;
  } else if (!hint_.concurrency || *count < *hint_.concurrency) {
    hint_.concurrency = count;
  }
}

// Adds what RateLimit-Policy says of the same quota: the policy of that name, for a quota without one that of its
// limit.
void Reader::complete(Quota& quota) const {
  for (const Quota& policy : policies_) {
    if (policy.name != quota.name || (quota.name.empty() && quota.limit && policy.limit != quota.limit)) continue;
    if (!quota.limit) quota.limit = policy.limit;
    if (!quota.window) quota.window = policy.window;
    if (quota.unit.empty()) quota.unit = policy.unit;
    return;
  }
}

// A name that stands alone says which narrower quota this request fell under. Several names are several windows of one
// quota, and "default" is the one that is not narrower.
std::uint64_t Reader::scope() const {
  std::string_view name;
  bool several = false;
  for (const QuotaList* list : {&limits_, &policies_}) {
    for (const Quota& quota : *list) {
      if (!quota.unit.empty() || quota.name.empty()) continue;
      several = several || (!name.empty() && name != quota.name);
      name = quota.name;
    }
  }
  if (several || name == "default") name = {};
  std::uint64_t scope = 0;
  for (const std::string_view part : {name, pool_, resource_}) {
    if (!part.empty()) scope = hash(part, scope == 0 ? kHashStart : scope);
  }
  return scope;
}

// Several windows of one quota hold together: besides the quota that says what is left, and without the policy that it
// is, the lowest rate of the short windows and that of the long ones.
void Reader::read_rates(const Quota& best) {
  const auto rate = [](std::int64_t requests, Duration window) {
    return static_cast<double>(requests) / seconds(window);
  };
  const auto consider = [&](const Quota& quota) {
    if (!quota.unit.empty() || quota.remaining || !quota.limit || !quota.window) return;
    if (best.remaining && quota.name == best.name && quota.limit == best.limit) return;
    auto& kept = *quota.window <= kBurstWindow ? hint_.burst : hint_.sustained;
    if (!kept || rate(*quota.limit, *quota.window) < rate(kept->requests, kept->window))
      kept = HintRate{*quota.limit, *quota.window};
  };
  for (const Quota& quota : families_) consider(quota);
  for (const Quota& quota : policies_) consider(quota);
}

Hint Reader::finish() {
  for (std::size_t i = 0; i < limits_.size; ++i) complete(limits_.items[i]);
  complete(families_[kDraft]);

  Quota best;
  const auto consider = [&](const Quota& quota) {
    if (!quota.unit.empty() || quota.empty()) return;
    if (best.empty() || tighter(quota, best)) best = quota;
  };
  for (const Quota& quota : limits_) consider(quota);
  for (const Quota& quota : families_) consider(quota);
  for (const Quota& policy : policies_) {
    if (policy.unit == "concurrent-requests") {
      if (*policy.limit <= kLargestConcurrency) {
        hint_.concurrency = std::min(hint_.concurrency.value_or(kLargestConcurrency), *policy.limit);
      } else {
        ++hint_.ignored;
      }
    }
    consider(policy);
  }
  read_rates(best);
  hint_.limit = best.limit;
  hint_.remaining = best.remaining;
  hint_.reset = best.reset;
  hint_.window = best.window;
  hint_.scope = scope();
  return hint_;
}

}  // namespace

bool is_hint_field(std::string_view name) { return find_row(name) != nullptr; }

Hint read_hint(const ResponseFacts& response) {
  Reader reader(response);
  reader.read();
  return reader.finish();
}

bool is_throttle_answer(int status, const Hint& hint) {
  switch (status) {
    case 429:
      return true;
    case 503:
      return hint.retry_after.has_value();
    case 403:
      return hint.retry_after.has_value() || hint.remaining == 0;
    default:
      return false;
  }
}

}  // namespace backoffd::policy
