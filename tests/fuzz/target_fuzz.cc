// Request-targets and Host values, apart from the grammar around them. First byte: method and version; then the target,
// a line end, and the Host value.
#include "proxy/http/rewrite.h"
#include "tests/fuzz/message.h"

using namespace backoffd::proxy;
using namespace backoffd::proxy::fuzz;

namespace {

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '~' || c == ':';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  static constexpr std::string_view kMethods[] = {"GET", "CONNECT", "OPTIONS", "POST"};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t end = std::min(text.find('\n'), text.size());
  Head head;
  head.set_request(kMethods[data[0] % 4], text.substr(0, end), data[0] & 4 ? 0 : 1);
  if (end < text.size()) head.add("Host", text.substr(end + 1));

  const TargetResult result = parse_target(head);
  const Target& target = result.target;
  CHECK(result.ok == result.error.name.empty());
  if (!result.ok) return 0;
  CHECK(target.form == (head.method() == "CONNECT" ? Target::Form::authority : Target::Form::absolute));
  CHECK(!target.host.empty() && target.host.size() <= 254);
  CHECK(std::all_of(target.host.begin(), target.host.end(), is_host_char));
  CHECK(target.port != 0);
  CHECK(target.path().starts_with('/'));
  CHECK(target.path_and_query.find('#') == std::string_view::npos);

  // The authority written is the one read.
  Head again;
  const std::string written = (target.https ? "https://" : "http://") + target.authority() + "/x";
  again.set_request("GET", written, 0);
  const TargetResult same = parse_target(again);
  CHECK(same.ok);
  CHECK(same.target.host == target.host);
  CHECK(same.target.port == target.port);
  Head host;
  host.set_request("GET", written, 1);
  host.add("Host", target.authority());
  CHECK(parse_target(host).ok);

  // A request for the target inside its own tunnel is never misdirected.
  if (target.form == Target::Form::authority) {
    Head inner;
    inner.set_request("GET", "/x", 1);
    inner.add("Host", target.authority());
    CHECK(parse_target_within(inner, target).ok);
  }
  return 0;
}
