#include "policy/hint.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "policy/hash.h"
#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;
using Fields = std::vector<FieldView>;

constexpr WallTime kNow = std::chrono::sys_days(2026y / 11 / 23) + 13h;  // Unix time 1795438800

Hint read(Fields fields, int status = 200) { return read_hint({status, fields, kNow}); }

// What a case expects; -1 and an empty name: nothing. Times in seconds.
struct Want {
  double retry_after = -1;
  std::int64_t limit = -1;
  std::int64_t remaining = -1;
  double reset = -1;
  double window = -1;
  std::int64_t concurrency = -1;
  int ignored = 0;
  const char* scope = "";
};

struct Case {
  const char* what;
  Fields fields;
  Want want;
  int status = 200;
};

void check(const Case& c) {
  SCOPED_TRACE(c.what);
  const Hint hint = read(c.fields, c.status);
  const auto time = [](const std::optional<Duration>& d) { return d ? seconds(*d) : -1; };
  EXPECT_EQ(time(hint.retry_after), c.want.retry_after);
  EXPECT_EQ(hint.limit.value_or(-1), c.want.limit);
  EXPECT_EQ(hint.remaining.value_or(-1), c.want.remaining);
  EXPECT_NEAR(time(hint.reset), c.want.reset, 1e-6);
  EXPECT_EQ(time(hint.window), c.want.window);
  EXPECT_EQ(hint.concurrency.value_or(-1), c.want.concurrency);
  EXPECT_EQ(hint.ignored, c.want.ignored);
  EXPECT_EQ(hint.scope, *c.want.scope ? hash(c.want.scope) : 0);
}

TEST(Hint, RatesOfAShortAndOfALongWindowAreBothKept) {
  const auto is = [](const std::optional<HintRate>& rate, std::int64_t requests, Duration window) {
    return rate && rate->requests == requests && rate->window == window;
  };
  const char* const kBoth = R"("burst";q=100;w=60,"daily";q=1000;w=86400)";
  const Hint both = read({{"RateLimit-Policy", kBoth}});
  EXPECT_TRUE(is(both.burst, 100, std::chrono::minutes(1)));
  EXPECT_TRUE(is(both.sustained, 1000, std::chrono::hours(24)));

  const Hint daily = read({{"RateLimit-Policy", kBoth}, {"RateLimit", R"("daily";r=900;t=80000)"}});
  EXPECT_TRUE(is(daily.burst, 100, std::chrono::minutes(1)));
  EXPECT_FALSE(daily.sustained);  // what is left of it is told
  EXPECT_EQ(daily.remaining, 900);
  EXPECT_EQ(daily.limit, 1000);

  const Hint burst = read({{"RateLimit-Policy", kBoth}, {"RateLimit", R"("burst";r=9;t=30)"}});
  EXPECT_FALSE(burst.burst);
  EXPECT_TRUE(is(burst.sustained, 1000, std::chrono::hours(24)));

  const Hint lowest = read({{"RateLimit-Policy", "5;w=1, 60;w=30, 9;qu=\"content-bytes\";w=1"}});
  EXPECT_TRUE(is(lowest.burst, 60, std::chrono::seconds(30)));
  EXPECT_FALSE(lowest.sustained);

  const Hint docker = read({{"RateLimit-Limit", "100;w=21600"}, {"RateLimit-Remaining", "76;w=21600"}});
  EXPECT_FALSE(docker.burst || docker.sustained);
  const Hint crossref = read({{"X-Rate-Limit-Limit", "3"}, {"X-Rate-Limit-Interval", "1s"}});
  EXPECT_TRUE(is(crossref.burst, 3, std::chrono::seconds(1)));
}

