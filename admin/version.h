#pragma once

#include <string_view>

namespace backoffd::admin {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace backoffd::admin
