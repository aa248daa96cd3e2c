#include "proxy/tls/mint.h"

#include <openssl/x509v3.h>

#include <algorithm>

#include "policy/text.h"
#include "proxy/net/address.h"
#include "proxy/tls/certificate.h"

namespace backoffd::proxy {
namespace {

using policy::Error;
using policy::Result;
using policy::WallTime;

constexpr auto kBackDated = std::chrono::days(1);
constexpr auto kLife = std::chrono::days(30);  // both ends included (RFC 5280 4.1.2.5)

constexpr std::size_t kLongestName = 253;

// What a dNSName may hold, plus the underscore that host names in the field do have. No wildcard.
bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= kLongestName && host.front() != '.' &&
         host.find("..") == std::string_view::npos && std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || policy::is_digit(c) || c == '-' || c == '.' || c == '_';
         });
}

struct NamesDelete {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(GENERAL_NAME* name) const { GENERAL_NAME_free(name); }
  void operator()(ASN1_STRING* string) const { ASN1_STRING_free(string); }
};

// Critical, because the subject is empty (RFC 5280 4.2.1.6).
bool add_host(X509* leaf, int kind, std::string_view octets) {
  const std::unique_ptr<GENERAL_NAMES, NamesDelete> names(GENERAL_NAMES_new());
  std::unique_ptr<GENERAL_NAME, NamesDelete> name(GENERAL_NAME_new());
  std::unique_ptr<ASN1_STRING, NamesDelete> value(
      ASN1_STRING_type_new(kind == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING));
  if (!names || !name || !value) return false;
  if (ASN1_STRING_set(value.get(), octets.data(), static_cast<int>(octets.size())) != 1) return false;
  GENERAL_NAME_set0_value(name.get(), kind, value.release());
  if (sk_GENERAL_NAME_push(names.get(), name.get()) == 0) return false;
  static_cast<void>(name.release());
  return X509_add1_ext_i2d(leaf, NID_subject_alt_name, names.get(), 1, X509V3_ADD_DEFAULT) == 1;
}

}  // namespace

Result<std::unique_ptr<Mint>> Mint::make(const Authority& authority, std::size_t capacity) {
  PkeyPtr key = make_key();
  if (!key) return Error{"", "cannot make a key: " + openssl_error("unknown")};
  return std::unique_ptr<Mint>(new Mint(authority, std::move(key), capacity));
}

Result<X509Ptr> Mint::leaf(std::string_view host, WallTime now) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(host);
    // A clock that was set back makes a leaf one of the future.
    if (found != kept_.end() && now >= found->second->since && now < found->second->renew_at) {
      order_.splice(order_.end(), order_, found->second);
      return share(found->second->leaf.get());
    }
  }
  auto issued = issue(host, now);
  if (!issued) return issued;
  const Validity validity = validity_of(issued->get());
  Kept made{.host = std::string(host),
            .leaf = share(issued->get()),
            .since = validity.not_before,
            .renew_at = now + (validity.not_after - now) * 2 / 3};

  const std::lock_guard lock(mutex_);
  ++minted_;
  // Another thread may have been faster; either leaf is good.
  if (const auto found = kept_.find(host); found != kept_.end()) {
    const auto old = found->second;
    kept_.erase(found);
    order_.erase(old);
  }
  order_.push_back(std::move(made));
  kept_.emplace(order_.back().host, std::prev(order_.end()));
  if (order_.size() > capacity_) {
    kept_.erase(order_.front().host);
    order_.pop_front();
  }
  return issued;
}

Result<X509Ptr> Mint::issue(std::string_view host, WallTime now) const {
  const auto refused = [host](const std::string& why) {
    return Error{"", "no certificate for " + std::string(host) + ": " + why};
  };
  const auto address = Address::parse(host);
  const std::string_view name = without_root_dot(host);  // the root label is no part of a dNSName
  if (!address && !is_name(name)) return refused("it cannot stand in a certificate");
  if (!authority_.constraints().permits(host)) {
    return refused("the authority may sign for " + authority_.constraints().text());
  }
  const Validity life{std::max(now - kBackDated, authority_.not_before()),
                      std::min(now - kBackDated + kLife - std::chrono::seconds(1), authority_.not_after())};
  if (now >= life.not_after || now < life.not_before) return refused("the authority is not valid now");

  X509Ptr leaf = begin_certificate(life, key_.get());
  const bool ok =
      leaf && X509_set_issuer_name(leaf.get(), X509_get_subject_name(authority_.issuer())) == 1 &&
      add_basic_constraints(leaf.get(), false, std::nullopt) && add_key_usage(leaf.get(), KU_DIGITAL_SIGNATURE) &&
      add_server_auth(leaf.get()) &&
      (address ? add_host(leaf.get(), GEN_IPADD, {reinterpret_cast<const char*>(address->bytes()), address->bits() / 8})
               : add_host(leaf.get(), GEN_DNS, name)) &&
      add_key_identifiers(leaf.get(), authority_.issuer()) && sign_certificate(leaf.get(), authority_.key());
  if (!ok) return refused(openssl_error("unknown"));
  X509_check_purpose(leaf.get(), -1, 0);  // fills what would be looked up on first use, before threads share it
  return leaf;
}

std::uint64_t Mint::minted() const {
  const std::lock_guard lock(mutex_);
  return minted_;
}

std::size_t Mint::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace backoffd::proxy