TEST(Hint, RetryAfter) {
  const std::string long_value(65536, '9');
  for (const Case& c : {
           Case{"seconds", {{"Retry-After", "120"}}, {.retry_after = 120}},
           Case{"any case, white space", {{"RETRY-after", " 3\t"}}, {.retry_after = 3}},
           Case{"hours (OpenAlex)", {{"Retry-After", "53578"}}, {.retry_after = 53578}},
           Case{"zero is no information (arXiv)", {{"Retry-After", "0"}}, {}},
           Case{"IMF-fixdate by our clock", {{"Retry-After", "Mon, 23 Nov 2026 13:00:30 GMT"}}, {.retry_after = 30}},
           Case{"rfc850-date", {{"Retry-After", "Monday, 23-Nov-26 13:00:30 GMT"}}, {.retry_after = 30}},
           Case{"asctime-date", {{"Retry-After", "Mon Nov 23 13:00:30 2026"}}, {.retry_after = 30}},
           Case{"against the response's own Date",
                {{"Retry-After", "Mon, 23 Nov 2026 12:00:30 GMT"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}},
                {.retry_after = 30}},
           Case{"rfc850-date against the response's own Date",
                {{"Retry-After", "Monday, 23-Nov-26 12:00:30 GMT"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}},
                {.retry_after = 30}},
           Case{"asctime-date against a Date of that form",
                {{"Date", "Mon Nov 23 12:00:00 2026"}, {"Retry-After", "Mon Nov 23 12:00:30 2026"}},
                {.retry_after = 30}},
           Case{"a date that the response's own Date has passed",
                {{"Date", "Mon, 23 Nov 2026 13:10:00 GMT"}, {"Retry-After", "Mon, 23 Nov 2026 13:09:59 GMT"}},
                {}},
           Case{"seconds count from the answer whatever its Date",
                {{"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Retry-After", "30"}},
                {.retry_after = 30}},
           Case{"Date that is none",
                {{"date", "yesterday"}, {"Retry-After", "Mon, 23 Nov 2026 13:00:30 GMT"}},
                {.retry_after = 30}},
           Case{"Date of another age",
                {{"Date", "Thu, 01 Jan 1970 00:00:00 GMT"}, {"Retry-After", "Mon, 23 Nov 2026 13:00:30 GMT"}},
                {.retry_after = 30}},
           Case{"a date that has come", {{"Retry-After", "Mon, 23 Nov 2026 13:00:00 GMT"}}, {}},
           Case{"a date that is past", {{"Retry-After", "Mon, 23 Nov 2026 12:59:00 GMT"}}, {}},
           Case{"a date years away", {{"Retry-After", "Tue, 23 Nov 2049 13:00:00 GMT"}}, {.ignored = 1}},
           Case{"the end of time", {{"Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"}}, {.ignored = 1}},
           Case{"doubled by a proxy", {{"Retry-After", "5, 5"}}, {.retry_after = 5}},
           Case{"twice: the longer", {{"Retry-After", "5"}, {"Retry-After", "9"}}, {.retry_after = 9}},
           Case{"twice: one is bad", {{"Retry-After", "soon"}, {"Retry-After", "9"}}, {.retry_after = 9, .ignored = 1}},
           Case{"a date doubled by a proxy",
                {{"Retry-After", "Mon, 23 Nov 2026 13:00:30 GMT, Mon, 23 Nov 2026 13:00:40 GMT"}},
                {.retry_after = 40}},
           Case{"a date beside seconds", {{"Retry-After", "Monday, 23-Nov-26 13:00:30 GMT, 5"}}, {.retry_after = 30}},
           Case{"a date without its zone", {{"Retry-After", "Mon, 23 Nov 2026 13:00:30"}}, {.ignored = 1}},
           Case{"an ISO 8601 date is none here", {{"Retry-After", "2026-11-23T13:00:30Z"}}, {.ignored = 1}},
           Case{"quoted", {{"Retry-After", "\"120\""}}, {.ignored = 1}},
           Case{"negative", {{"Retry-After", "-1"}}, {.ignored = 1}},
           Case{"fraction", {{"Retry-After", "1.5"}}, {.ignored = 1}},
           Case{"unit", {{"Retry-After", "30s"}}, {.ignored = 1}},
           Case{"empty", {{"Retry-After", ""}}, {.ignored = 1}},
           Case{"words", {{"Retry-After", "later, much later"}}, {.ignored = 1}},
           Case{"Unix time is absurd here", {{"Retry-After", "1795438860"}}, {.ignored = 1}},
           Case{"more than fits", {{"Retry-After", "99999999999999999999999"}}, {.ignored = 1}},
           Case{"a year", {{"Retry-After", "31536000"}}, {.retry_after = 31536000}},
           Case{"more than a year", {{"Retry-After", "31622401"}}, {.ignored = 1}},
           Case{"64 kB", {{"Retry-After", long_value}}, {.ignored = 1}},
       }) {
    check(c);
  }
}

