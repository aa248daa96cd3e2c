// Which part of a host an answer speaks of. Limits are often kept apart for parts of a host: by endpoint (a class of
// requests: method and first path segment) or by a pool or policy that the answers name. What one part refuses must not
// hold up the others (POLICY 8), so evidence is filed by scope, and a request belongs to the scope that answers to its
// class have named.
//
// Bounded: kEntries scopes are told apart, the least recently named gives way; every other request is scope kRest.
// Not thread-safe: owned by a Learner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace backoffd::policy {

class ScopeTable {
 public:
  static constexpr int kRest = 0;
  static constexpr int kEntries = 4;
  static constexpr int kScopes = kEntries + 1;
  static constexpr int kNone = -1;

  // The scope of a request of that class, by what is known now.
  int of(std::uint64_t request_class) const {
    for (std::size_t i = 0; i < kMembers; ++i)
      if (member_of_[i] != kRest && members_[i] == request_class) return member_of_[i];
    return find(request_class);
  }

  // Whether the scope's entry was made just now: what its owner kept under this number belongs to another one then.
  struct Named {
    int scope;
    bool fresh;
  };
  // An answer to a request of that class says something about limits; `named` is the scope it names, 0 none: then it
  // speaks of the class's own scope. Scope `keep` does not give way.
  Named name(std::uint64_t request_class, std::uint64_t named, int keep);

  // The class turns out to share that scope. REQUIRES: scope != kRest.
  void join(std::uint64_t request_class, int scope);

  std::uint64_t id(int scope) const { return ids_[static_cast<std::size_t>(scope)]; }
  std::uint32_t version() const { return version_; }  // grows when of() may answer differently

 private:
  static constexpr std::size_t kMembers = 8;

  int find(std::uint64_t id) const {
    for (int i = 1; i < kScopes; ++i)
      if (used_[static_cast<std::size_t>(i)] != 0 && ids_[static_cast<std::size_t>(i)] == id) return i;
    return kRest;
  }

  // Arrays of each figure, not of structures: there are thousands of these tables. [kRest] is not used.
  std::array<std::uint64_t, kScopes> ids_{};
  std::array<std::uint64_t, kMembers> members_{};  // classes that belong to a scope of another name; a ring
  std::array<std::int8_t, kMembers> member_of_{};  // kRest: free
  std::array<std::uint32_t, kScopes> used_{};      // when it was last named; 0: free
  std::uint32_t next_member_ = 0;
  std::uint32_t clock_ = 0;
  std::uint32_t version_ = 0;
};

}  // namespace backoffd::policy
