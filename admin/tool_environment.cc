#include "admin/tool_environment.h"

#include <algorithm>

#include "admin/json.h"
#include "policy/text.h"

namespace backoffd::admin {
namespace {

enum class What {
  proxy,
  on,      // "1": makes a tool look at the others
  bundle,  // replaces the tool's roots
  root,    // adds to them
  wgetrc,  // wget reads its roots from nothing else
};

struct ToolVariable {
  const char* name;
  What what;
};

// What reads it stands beside it. Not here, because no variable reaches them: Java (a truststore: -Djavax.net.ssl...),
// aria2c (--ca-certificate), apt (Acquire::https::CAInfo; its downloads run as another user), wget where no wgetrc of
// ours can be given (--ca-certificate), browsers.
constexpr ToolVariable kTable[] = {
    {"http_proxy", What::proxy},   // nearly all; curl reads this one in lower case only
    {"https_proxy", What::proxy},  // wget
    {"HTTP_PROXY", What::proxy},
    {"HTTPS_PROXY", What::proxy},
    {"NODE_USE_ENV_PROXY", What::on},      // Node.js 22.21 and 24 on: fetch, http, https
    {"SSL_CERT_FILE", What::bundle},       // OpenSSL: Python's ssl, httpx, Ruby, curl; Go; rustls: uv, rustup
    {"CURL_CA_BUNDLE", What::bundle},      // curl, R
    {"REQUESTS_CA_BUNDLE", What::bundle},  // Python requests: conda, Azure CLI
    {"PIP_CERT", What::bundle},            // pip
    {"HTTPLIB2_CA_CERTS", What::bundle},   // Python httplib2
    {"GIT_SSL_CAINFO", What::bundle},      // git
    {"CARGO_HTTP_CAINFO", What::bundle},   // cargo
    {"npm_config_cafile", What::bundle},   // npm, pnpm
    {"NODE_EXTRA_CA_CERTS", What::root},   // Node.js, yarn, Bun
    {"DENO_CERT", What::root},             // Deno
    {"AWS_CA_BUNDLE", What::bundle},       // AWS CLI and SDKs
    {"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", What::bundle},  // gcloud
    {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", What::bundle},    // gRPC
    {"PERL_LWP_SSL_CA_FILE", What::bundle},                // Perl LWP
    {"BUNDLE_SSL_CA_CERT", What::bundle},                  // Ruby's bundler
    {"WGETRC", What::wgetrc},
    {"NIX_SSL_CERT_FILE", What::bundle},  // Nix
};

const std::string& value_of(What what, const ToolSettings& settings) {
  static const std::string kOn = "1";
  switch (what) {
    case What::proxy:
      return settings.proxy;
    case What::on:
      return kOn;
    case What::bundle:
      return settings.bundle;
    case What::root:
      return settings.root;
    case What::wgetrc:
      break;
  }
  return settings.wgetrc;
}

bool is_plain(char c) {
  const char lower = policy::to_lower(c);
  return (lower >= 'a' && lower <= 'z') || policy::is_digit(c) ||
         std::string_view("-._/:@%+,").find(c) != std::string_view::npos;
}

// Within quotes, every byte of `special` behind a backslash.
std::string escape(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// POSIX: nothing is special between single quotes, which therefore end for one that is meant.
std::string quote_sh(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Readers of such files differ: some take quotes for part of the value, so they stand only where they must.
std::string quote_dotenv(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out;
  for (const char c : escape(text, "\\\"$`")) out += c == '\n' ? std::string("\\n") : std::string(1, c);
  return '"' + out + '"';
}

}  // namespace

Variables tool_environment(const ToolSettings& settings) {
  Variables out;
  for (const ToolVariable& variable : kTable) {
    const std::string& value = value_of(variable.what, settings);
    if (!value.empty()) out.emplace_back(variable.name, value);
  }
  return out;
}

std::string format_variables(const Variables& variables, EnvFormat format) {
  std::string out;
  json::Value object{json::Object()};
  for (const auto& [name, value] : variables) {
    switch (format) {
      case EnvFormat::sh:
        out += "export " + name + "=" + quote_sh(value) + "\n";
        break;
      case EnvFormat::fish:
        out += "set -gx " + name + " '" + escape(value, "\\'") + "'\n";
        break;
      case EnvFormat::dotenv:
        out += name + "=" + quote_dotenv(value) + "\n";
        break;
      case EnvFormat::json:
        object[name] = value;
        break;
    }
  }
  return format == EnvFormat::json ? json::write(object, json::Layout::indented) + "\n" : out;
}

}  // namespace backoffd::admin