TEST(Hint, IetfDraft) {
  for (const Case& c : {
           Case{"item", {{"RateLimit", "\"default\";r=50;t=30"}}, {.remaining = 50, .reset = 30}},
           Case{
               "token instead of a string (-08)", {{"RateLimit", "default;r=50;t=30"}}, {.remaining = 50, .reset = 30}},
           Case{"with its policy",
                {{"RateLimit-Policy", "\"api\";q=500;w=300"}, {"RateLimit", "\"api\";r=499;t=120"}},
                {.limit = 500, .remaining = 499, .reset = 120, .window = 300, .scope = "api"}},
           Case{"white space, partition key, unknown parameters",
                {{"RateLimit", "\"100-in-15min\"; r=98; t=780; pk=:NzZ/NDE=:"},
                 {"RateLimit-Policy", "\"100-in-15min\"; q=100; w=900; pk=:NzZ/NDE=:; note=\"a;b,c\"; flag"}},
                {.limit = 100, .remaining = 98, .reset = 780, .window = 900, .scope = "100-in-15min"}},
           Case{"several: the smallest share left",
                {{"RateLimit-Policy", "\"burst\";q=100;w=60,\"daily\";q=1000;w=86400"},
                 {"RateLimit", "\"burst\";r=50;t=30, \"daily\";r=100;t=4000"}},
                {.limit = 1000, .remaining = 100, .reset = 4000, .window = 86400}},
           Case{"over several lines",
                {{"RateLimit-Policy", "\"burst\";q=100;w=60"},
                 {"RateLimit-Policy", "\"daily\";q=1000;w=86400"},
                 {"RateLimit", "\"burst\";r=5;t=30"},
                 {"RateLimit", "\"daily\";r=900;t=4000"}},
                {.limit = 100, .remaining = 5, .reset = 30, .window = 60}},
           Case{"two used up: the longer one",
                {{"RateLimit", "\"a\";r=0;t=30, \"b\";r=0;t=4000, \"c\";r=0"}},
                {.remaining = 0, .reset = 4000}},
           Case{"policies alone: the slowest",
                {{"RateLimit-Policy", "\"burst\";q=100;w=60,\"daily\";q=1000;w=86400"}},
                {.limit = 1000, .window = 86400}},
           Case{"policy without a window", {{"RateLimit-Policy", "\"x\";q=100"}}, {.limit = 100, .scope = "x"}},
           Case{"concurrency",
                {{"RateLimit-Policy", "\"c\";q=3;qu=\"concurrent-requests\""}, {"RateLimit", "\"c\";r=1"}},
                {.concurrency = 3}},
           Case{"bytes are no requests",
                {{"RateLimit-Policy", "\"b\";q=1000000;w=60;qu=\"content-bytes\""}, {"RateLimit", "\"b\";r=0;t=9"}},
                {}},
           Case{"the unit spelt out",
                {{"RateLimit-Policy", "\"p\";q=10;w=1;qu=\"requests\""}},
                {.limit = 10, .window = 1, .scope = "p"}},
           Case{"two strings (Hugging Face)",
                {{"RateLimit-Policy", "\"fixed window\";\"api\";q=500;w=300"}, {"RateLimit", "\"api\";r=0;t=120"}},
                {.limit = 500, .remaining = 0, .reset = 120, .window = 300, .scope = "api"}},
           Case{"dictionary (-07)",
                {{"RateLimit", "limit=100, remaining=80, reset=54"}, {"RateLimit-Policy", "100;w=60"}},
                {.limit = 100, .remaining = 80, .reset = 54, .window = 60}},
           Case{"dictionary, split over lines, spaced",
                {{"RateLimit", "limit=100"}, {"RateLimit", "remaining = 80"}, {"RateLimit", "reset=54"}},
                {.limit = 100, .remaining = 80, .reset = 54}},
           Case{"dictionary, doubled by a proxy",
                {{"RateLimit", "limit=100, remaining=80, reset=54, limit=100, remaining=80, reset=54"}},
                {.limit = 100, .remaining = 80, .reset = 54}},
           Case{"dictionary with semicolons",
                {{"RateLimit", "limit=100; remaining=80; reset=54"}},
                {.limit = 100, .remaining = 80, .reset = 54}},
           Case{"policies without quotes, of both ages",
                {{"RateLimit-Policy", "burst;q=10;w=1, 1000;w=3600;comment=\"hourly, all\""},
                 {"RateLimit", "burst;r=1;t=1"}},
                {.limit = 10, .remaining = 1, .reset = 1, .window = 1, .scope = "burst"}},
           Case{"two partitions of one quota: the tighter",
                {{"RateLimit", "\"p\";r=40;t=9;pk=:YQ==:, \"p\";r=2;t=5;pk=:Yg==:"},
                 {"RateLimit-Policy", "\"p\";q=50;w=10"}},
                {.limit = 50, .remaining = 2, .reset = 5, .window = 10, .scope = "p"}},
           Case{"requests and a cap in one answer",
                {{"RateLimit-Policy", "\"rate\";q=10;w=1, \"cap\";q=4;qu=\"concurrent-requests\""},
                 {"RateLimit", "\"rate\";r=9;t=1, \"cap\";r=0"}},
                {.limit = 10, .remaining = 9, .reset = 1, .window = 1, .concurrency = 4, .scope = "rate"}},
           Case{"dictionary, the policy of its limit",
                {{"RateLimit-Policy", "10;w=1, 50;w=60, 1000;w=3600"}, {"RateLimit", "limit=50, remaining=7, reset=3"}},
                {.limit = 50, .remaining = 7, .reset = 3, .window = 60}},
           Case{"draft -03: a field a figure, its policies in the limit",
                {{"RateLimit-Limit", "10, 10;w=1;burst=1000, 1000;w=3600"},
                 {"RateLimit-Remaining", "9"},
                 {"RateLimit-Reset", "1"}},
                {.limit = 10, .remaining = 9, .reset = 1, .window = 1}},
           Case{"on a redirect", {{"RateLimit", "\"default\";r=1;t=30"}}, {.remaining = 1, .reset = 30}, 307},
           Case{"on an error of the server",
                {{"RateLimit", "\"default\";r=1;t=30"}},
                {.remaining = 1, .reset = 30},
                500},
           Case{"t of 0: nothing to wait for", {{"RateLimit", "\"default\";r=1;t=0"}}, {.remaining = 1}},
           Case{"no r", {{"RateLimit", "\"default\";t=30"}}, {.ignored = 1}},
           Case{"negative r", {{"RateLimit", "\"default\";r=-1;t=30"}}, {.ignored = 1}},
           Case{"fraction", {{"RateLimit", "\"default\";r=1.5;t=30"}}, {.ignored = 1}},
           Case{"no q", {{"RateLimit-Policy", "\"default\";w=30"}}, {.ignored = 1}},
           Case{"w of 0", {{"RateLimit-Policy", "\"default\";q=1;w=0"}}, {.ignored = 1}},
           Case{"a bad item beside a good one",
                {{"RateLimit", "\"x;r=1;t=1"}, {"RateLimit", "\"y\";r=2;t=2"}},
                {.remaining = 2, .reset = 2, .ignored = 1, .scope = "y"}},
           Case{"bad member of a dictionary",
                {{"RateLimit", "limit=many, remaining=80, reset=54"}},
                {.remaining = 80, .reset = 54, .ignored = 1}},
           Case{"garbage", {{"RateLimit", "(1 2);x"}, {"RateLimit-Policy", "?1"}}, {.ignored = 2}},
           Case{"an integer of 16 digits", {{"RateLimit", "\"x\";r=1000000000000000"}}, {.ignored = 1}},
           Case{"more items than anybody needs",
                {{"RateLimit", "a;r=9,b;r=8,c;r=7,d;r=6,e;r=5,f;r=4,g;r=3,h;r=2,i;r=1,j;r=0"}},
                {.remaining = 2, .ignored = 2}},
       }) {
    check(c);
  }
}

