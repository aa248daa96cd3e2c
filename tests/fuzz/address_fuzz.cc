// Addresses, ranges, endpoints and hosts written as numbers: what is read can be written and is read again as the same,
// and no spelling of an address is judged otherwise than the address.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/egress.h"

using namespace backoffd::proxy;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_judgement(const Address& address) {
  Egress egress;
  egress.deny = {address.text()};
  const auto rules = EgressRules::make(egress, {{address, 8080}});
  require(rules.ok());
  require(!rules.value().check("host.example", address, 80).allowed);
  require(rules.value().check("host.example", address, 8080).own_port);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const HostNumber number = read_host_number(text);
  if (const auto address = Address::parse(text)) {
    require(Address::parse(address->text()) == address);
    require(number.is_number && number.address == address);
  }
  if (number.address) {
    require(number.is_number);
    check_judgement(*number.address);
  }
  if (const auto endpoint = Endpoint::parse(text)) require(Endpoint::parse(endpoint->text()) == endpoint);
  std::string why;
  if (const auto range = Cidr::parse(text, why)) {
    std::string again;
    const auto same = Cidr::parse(range->text(), again);
    require(same && same->text() == range->text());
  } else {
    require(!why.empty());
  }
  Egress egress;
  egress.allow = {std::string(text)};
  const auto rules = EgressRules::make(egress, {});
  if (rules.ok()) (void)rules.value().check(text, Address::v4(0x7f000001), 80);
  return 0;
}
