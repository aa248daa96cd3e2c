#include "admin/system_roots.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "admin/file.h"
#include "proxy/tls/openssl.h"

namespace backoffd::admin {
namespace {

constexpr std::size_t kLargestFile = 16 << 20;

constexpr const char* kUsualPlaces[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Alpine, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // newer RHEL
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine, OpenBSD, FreeBSD, macOS
    "/usr/local/share/certs/ca-root-nss.crt",             // FreeBSD
    "/usr/local/etc/ssl/cert.pem",
    "/etc/openssl/certs/ca-certificates.crt",  // NetBSD
};

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;  // one that does not exist is no other's
  return std::filesystem::equivalent(a, b, ignored);
}

}  // namespace

policy::Result<SystemRoots> system_roots(const std::vector<std::string>& except) {
  const auto excepted = [&](const std::string& path) {
    return std::any_of(except.begin(), except.end(), [&](const std::string& one) { return same_file(path, one); });
  };
  const auto read = [](const std::string& path) {
    auto pem = read_file(path, kLargestFile);
    if (pem && pem->find("-----BEGIN ") == pem->npos) {
      errno = EINVAL;
      pem.reset();
    }
    return pem;
  };
  if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr && *named != '\0' && !excepted(named)) {
    if (auto pem = read(named)) return SystemRoots{named, std::move(*pem)};
    return policy::Error{"SSL_CERT_FILE",
                         std::string(named) + ": no certificates can be read: " + std::strerror(errno)};
  }
  std::vector<std::string> places{proxy::default_roots_file()};
  places.insert(places.end(), std::begin(kUsualPlaces), std::end(kUsualPlaces));
  for (const std::string& place : places) {
    if (excepted(place)) continue;
    if (auto pem = read(place)) return SystemRoots{place, std::move(*pem)};
  }
  return policy::Error{
      "", "no file with this system's root certificates is found (install ca-certificates, or set SSL_CERT_FILE)"};
}

}  // namespace backoffd::admin
