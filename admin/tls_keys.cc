// The keys of TLS on both sides, and of the proxy upstream of this one.
#include <algorithm>

#include "admin/address.h"
#include "admin/config_keys.h"
#include "admin/upstream_proxy.h"

namespace backoffd::admin {
namespace {

// In the order of proxy::InterceptMode; `hosts` is a list of them instead of a word.
constexpr std::array<std::string_view, 4> kInterceptNames = {"none", "providers", "", "all"};

struct Intercept : Scalar {
  using Field = proxy::Tls;
  List<Word> hosts{Word("host", check_host_glob)};
  std::string type() const { return "\"none\", \"providers\", \"all\", or list of hosts"; }
  Spelling spelling() const { return Spelling::list; }
  std::vector<std::string> words() const { return {"none", "providers", "all"}; }
  bool read(proxy::Tls& field, const Place& place) const {
    if (const json::Array* list = place.value.array()) {
      for (const json::Value& one : *list) {
        if (one.string() && is_word(*one.string())) return place.refuse('"' + *one.string() + "\" must stand alone");
      }
      if (list->empty()) return place.refuse("must not be empty; \"none\" intercepts nothing");
      field.intercept = proxy::InterceptMode::hosts;
      return hosts.read(field.intercept_hosts, place);
    }
    const std::string* text = place.value.string();
    if (!text || !is_word(*text)) return place.refuse("expected \"none\", \"providers\", \"all\", or a list of hosts");
    const auto found = std::find(kInterceptNames.begin(), kInterceptNames.end(), *text);
    field.intercept = static_cast<proxy::InterceptMode>(found - kInterceptNames.begin());
    field.intercept_hosts.clear();
    return true;
  }
  json::Value show(const proxy::Tls& field) const {
    if (field.intercept == proxy::InterceptMode::hosts) return hosts.show(field.intercept_hosts);
    return kInterceptNames[static_cast<std::size_t>(field.intercept)];
  }

 private:
  bool is_word(const std::string& text) const {
    const auto all = words();
    return std::find(all.begin(), all.end(), text) != all.end();
  }
};

// A list of files, or one.
struct Files : List<Word> {
  Files() : List(Word("path", check_file)) {}
  std::string type() const { return "path or list of paths"; }
  Spelling spelling() const { return Spelling::one_or_list; }
  bool read(Field& field, const Place& place) const {
    if (!place.value.string()) return List::read(field, place);
    std::string one;
    if (!element.read(one, place)) return false;
    field = {std::move(one)};
    return true;
  }
  static std::string check_file(std::string_view text) { return text.empty() ? "must not be empty" : ""; }
};

#define FIELD(member) ([](auto& t) -> auto& { return t.member; })

const Keys<proxy::UpstreamProxy>& by_scheme() {
  using proxy::UpstreamProxy;
  static const Keys<UpstreamProxy> keys = {
      key<UpstreamProxy>("http", Word("URL", check_upstream_proxy), FIELD(url), "the one of http; empty: none"),
      key<UpstreamProxy>("https", Word("URL", check_proxy_or_direct), FIELD(https_url),
                         "the one of https and tunnels, \"direct\": none; empty: as for http"),
  };
  return keys;
}

// A URL for all, or one for each scheme.
struct ParentProxy : Text {
  using Field = proxy::UpstreamProxy;
  Word url{"URL", check_upstream_proxy};
  std::string type() const { return "URL or object"; }
  bool read(proxy::UpstreamProxy& field, const Place& place) const {
    if (place.value.object()) return Section(by_scheme()).read(field, place);
    field.https_url.clear();
    return url.read(field.url, place);
  }
  json::Value show(const proxy::UpstreamProxy& field) const {
    return field.https_url.empty() ? url.show(field.url) : Section(by_scheme()).show(field);
  }
  void describe(const std::string& prefix, KeyRows& rows) const { Section(by_scheme()).describe(prefix, rows); }
};

}  // namespace

const Keys<Config>& tls_keys() {
  static const List<Word> hosts(Word("host", check_host_glob));
  static const Keys<Config> keys = {
      key<Config>(
          "tls.intercept", Intercept(), FIELD(proxy.tls),
          "CONNECT targets whose TLS is ended here, so that what is inside is retried and resumed: the hosts of "
          "all providers, all, or those that match"),
      key<Config>("tls.passthrough", hosts, FIELD(proxy.tls.passthrough),
                  "hosts that are tunnelled whatever tls.intercept says"),
      key<Config>("tls.ca", Choice<CaKind>(kCaKindNames), FIELD(tls.ca),
                  "the CA of intercepted hosts: kept in state_dir, or of this run alone with its key in memory only"),
      key<Config>("tls.ca_cert", Word("path"), FIELD(tls.ca_cert),
                  "PEM file of a CA of your own instead: the issuing certificate, then those above it"),
      key<Config>("tls.ca_key", Word("path"), FIELD(tls.ca_key), "PEM file of its private key, without a passphrase"),
      key<Config>("tls.publish_dir", Word("path"), FIELD(tls.publish_dir),
                  "folder that the CA's certificate and the bundle are also written to, for clients to read"),
      key<Config>("tls.upstream_roots", Files(), FIELD(proxy.tls.upstream_roots),
                  "PEM files of roots that are trusted upstream besides the system's"),
      key<Config>("tls.insecure_skip_verify", List<Word>(Word("host", check_host)),
                  FIELD(proxy.tls.insecure_skip_verify),
                  "hosts whose certificate is not looked at: whoever is in between may read and change everything"),
      key<Config>(
          "upstream_proxy", ParentProxy(), FIELD(proxy.upstream_proxy),
          "proxy that upstreams are reached through, \"http://HOST:PORT\", or \"environment\": what http_proxy, "
          "https_proxy, all_proxy and no_proxy say; empty: none"),
      key<Config>("upstream_proxy_credentials", Word("path"), FIELD(proxy.upstream_proxy.credentials_file),
                  "file with the user:password that it asks for (Basic)"),
      key<Config>("no_proxy", List<Word>(Word("destination", check_no_proxy)), FIELD(proxy.upstream_proxy.no_proxy),
                  "hosts, \".suffix\" or \"*.suffix\", addresses and ranges that are reached without it; \"*\": all"),
  };
  return keys;
}

#undef FIELD

json::Value show_intercept(const Config& config) { return Intercept().show(config.proxy.tls); }

}  // namespace backoffd::admin
