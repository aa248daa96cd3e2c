#include "policy/provider.h"

#include <algorithm>
#include <array>

#include "policy/text.h"

namespace backoffd::policy {

std::string ProviderKey::text() const { return provider + '@' + host; }

std::optional<ProviderKey> ProviderKey::parse(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return std::nullopt;
  return ProviderKey{std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

ProviderIndex::ProviderIndex(const std::vector<ProviderConfig>& providers) : providers_(providers) {
  for (std::size_t i = 0; i < providers_.size(); ++i) {
    names_.emplace(providers_[i].name, i);
    for (const std::string& pattern : providers_[i].hosts) {
      if (pattern.find_first_of("*?") != std::string::npos) {
        globs_.emplace_back(i, &pattern);
      } else {
        std::string plain = pattern;
        std::transform(plain.begin(), plain.end(), plain.begin(), to_lower);
        plain_.emplace(std::move(plain), i);
      }
    }
  }
}

const ProviderConfig* ProviderIndex::by_host(std::string_view host) const {
  if (host.ends_with('.')) host.remove_suffix(1);
  // A name that resolves has at most 253 bytes; a longer one can match a glob, but no plain name worth configuring.
  std::array<char, 253> lower;
  std::size_t found = providers_.size();
  if (host.size() <= lower.size()) {
    std::transform(host.begin(), host.end(), lower.begin(), to_lower);
    if (const auto it = plain_.find(std::string_view(lower.data(), host.size())); it != plain_.end())
      found = it->second;
  }
  for (const auto& [index, pattern] : globs_) {
    if (index >= found) break;
    if (glob_match_ignoring_case(*pattern, host)) found = index;
  }
  return found < providers_.size() ? &providers_[found] : nullptr;
}

const ProviderConfig* ProviderIndex::by_name(std::string_view name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : &providers_[it->second];
}

}  // namespace backoffd::policy
