#include "policy/scope.h"

namespace backoffd::policy {

ScopeTable::Named ScopeTable::name(std::uint64_t request_class, std::uint64_t named, int keep) {
  int scope = named != 0 ? find(named) : of(request_class);
  const bool fresh = scope == kRest;
  if (fresh) {
    for (int i = 1; i < kScopes; ++i) {
      if (i == keep) continue;
      if (scope == kRest || used_[static_cast<std::size_t>(i)] < used_[static_cast<std::size_t>(scope)]) scope = i;
    }
    for (std::int8_t& of : member_of_)
      if (of == scope) of = kRest;
    ids_[static_cast<std::size_t>(scope)] = named != 0 ? named : request_class;
    ++version_;
  }
  used_[static_cast<std::size_t>(scope)] = ++clock_;
  if (named != 0 && of(request_class) != scope) join(request_class, scope);
  return {scope, fresh};
}

void ScopeTable::join(std::uint64_t request_class, int scope) {
  ++version_;
  std::size_t place = kMembers;
  for (std::size_t i = 0; i < kMembers && place == kMembers; ++i)
    if (member_of_[i] != kRest && members_[i] == request_class) place = i;
  if (place == kMembers) place = next_member_++ % kMembers;
  members_[place] = request_class;
  member_of_[place] = static_cast<std::int8_t>(scope);
}

}  // namespace backoffd::policy