TEST(Hint, OlderFields) {
  for (const Case& c : {
           Case{"draft up to -06",
                {{"RateLimit-Limit", "100, 100;w=60, 1000;w=3600"},
                 {"RateLimit-Remaining", "80"},
                 {"RateLimit-Reset", "54"}},
                {.limit = 100, .remaining = 80, .reset = 54, .window = 60}},
           Case{"draft -06 with its policy",
                {{"RateLimit-Limit", "10"},
                 {"RateLimit-Policy", "10;w=1, 50;w=60, 1000;w=3600"},
                 {"RateLimit-Remaining", "0"},
                 {"RateLimit-Reset", "1"}},
                {.limit = 10, .remaining = 0, .reset = 1, .window = 1}},
           Case{"Docker",
                {{"ratelimit-limit", "100;w=21600"},
                 {"ratelimit-remaining", "76;w=21600"},
                 {"docker-ratelimit-source", "192.0.2.1"}},
                {.limit = 100, .remaining = 76, .window = 21600}},
           Case{"GitHub: reset in Unix time",
                {{"x-ratelimit-limit", "5000"},
                 {"x-ratelimit-remaining", "0"},
                 {"x-ratelimit-used", "5000"},
                 {"x-ratelimit-reset", "1795440600"},
                 {"x-ratelimit-resource", "core"}},
                {.limit = 5000, .remaining = 0, .reset = 1800, .scope = "core"}},
           Case{"Unix time against the response's own Date",
                {{"Date", "Mon, 23 Nov 2026 13:10:00 GMT"}, {"X-RateLimit-Reset", "1795440600"}},
                {.reset = 1200}},
           Case{"OpenAlex: seconds left", {{"X-RateLimit-Reset", "39600"}}, {.reset = 39600}},
           Case{"milliseconds", {{"X-RateLimit-Reset", "1795438830500"}}, {.reset = 30.5}},
           Case{"10^12 itself is a Unix time in seconds, and absurd",
                {{"X-RateLimit-Reset", "1000000000000"}},
                {.ignored = 1}},
           Case{"milliseconds against the response's own Date",
                {{"Date", "Mon, 23 Nov 2026 13:10:00 GMT"}, {"X-RateLimit-Reset", "1795440600250"}},
                {.reset = 1200.25}},
           Case{"a date", {{"X-RateLimit-Reset", "Mon, 23 Nov 2026 13:00:07 GMT"}}, {.reset = 7}},
           Case{"rfc850-date", {{"X-RateLimit-Reset", "Monday, 23-Nov-26 13:00:07 GMT"}}, {.reset = 7}},
           Case{"asctime-date", {{"X-RateLimit-Reset", "Mon Nov 23 13:00:07 2026"}}, {.reset = 7}},
           Case{"dashed, in Unix time",
                {{"x-rate-limit-limit", "900"}, {"x-rate-limit-remaining", "0"}, {"x-rate-limit-reset", "1795438860"}},
                {.limit = 900, .remaining = 0, .reset = 60}},
           Case{"an ISO 8601 date", {{"X-RateLimit-Reset", "2026-11-23T13:00:07Z"}}, {.reset = 7}},
           Case{"an ISO 8601 date without seconds (Jira)",
                {{"X-RateLimit-Reset", "2026-11-23T14:05+01:00"}},
                {.reset = 300}},
           Case{"fractions (Reddit, Discord)",
                {{"X-Ratelimit-Remaining", "596.0"}, {"X-Ratelimit-Reset", "64.5701"}},
                {.remaining = 596, .reset = 64.571}},
           Case{"less than a second", {{"X-RateLimit-Reset", "0.25"}}, {.reset = 0.25}},
           Case{"Unix time with a fraction", {{"X-RateLimit-Reset", "1795438830.5"}}, {.reset = 30.5}},
           Case{"half a number", {{"X-RateLimit-Reset", "5."}, {"X-RateLimit-Remaining", ".5"}}, {.ignored = 2}},
           Case{"an hour that is none", {{"X-RateLimit-Reset", "2026-11-23T24:05Z"}}, {.ignored = 1}},
           Case{"doubled by a proxy",
                {{"X-RateLimit-Limit", "50, 50"}, {"X-RateLimit-Remaining", "0, 0"}, {"X-RateLimit-Reset", "30, 30"}},
                {.limit = 50, .remaining = 0, .reset = 30}},
           Case{"Unix time just past", {{"X-RateLimit-Reset", "1795438799"}}, {}},
           Case{"Unix time long past", {{"X-RateLimit-Reset", "1000000001"}}, {.ignored = 1}},
           Case{"10^9 itself is a delta, and absurd", {{"X-RateLimit-Reset", "1000000000"}}, {.ignored = 1}},
           Case{"Crossref",
                {{"X-Rate-Limit-Limit", "3"},
                 {"X-Rate-Limit-Interval", "1s"},
                 {"X-Concurrency-Limit", "3"},
                 {"X-Api-Pool", "polite-array"}},
                {.limit = 3, .window = 1, .concurrency = 3, .scope = "polite-array"}},
           Case{"doubled by a proxy",
                {{"X-Rate-Limit-Limit", "50, 50"}, {"X-Rate-Limit-Interval", "1m, 1m"}},
                {.limit = 50, .window = 60}},
           Case{"the same field twice: the first",
                {{"X-RateLimit-Remaining", "5"}, {"X-RateLimit-Remaining", "9"}},
                {.remaining = 5}},
           Case{"interval in days", {{"X-Rate-Limit-Interval", "366D"}}, {.window = 366.0 * 86400}},
           Case{"interval too long", {{"X-Rate-Limit-Interval", "367d"}}, {.ignored = 1}},
           Case{"interval in fortnights", {{"X-Rate-Limit-Interval", "1fortnight"}}, {.ignored = 1}},
           Case{"interval of nothing", {{"X-Rate-Limit-Interval", "0s"}}, {.ignored = 1}},
           Case{"two families: the tighter one whole",
                {{"X-RateLimit-Limit", "5000"},
                 {"X-RateLimit-Remaining", "10"},
                 {"RateLimit-Limit", "100"},
                 {"RateLimit-Remaining", "90"},
                 {"RateLimit-Reset", "9"}},
                {.limit = 5000, .remaining = 10}},
           Case{"unlimited", {{"X-RateLimit-Limit", "unlimited"}}, {.ignored = 1}},
           Case{"limit 0", {{"X-RateLimit-Limit", "0"}}, {.ignored = 1}},
           Case{"remaining -1", {{"X-RateLimit-Remaining", "-1"}}, {.ignored = 1}},
           Case{"concurrency 0", {{"X-Concurrency-Limit", "0"}}, {.ignored = 1}},
           Case{"concurrency of millions", {{"X-Concurrency-Limit", "1000001"}}, {.ignored = 1}},
           Case{"other fields", {{"Content-Length", "12"}, {"X-RateLimit-Used", "x"}, {"", "y"}}, {}},
       }) {
    check(c);
  }
}

