// The environment variables by which common tools are told of a proxy and of roots to trust: one table for
// `backoffd exec`, which sets them, and `backoffd env`, which prints them. Pure functions.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace backoffd::admin {

using Variables = std::vector<std::pair<std::string, std::string>>;

struct ToolSettings {
  std::string proxy;   // "http://127.0.0.1:8080"
  std::string bundle;  // PEM file of the system's roots and ours; empty: nothing is intercepted
  std::string root;    // PEM file of ours alone; empty where bundle is
  std::string wgetrc;  // wget's start-up file that names the bundle; empty: none
};

// In the order of the table. NO_PROXY is not among them: what the caller has excluded stays so. Nor is ALL_PROXY: it
// would only add schemes, such as ftp and SOCKS, that this proxy does not speak.
Variables tool_environment(const ToolSettings& settings);

enum class EnvFormat { sh, fish, dotenv, json };
inline constexpr std::array<std::string_view, 4> kEnvFormatNames = {"sh", "fish", "dotenv", "json"};

// For `eval`, for a file, or for a program. Values may hold any byte but NUL. REQUIRES: names are plain.
std::string format_variables(const Variables& variables, EnvFormat format);

}  // namespace backoffd::admin
