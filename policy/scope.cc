#include "policy/scope.h"

namespace backoffd::policy {

ScopeTable::Named ScopeTable::name(std::uint64_t request_class, std::uint64_t named, int keep) {
  int scope = named != 0 ? find(named) : of(request_class);
  const bool fresh = scope == kRest;
  if (fresh) {
    for (int i = 1; i < kScopes; ++i) {
      if (i == keep) continue;
      if (scope == kRest || entries_[static_cast<std::size_t>(i)].used < entries_[static_cast<std::size_t>(scope)].used)
        scope = i;
    }
    for (Member& member : members_)
      if (member.scope == scope) member = {};
    entries_[static_cast<std::size_t>(scope)].id = named != 0 ? named : request_class;
    ++version_;
  }
  entries_[static_cast<std::size_t>(scope)].used = ++clock_;
  if (named != 0 && of(request_class) != scope) join(request_class, scope);
  return {scope, fresh};
}

void ScopeTable::join(std::uint64_t request_class, int scope) {
  ++version_;
  for (Member& member : members_) {
    if (member.scope == kRest || member.request_class != request_class) continue;
    member.scope = scope;
    return;
  }
  members_[next_member_++ % members_.size()] = {request_class, scope};
}

}  // namespace backoffd::policy