// Whole answers as the providers send them, with the fields beside them that are none of our business.
TEST(Hint, Providers) {
  for (const Case& c : {
           Case{"Crossref, public pool, through a proxy that doubles",
                {{"x-rate-limit-limit", "5, 5"},
                 {"x-rate-limit-interval", "1s, 1s"},
                 {"x-concurrency-limit", "1, 1"},
                 {"x-api-pool", "public-array"}},
                {.limit = 5, .window = 1, .concurrency = 1, .scope = "public-array"}},
           Case{"Crossref, refused without a word", {{"Connection", "close"}}, {}},
           Case{"OpenAlex, the day's budget spent",
                {{"Retry-After", "53578"},
                 {"X-RateLimit-Limit", "100000"},
                 {"X-RateLimit-Limit-USD", "1.00"},
                 {"X-RateLimit-Remaining", "0"},
                 {"X-RateLimit-Remaining-USD", "0.00"},
                 {"X-RateLimit-Reset", "53578"},
                 {"X-RateLimit-Credits-Used", "10"},
                 {"X-RateLimit-Credits-Required", "10"}},
                {.retry_after = 53578, .limit = 100000, .remaining = 0, .reset = 53578}},
           Case{"arXiv, Varnish under load", {{"Retry-After", "0"}, {"Via", "1.1 varnish"}}, {}},
           Case{"Semantic Scholar", {{"x-amzn-ErrorType", "TooManyRequestsException"}}, {}},
           Case{"NCBI, with its last request",
                {{"X-RateLimit-Limit", "3"}, {"X-RateLimit-Remaining", "0"}},
                {.limit = 3, .remaining = 0}},
           Case{"DataCite, Wikimedia", {{"retry-after", "300"}}, {.retry_after = 300}},
           Case{"GitHub, primary limit",
                {{"Date", "Mon, 23 Nov 2026 13:20:00 GMT"},
                 {"x-ratelimit-limit", "60"},
                 {"x-ratelimit-remaining", "0"},
                 {"x-ratelimit-used", "60"},
                 {"x-ratelimit-reset", "1795440600"},
                 {"x-ratelimit-resource", "search"}},
                {.limit = 60, .remaining = 0, .reset = 600, .scope = "search"}},
           Case{"GitHub, secondary limit", {{"retry-after", "60"}}, {.retry_after = 60}},
           Case{"Zenodo",
                {{"X-RateLimit-Limit", "60"}, {"X-RateLimit-Remaining", "59"}, {"X-RateLimit-Reset", "1795438859"}},
                {.limit = 60, .remaining = 59, .reset = 59}},
           Case{"Hugging Face, as documented",
                {{"RateLimit", "\"api\";r=0;t=55"}, {"RateLimit-Policy", "\"fixed window\";\"api\";q=500;w=300"}},
                {.limit = 500, .remaining = 0, .reset = 55, .window = 300, .scope = "api"}},
           Case{"Hugging Face, the resolvers",
                {{"ratelimit", "\"resolvers\";r=2999;t=300"},
                 {"ratelimit-policy", "\"fixed window\";\"resolvers\";q=3000;w=300"}},
                {.limit = 3000, .remaining = 2999, .reset = 300, .window = 300, .scope = "resolvers"}},
           Case{"Docker Hub, anonymous, used up",
                {{"ratelimit-limit", "100;w=21600"},
                 {"ratelimit-remaining", "0;w=21600"},
                 {"docker-ratelimit-source", "192.0.2.1"}},
                {.limit = 100, .remaining = 0, .window = 21600}},
           Case{"Honeycomb",
                {{"RateLimit", "limit=100, remaining=80, reset=54"}, {"RateLimit-Policy", "100;w=60"}},
                {.limit = 100, .remaining = 80, .reset = 54, .window = 60}},
       }) {
    check(c);
  }
}

