// One small 64-bit hash for everything that must come out the same in every build and after every restart: the arms of
// gates, quota scopes, request classes. FNV-1a for the bytes; its weak high bits are then spread by the finalizer of
// MurmurHash3. Not for tables an attacker may fill: there is no secret in it.
#pragma once

#include <cstdint>
#include <string_view>

namespace backoffd::policy {

inline constexpr std::uint64_t kHashStart = 0xcbf29ce484222325;  // FNV-1a offset basis

// `start` chains: hash(b, hash(a)) depends on both texts, on their order and on where one ends.
constexpr std::uint64_t hash(std::string_view text, std::uint64_t start = kHashStart) {
  std::uint64_t h = start;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 33);
}

}  // namespace backoffd::policy
