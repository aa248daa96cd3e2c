// Where the authority of interception comes from: kept in the state folder from the first start on, of this run alone,
// or the operator's own. Blocks on the disk; for the main thread, before the workers start, and for commands.
//
// <state_dir>/ca is a folder that this user alone may look into:
//   ca.key  the private key of the issuing certificate, followed by its chain (0600). The one file that is read: it is
//           replaced as a whole, so no crash can leave a key beside the certificate of another.
//   ca.pem  the chain, issuing certificate first, root last (0644); written anew where it differs.
// What clients need is public and lies outside of it (admin/ca_publication.h).
#pragma once

#include <functional>
#include <string>

#include "admin/config.h"
#include "policy/result.h"
#include "policy/time.h"
#include "proxy/tls/authority.h"

namespace backoffd::admin {

enum class CaSource { state_dir, ephemeral, own };
CaSource ca_source(const Config& config);

// Called with each sentence that the operator should read.
using Tell = std::function<void(const std::string& sentence)>;

// The authority to sign with; made, and told, where the state folder has none yet. Of two processes that start at once
// one makes it and both have it. Its public part is published. An error names the file, what is wrong and the remedy:
// unreadable, expired, open to others, or not allowed to sign for a name that tls.intercept asks for. One that may sign
// for more is told of and used.
// With tls.intercept `none` nothing is made, and nothing is asked of what there is.
policy::Result<proxy::Authority> open_ca(const Config& config, policy::WallTime now, const Tell& tell);

// Replaces the authority in the state folder, whatever state it is in, by a new one for what tls.intercept asks for,
// and publishes it. The old key is gone then. An error where there is nothing to replace: the authority is ephemeral,
// the operator's own, or tls.intercept is `none`.
policy::Result<proxy::Authority> rotate_ca(const Config& config, policy::WallTime now, const Tell& tell);

// The files of the authority in the state folder.
std::string ca_folder(const Config& config);
std::string ca_chain_path(const Config& config);
std::string ca_key_path(const Config& config);

}  // namespace backoffd::admin