// What is no number of its kind is counted, and nothing of it is believed, whatever field it stands in.
TEST(Hint, MalformedFiguresAreCountedAndNotBelieved) {
  const std::vector<std::pair<std::string, std::string>> places = {
      {"Retry-After", "%"},
      {"RateLimit", "%"},
      {"RateLimit", "\"x\";r=%"},
      {"RateLimit", "\"x\";r=%;t=30"},
      {"RateLimit", "limit=%"},
      {"RateLimit", "remaining=%"},
      {"RateLimit", "reset=%"},
      {"RateLimit-Policy", "%"},
      {"RateLimit-Policy", "\"x\";q=%;w=60"},
      {"RateLimit-Policy", "\"x\";q=10;w=%"},
      {"RateLimit-Policy", "10;w=%"},
      {"RateLimit-Limit", "%"},
      {"RateLimit-Limit", "%;w=60"},
      {"RateLimit-Remaining", "%"},
      {"RateLimit-Reset", "%"},
      {"X-RateLimit-Limit", "%"},
      {"X-RateLimit-Remaining", "%"},
      {"X-RateLimit-Reset", "%"},
      {"X-Rate-Limit-Limit", "%"},
      {"X-Rate-Limit-Interval", "%"},
      {"X-Rate-Limit-Remaining", "%"},
      {"X-Rate-Limit-Reset", "%"},
      {"X-Concurrency-Limit", "%"},
  };
  const std::string digits(65536, '9');
  const std::string bad[] = {"-1",
                             "+5",
                             "1e3",
                             "0x10",
                             "1.5.2",
                             "5 5",
                             "5\t5",
                             "100/min",
                             "10req",
                             "5ms",
                             "5 min",
                             "NaN",
                             "inf",
                             "null",
                             "\xef\xbc\x95",
                             "?1",
                             ":NQ==:",
                             "(5)",
                             "1_000",
                             "-1795438860",
                             "1795438860s",
                             digits,
                             "-" + digits,
                             digits + "s",
                             "99999999999999999999",
                             "18446744073709551616",
                             "340282366920938463463374607431768211456"};
  for (const auto& [name, form] : places) {
    for (const std::string& value : bad) {
      std::string text = form;
      text.replace(text.find('%'), 1, value);
      const Hint hint = read({{name, text}});
      SCOPED_TRACE(name + ": " + text.substr(0, 80));
      EXPECT_GE(hint.ignored, 1);
      EXPECT_FALSE(hint.retry_after || hint.limit || hint.remaining || hint.reset || hint.window || hint.burst ||
                   hint.sustained || hint.concurrency);
    }
  }
}

