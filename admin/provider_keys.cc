// The keys inside a provider, and those of limits that default_limits shares with it.
#include "admin/address.h"
#include "admin/config_keys.h"
#include "admin/key_types.h"
#include "admin/upstream_proxy.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::LimitConfig;
using policy::OperationRule;
using policy::ProviderConfig;
using policy::QueueConfig;
using policy::RoleConfig;

const List<RateText> kRates{RateText()};
const Span kWait(0s, 24h);
const Choice<policy::Operation> kOperation{policy::kOperationNames};

// A duration, or an object of one for each operation and "default" for the others.
struct MaxWait : Scalar {
  using Field = QueueConfig;
  std::string type() const { return "duration or object"; }
  std::string range() const { return kWait.range(); }
  Spelling spelling() const { return Spelling::text; }
  bool read(QueueConfig& field, const Place& place) const {
    const json::Object* members = place.value.object();
    if (!members) return kWait.read(field.max_wait, place);
    bool all_good = true;
    for (const auto& [member, value] : *members) {
      const Place at = place.member(member, value);
      const auto operation = policy::parse_operation(member);
      if (member == "default") {
        all_good &= kWait.read(field.max_wait, at);
      } else if (operation) {
        all_good &= kWait.read(field.max_wait_of[*operation], at);
      } else {
        place.problems.push_back({at.where, "unknown operation; expected default, " + kOperation.range()});
        all_good = false;
      }
    }
    return all_good;
  }
  json::Value show(const QueueConfig& field) const {
    if (field.max_wait_of.empty()) return kWait.show(field.max_wait);
    json::Value out;
    out["default"] = kWait.show(field.max_wait);
    for (const auto& [operation, wait] : field.max_wait_of) out[name(operation)] = kWait.show(wait);
    return out;
  }
};

std::string check_name(std::string_view text) {
  const bool fine = !text.empty() && text.size() <= 64 && text.find_first_of("@/ \"\\") == std::string_view::npos;
  return fine ? "" : "expected a name of 1 to 64 characters without @, /, quotes and spaces";
}

#define FIELD(member) ([](auto& t) -> auto& { return t.member; })

const Keys<RoleConfig>& role_keys() {
  static const Keys<RoleConfig> keys = {
      key<RoleConfig>("name", Word("name", check_name), FIELD(name), "name of the role", Presence::required),
      key<RoleConfig>("operations", List(kOperation, 1), FIELD(operations), "operations that count against it",
                      Presence::required),
      key<RoleConfig>("limits", List(RateText(), 1), FIELD(limits), "rates, all of which must hold",
                      Presence::required),
  };
  return keys;
}

const Keys<OperationRule>& rule_keys() {
  static const Keys<OperationRule> keys = {
      key<OperationRule>("host", Word("glob"), FIELD(host), "hosts it is about; empty: all of the provider"),
      key<OperationRule>("method", Word("glob"), FIELD(method), "methods it is about; empty: all"),
      key<OperationRule>("path", Word("glob"), FIELD(path), "paths it is about, without the query; empty: all"),
      key<OperationRule>("operation", kOperation, FIELD(operation), "what such a request is", Presence::required),
  };
  return keys;
}

}  // namespace

const Keys<LimitConfig>& limit_keys() {
  static const Keys<LimitConfig> keys = {
      key<LimitConfig>("limits", kRates, FIELD(limits), "rates such as \"10/SECOND\", all of which must hold"),
      key<LimitConfig>("roles", List(Section(role_keys())), FIELD(roles),
                       "further rates that only some operations count against"),
      key<LimitConfig>("max_concurrency", Integer<int>(0, 100000), FIELD(max_concurrency),
                       "requests under way at once; 0: not limited"),
      key<LimitConfig>("max_rate", OptionalRate(), FIELD(max_rate),
                       "learning may raise the limit up to this; none: never above `limits`"),
      key<LimitConfig>("max_wait", MaxWait(), FIELD(queue),
                       "longest wait in the queue before 429; an object sets it for single operations"),
      key<LimitConfig>("max_queue", Integer<int>(0, 1000000), FIELD(queue.max_queue),
                       "places in the queue of each host; beyond: 429 at once"),
      key<LimitConfig>("count_head", Boolean(), FIELD(count_head), "does HEAD count against the rates"),
  };
  return keys;
}

const Keys<ProviderConfig>& provider_keys() {
  static const Keys<ProviderConfig> keys = [] {
    Keys<ProviderConfig> all = {
        key<ProviderConfig>("name", Word("name", check_name), FIELD(name),
                            "name in logs, metrics and Backoffd-Provider", Presence::required),
        key<ProviderConfig>("hosts", List<Word>(Word("host", check_host_glob), 1), FIELD(hosts),
                            "hosts that are this provider, each with limits of its own", Presence::required),
    };
    const auto limits = within<ProviderConfig>(limit_keys(), FIELD(limit));
    all.insert(all.end(), limits.begin(), limits.end());
    all.push_back(key<ProviderConfig>("operations", List(Section(rule_keys())), FIELD(operations),
                                      "what requests are for, where the built-in rules would be wrong; first match"));
    all.push_back(key<ProviderConfig>("alternates", List<Word>(Word("host", check_host)), FIELD(alternates),
                                      "hosts that serve the same paths, tried on failover"));
    all.push_back(key<ProviderConfig>("upstream_roots", Word("path"), FIELD(upstream_roots),
                                      "PEM file of roots that are trusted for its hosts besides the others"));
    all.push_back(key<ProviderConfig>("client_certificate", Word("path"), FIELD(client_certificate),
                                      "PEM file that is shown to its hosts: the certificate, then its chain"));
    all.push_back(key<ProviderConfig>("client_key", Word("path"), FIELD(client_key),
                                      "PEM file of that certificate's key, without a passphrase"));
    all.push_back(key<ProviderConfig>("upstream_proxy", Word("URL", check_proxy_or_direct), FIELD(upstream_proxy),
                                      "proxy on the way to its hosts, \"http://HOST:PORT\", or \"direct\"; empty: the "
                                      "general one"));
    return all;
  }();
  return keys;
}

#undef FIELD

}  // namespace backoffd::admin
