// What a nameserver may send, and the files that name it. The first two octets of a message are made the question's id,
// so that the fuzzer need not find them.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "proxy/net/dns_message.h"
#include "proxy/net/name_files.h"

using namespace backoffd::proxy;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> message(data, data + size);
  if (size >= 2) message[0] = message[1] = 0;
  for (const DnsType type : {DnsType::a, DnsType::aaaa}) {
    const auto reply = read_dns_reply(message, "a.example", type, 0);
    if (!reply) continue;
    require(reply->addresses.empty() || (!reply->truncated && reply->rcode == kDnsNoError));
    require(reply->addresses.size() * 4 <= size);
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& [name, addresses] : parse_hosts(text)) require(!addresses.empty());
  const ResolvConf conf = parse_resolv_conf(text);
  require(!conf.nameservers.empty() && conf.attempts > 0);
  if (is_dns_name(text)) {
    require(!dns_question(text, DnsType::a, 0).empty());
    require(!search_candidates(text, conf).empty());
  }
  return 0;
}