TEST(Hint, WhatIsTooLongIsNoHintInAnyField) {
  std::string items;
  while (items.size() < 65536) items += "\"p\";r=0;q=1;w=1;t=9, ";
  for (const auto* name : {"Retry-After", "RateLimit", "RateLimit-Policy", "RateLimit-Limit", "X-RateLimit-Resource",
                           "X-Api-Pool", "X-Concurrency-Limit"}) {
    const Hint hint = read({{name, items}});
    EXPECT_TRUE(hint.empty()) << name;
    EXPECT_EQ(hint.ignored, 1) << name;
  }
}

// The same providers' refusals, and what only looks like one.
TEST(Hint, WhichAnswersOfProvidersAreRefusals) {
  struct Answer {
    const char* what;
    int status;
    Fields fields;
    bool refused;
  };
  for (const Answer& a : {
           Answer{"Crossref", 429, {}, true},
           Answer{"Crossref, blocked by hand", 403, {}, false},
           Answer{"OpenAlex, too fast", 429, {{"Retry-After", "1"}, {"X-RateLimit-Remaining", "9000"}}, true},
           Answer{"OpenAlex, what this request would cost is not left",
                  429,
                  {{"X-RateLimit-Remaining", "5"}, {"X-RateLimit-Credits-Required", "10"}},
                  true},
           Answer{"arXiv, Varnish under load", 503, {{"Retry-After", "0"}}, false},
           Answer{"arXiv, too fast", 429, {{"Retry-After", "0"}}, true},
           Answer{"NCBI", 429, {{"X-RateLimit-Limit", "3"}, {"X-RateLimit-Remaining", "0"}}, true},
           Answer{"NCBI, the last one of its second", 200, {{"X-RateLimit-Remaining", "0"}}, false},
           Answer{"GitHub, primary limit",
                  403,
                  {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1795440600"}},
                  true},
           Answer{"GitHub, secondary limit", 403, {{"retry-after", "60"}, {"x-ratelimit-remaining", "59"}}, true},
           Answer{"GitHub, no right to see it", 403, {{"x-ratelimit-remaining", "59"}}, false},
           Answer{"Hugging Face", 429, {{"RateLimit", "\"api\";r=0;t=55"}}, true},
           Answer{"a quota of the draft, by 403", 403, {{"RateLimit", "\"api\";r=0;t=55"}}, true},
           Answer{"Docker Hub", 429, {{"ratelimit-remaining", "0;w=21600"}}, true},
           Answer{"HathiTrust", 503, {}, false},
           Answer{"a server that goes down for a while", 503, {{"Retry-After", "120"}}, true},
           Answer{"malformed is no refusal", 503, {{"Retry-After", "soon"}}, false},
           Answer{"malformed is nothing left of nothing", 403, {{"X-RateLimit-Remaining", "-0"}}, false},
       }) {
    EXPECT_EQ(is_throttle_answer(a.status, read(a.fields, a.status)), a.refused) << a.what;
  }
}

TEST(Hint, TheScopeOfTwoNamesIsAnother) {
  const auto pool = read({{"X-Api-Pool", "a"}});
  const auto both = read({{"x-ratelimit-resource", "b"}, {"X-Api-Pool", "a"}});
  EXPECT_EQ(both.scope, read({{"X-Api-Pool", "a"}, {"x-ratelimit-resource", "b"}}).scope);
  EXPECT_NE(both.scope, pool.scope);
  EXPECT_FALSE(pool.empty());
  EXPECT_TRUE(read({}).empty());
}

TEST(Hint, KnowsItsFields) {
  for (const auto* name :
       {"Retry-After", "RateLimit", "RateLimit-Policy", "ratelimit-limit", "RATELIMIT-REMAINING", "RateLimit-Reset",
        "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Resource", "X-Rate-Limit-Limit",
        "X-Rate-Limit-Interval", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "X-Concurrency-Limit", "X-Api-Pool"}) {
    EXPECT_TRUE(is_hint_field(name)) << name;
  }
  for (const auto* name : {"", "R", "Date", "Retry-Afte", "Retry-Afters", "X-Api-Poop", "Content-Type",
                           "X-RateLimit-Limit-With-A-Very-Long-Name-Indeed"}) {
    EXPECT_FALSE(is_hint_field(name)) << name;
  }
}

TEST(Hint, WhatIsAThrottleAnswer) {
  const Hint nothing = read({});
  const Hint wait = read({{"Retry-After", "1"}});
  const Hint zero = read({{"Retry-After", "0"}});
  const Hint used_up = read({{"X-RateLimit-Remaining", "0"}});
  const Hint some_left = read({{"X-RateLimit-Remaining", "1"}});
  for (const Hint& hint : {nothing, wait, zero, used_up, some_left}) EXPECT_TRUE(is_throttle_answer(429, hint));
  EXPECT_TRUE(is_throttle_answer(503, wait));
  for (const Hint& hint : {nothing, zero, used_up, some_left}) EXPECT_FALSE(is_throttle_answer(503, hint));
  EXPECT_TRUE(is_throttle_answer(403, wait));
  EXPECT_TRUE(is_throttle_answer(403, used_up));
  for (const Hint& hint : {nothing, zero, some_left}) EXPECT_FALSE(is_throttle_answer(403, hint));
  for (const int status : {200, 304, 404, 500, 502, 504}) EXPECT_FALSE(is_throttle_answer(status, wait)) << status;
}

// Whatever comes, what is believed stays within its bounds.
TEST(Hint, RandomHeadsNeverYieldNonsense) {
  const char* names[] = {"Retry-After",
                         "RateLimit",
                         "RateLimit-Policy",
                         "RateLimit-Limit",
                         "X-RateLimit-Remaining",
                         "X-RateLimit-Reset",
                         "X-Rate-Limit-Limit",
                         "X-Rate-Limit-Interval",
                         "X-Concurrency-Limit",
                         "X-Api-Pool",
                         "Date"};
  const char* pieces[] = {"\"a\"",
                          ";",
                          ",",
                          "q=",
                          "r=",
                          "t=",
                          "w=",
                          "qu=",
                          "limit=",
                          "reset=",
                          "0",
                          "7",
                          "99",
                          "1795438860",
                          "1795438860000",
                          "-",
                          ".",
                          "\"",
                          "\\",
                          " ",
                          "Mon, 23 Nov 2026 13:00:30 GMT",
                          "d",
                          "2026-11-23T13:00:07Z",
                          "\xff"};
  Random random(1);
  for (int i = 0; i < 50'000; ++i) {
    std::vector<std::string> values(1 + random.next() % 4);
    Fields fields;
    for (std::string& value : values) {
      for (std::uint64_t n = random.next() % 8; n > 0; --n) value += pieces[random.next() % std::size(pieces)];
      fields.push_back({names[random.next() % std::size(names)], value});
    }
    const Hint hint = read(fields);
    ASSERT_TRUE(!hint.retry_after || (*hint.retry_after > 0s && *hint.retry_after <= 24h * 366));
    ASSERT_TRUE(!hint.reset || (*hint.reset > 0s && *hint.reset <= 24h * 366));
    ASSERT_TRUE(!hint.window || (*hint.window > 0s && *hint.window <= 24h * 366));
    ASSERT_TRUE(!hint.limit || *hint.limit > 0);
    ASSERT_TRUE(!hint.remaining || *hint.remaining >= 0);
    ASSERT_TRUE(!hint.concurrency || (*hint.concurrency > 0 && *hint.concurrency <= 1'000'000));
  }
}

}  // namespace
}  // namespace backoffd::policy
