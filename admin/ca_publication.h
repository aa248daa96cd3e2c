// The public part of the authority, in files that clients can be pointed at: in the state folder, unless the authority
// is ephemeral, and in tls.publish_dir.
//   ca-root.pem    our root alone, for what adds to the roots of a tool (NODE_EXTRA_CA_CERTS)
//   ca-bundle.pem  the system's roots and ours, for what replaces them (SSL_CERT_FILE, CURL_CA_BUNDLE)
// Both are readable by all, and replaced in one step.
#pragma once

#include <string>
#include <vector>

#include "admin/ca_store.h"
#include "admin/config.h"
#include "proxy/tls/authority.h"

namespace backoffd::admin {

// Writes what is not there yet or differs. What goes wrong is told; interception does not depend on it.
void publish_ca(const Config& config, const proxy::Authority& authority, const Tell& tell);

// The system's roots and ours. Without the former, which is told, ours alone.
std::string ca_bundle(const Config& config, const proxy::Authority& authority, const Tell& tell);

// Where the files are: that folder first which was made for clients. Empty: nowhere.
std::vector<std::string> ca_publication_folders(const Config& config);
std::string ca_root_path(const std::string& folder);
std::string ca_bundle_path(const std::string& folder);

}  // namespace backoffd::admin
