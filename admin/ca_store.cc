#include "admin/ca_store.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "admin/ca_publication.h"
#include "admin/file.h"
#include "admin/private_folder.h"
#include "admin/units.h"

namespace backoffd::admin {
namespace {

using policy::Error;
using policy::Result;
using policy::WallTime;
using proxy::Authority;
using proxy::InterceptMode;
using proxy::NameConstraints;

constexpr std::size_t kLargestFile = 1 << 20;
constexpr const char* kKeyFile = "ca.key";
constexpr const char* kChainFile = "ca.pem";
constexpr const char* kRotate = "; `backoffd ca rotate` makes a new one";
constexpr auto kExpiresSoon = std::chrono::days(30);

// None: tls.intercept asks for no authority.
std::optional<NameConstraints> wanted(const Config& config) {
  const proxy::Tls& tls = config.proxy.tls;
  if (tls.intercept == InterceptMode::none) return std::nullopt;
  if (tls.intercept == InterceptMode::all) return proxy::constraints_for({"*"});
  return proxy::constraints_for(tls.intercept_hosts);
}

// The new authority in its files. REQUIRES: `folder` is held.
Result<Authority> make_in(const PrivateFolder& folder, const NameConstraints& constraints, WallTime now) {
  auto made = Authority::create(constraints, now);
  if (!made) return made;
  const std::string chain = made->chain_pem();
  std::string wrong = replace_file(folder.path_of(kKeyFile), made->key_pem() + chain, 0600);
  if (wrong.empty()) wrong = replace_file(folder.path_of(kChainFile), chain, 0644);
  if (!wrong.empty()) return Error{"", wrong};
  return made;
}

std::string sentence_of(const Authority& authority) {
  return authority.subject() + ", SHA-256 " + authority.fingerprint() + ", for " + authority.constraints().text();
}

Result<Authority> open_stored(const Config& config, WallTime now, const Tell& tell) {
  if (config.state_dir.empty()) return Error{"tls.ca", "is state_dir, but there is no state_dir to keep the CA in"};
  const auto folder = PrivateFolder::open(ca_folder(config));
  if (!folder) return folder.error();
  const auto text = folder->read(kKeyFile, kLargestFile);
  if (!text) return text.error();
  const auto constraints = wanted(config);
  if (!*text && !constraints) {
    return Error{ca_key_path(config), "there is no CA yet; it is made at the first start with tls.intercept"};
  }
  if (!*text) {
    auto made = make_in(*folder, *constraints, now);
    if (made) tell("tls: a new CA, which clients have to trust: " + sentence_of(*made));
    return made;
  }
  auto stored = Authority::parse(**text, **text, now);
  if (!stored) return Error{ca_key_path(config), stored.error().text() + kRotate};
  if (read_file(ca_chain_path(config), kLargestFile) != stored->chain_pem()) {
    const std::string wrong = replace_file(ca_chain_path(config), stored->chain_pem(), 0644);
    if (!wrong.empty()) tell("tls: " + wrong);
  }
  return stored;
}

Result<Authority> open_own(const Config& config, WallTime now, const Tell& tell) {
  const auto read = [](const std::string& path) -> Result<std::string> {
    auto text = read_file(path, kLargestFile);
    if (!text) return Error{path, std::strerror(errno)};
    return std::move(*text);
  };
  const std::string& chain_path = config.tls.ca_cert;
  const std::string& key_path = config.tls.ca_key;
  const auto chain = read(chain_path);
  if (!chain) return Error{"tls.ca_cert", chain.error().text()};
  const auto key = read(key_path);
  if (!key) return Error{"tls.ca_key", key.error().text()};
  auto own = Authority::parse(*chain, *key, now);
  if (!own) return Error{"tls.ca_cert " + chain_path + ", tls.ca_key " + key_path, own.error().what};
  struct stat found {};
  if (::stat(key_path.c_str(), &found) == 0 && (found.st_mode & 07) != 0) {
    tell("tls: the key of the CA can be read by every user of this machine: chmod o= " + key_path);
  }
  return own;
}

// What tls.intercept asks for against what the authority may.
std::string unfit(const Config& config, const Authority& authority, const NameConstraints& constraints) {
  const auto lacking = authority.constraints().lacks(constraints);
  if (!lacking) return {};
  const bool stored = ca_source(config) == CaSource::state_dir;
  return "it may not sign for " + *lacking + ", which tls.intercept asks for" +
         (stored ? std::string(kRotate) + ", and clients must then trust that"
                 : "; it may for " + authority.constraints().text());
}

void warn(const Config& config, const Authority& authority, const NameConstraints& constraints, WallTime now,
          const Tell& tell) {
  if (constraints.any) {
    // A key that no disk has seen, and that is gone with this process, is not lost to anybody.
    if (ca_source(config) == CaSource::ephemeral) return;
    tell(
        "tls: tls.intercept is not bounded to names, and neither is the CA: whoever gets hold of its key can pass for "
        "any host to the clients that trust it");
  } else if (const auto more = constraints.lacks(authority.constraints())) {
    tell("tls: the CA may sign for " + *more + ", which tls.intercept does not ask for" +
         (ca_source(config) == CaSource::state_dir ? "; `backoffd ca rotate` makes a narrower one" : ""));
  }
  if (authority.not_after() - now < kExpiresSoon) {
    tell("tls: the CA expires at " + format_time(authority.not_after()) +
         (ca_source(config) == CaSource::state_dir ? kRotate : ""));
  }
}

}  // namespace

CaSource ca_source(const Config& config) {
  if (!config.tls.ca_cert.empty()) return CaSource::own;
  return config.tls.ca == CaKind::ephemeral ? CaSource::ephemeral : CaSource::state_dir;
}

std::string ca_folder(const Config& config) { return config.state_dir + "/ca"; }
std::string ca_chain_path(const Config& config) { return ca_folder(config) + "/" + kChainFile; }
std::string ca_key_path(const Config& config) { return ca_folder(config) + "/" + kKeyFile; }

Result<Authority> open_ca(const Config& config, WallTime now, const Tell& tell) {
  const auto constraints = wanted(config);
  const CaSource source = ca_source(config);
  if (source == CaSource::ephemeral && !constraints) {
    return Error{"tls.ca", "is ephemeral: there is a CA only where tls.intercept asks for one"};
  }
  auto authority = source == CaSource::own         ? open_own(config, now, tell)
                   : source == CaSource::ephemeral ? Authority::create(*constraints, now)
                                                   : open_stored(config, now, tell);
  if (!authority) return authority;
  if (constraints) {
    if (const std::string why = unfit(config, *authority, *constraints); !why.empty()) {
      return Error{source == CaSource::own ? config.tls.ca_cert : ca_key_path(config), why};
    }
    warn(config, *authority, *constraints, now, tell);
  }
  publish_ca(config, *authority, tell);
  return authority;
}

Result<Authority> rotate_ca(const Config& config, WallTime now, const Tell& tell) {
  const auto constraints = wanted(config);
  if (ca_source(config) == CaSource::own) {
    return Error{"tls.ca_cert", "the CA is your own; it is replaced where it was made"};
  }
  if (ca_source(config) == CaSource::ephemeral) return Error{"tls.ca", "is ephemeral: every start makes a new CA"};
  if (!constraints) return Error{"tls.intercept", "is none: a CA is made for the names it is to sign for"};
  if (config.state_dir.empty()) return Error{"tls.ca", "is state_dir, but there is no state_dir to keep the CA in"};
  const auto folder = PrivateFolder::open(ca_folder(config));
  if (!folder) return folder.error();
  auto made = make_in(*folder, *constraints, now);
  if (made) publish_ca(config, *made, tell);
  return made;
}

}  // namespace backoffd::admin
