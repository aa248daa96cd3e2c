// The names that a certificate authority may sign for (RFC 5280 4.2.1.10), as a value, and as the extension.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "proxy/net/address.h"
#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

// A DNS name covers itself and everything below it, ".example.org" only what is below it, "" everything. Names are in
// lower case. Lists are sorted and none of their entries lies within another.
struct NameConstraints {
  bool any = false;                       // no constraint at all, the lists mean nothing: tls.intercept is "all"
  std::vector<std::string> dns;           // permitted
  std::vector<Cidr> addresses;            // permitted
  std::vector<std::string> excluded_dns;  // win; only authorities that were made elsewhere have these
  std::vector<Cidr> excluded_addresses;

  // Is this name or address literal permitted? REQUIRES: lower case; a final dot counts for nothing.
  bool permits(std::string_view host) const;

  // The first name or address that `other` permits, with all below it, and this does not; "any name" where other has
  // no constraint but this has; none: whatever the other may sign, this may.
  std::optional<std::string> lacks(const NameConstraints& other) const;

  // What both permit.
  NameConstraints intersect(const NameConstraints& other) const;

  std::string text() const;  // "crossref.org, 127.0.0.1" for people; "any name"; "no name"

  bool operator==(const NameConstraints&) const = default;
};

// The narrowest constraints that cover host globs: "*.crossref.org" and "api.crossref.org" come to "crossref.org" and
// "api.crossref.org", an address to itself; of "api-*.x.org" the labels behind the last wildcard count. A glob that
// leaves no label there ("*", "api.*", "10.0.0.*"), or a number, lifts all constraints.
NameConstraints constraints_for(const std::vector<std::string>& globs);

// Adds the extension, critical, unless `any`. Without permitted addresses all are excluded; where one family has some
// and the other none, that is said of the other too: verifiers differ in what the ranges of one family mean for the
// other. False: openssl_error() says why. REQUIRES: nothing is excluded in `constraints`: what constraints_for() makes.
bool add_name_constraints(X509* certificate, const NameConstraints& constraints);

// What one certificate says; `any` where it has no such extension. An error when the extension cannot be read.
policy::Result<NameConstraints> name_constraints_of(const X509* certificate);

}  // namespace backoffd::proxy
