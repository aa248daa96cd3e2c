// Which provider a request goes to. Limits, queue and learning are kept per ProviderKey, "provider@host": one provider
// may have several hosts that it limits apart, and one host belongs to one provider only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/config.h"

namespace backoffd::policy {

struct ProviderKey {
  std::string provider;
  std::string host;  // lower case, no port

  std::string text() const;  // "provider@host"

  // The reverse; none without an '@' or with nothing on one side of it. A host has no '@', a name may: the last counts.
  static std::optional<ProviderKey> parse(std::string_view text);

  bool operator==(const ProviderKey&) const = default;
};

// Host or name -> configured provider. Immutable after construction, so any number of threads may look things up.
class ProviderIndex {
 public:
  // REQUIRES: `providers` outlives the index and does not change.
  explicit ProviderIndex(const std::vector<ProviderConfig>& providers);

  // The first provider in the order of the config one of whose host patterns matches; nullptr: none does. Letter case
  // and one trailing dot of the host do not matter. `host` is not kept.
  const ProviderConfig* by_host(std::string_view host) const;

  // The provider of that exact name; nullptr: none.
  const ProviderConfig* by_name(std::string_view name) const;

 private:
  const std::vector<ProviderConfig>& providers_;
  // Most patterns are plain names: those are looked up, and only the real globs before the hit are tried in turn.
  std::map<std::string, std::size_t, std::less<>> plain_;          // lower case -> the first provider with it
  std::vector<std::pair<std::size_t, const std::string*>> globs_;  // in the order of the config
  std::map<std::string_view, std::size_t, std::less<>> names_;
};

}  // namespace backoffd::policy
