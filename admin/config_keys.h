// The table of all configuration keys: reading, --set, GET /config, --help-keys and the README's reference all come
// from it. Built once, on first use; immutable after that, so any thread may use it.
#pragma once

#include <string>

#include "admin/config.h"
#include "admin/json.h"
#include "admin/key.h"
#include "admin/key_types.h"

namespace backoffd::admin {

const Keys<Config>& config_keys();

// Parts of it, one file each.
const Keys<Config>& tls_keys();                       // tls.*, upstream_proxy and its companions
const Keys<policy::LimitConfig>& limit_keys();        // of a provider, and of default_limits
const Keys<policy::ProviderConfig>& provider_keys();  // those of a provider, limits included

// One gate: a boolean, or an object of {mode, percentage, unit, providers, slice, washout} of which mode must be there
// and the others have their built-in values. Also the body of a call that flips one.
struct GateType : Scalar {
  using Field = policy::GateSetting;
  policy::GateId id;
  explicit GateType(policy::GateId of) : id(of) {}
  std::string type() const { return "boolean or object"; }
  bool read(policy::GateSetting& field, const Place& place) const;
  json::Value show(const policy::GateSetting& field) const;  // false, or the object
  void describe(const std::string& prefix, KeyRows& rows) const;
};

// A gate's setting as an object, whatever it is; GateType reads the same of it.
json::Value show_setting(const policy::GateSetting& setting);

// ... and the percentage also where a ramp has chosen it, which nobody may say.
json::Value show_setting_in_force(const policy::GateSetting& setting);

// The reference: every key with those inside it, in the order of the sections.
const KeyRows& key_rows();

// tls.intercept as the key has it: a word, or the list of hosts.
json::Value show_intercept(const Config& config);

// Everything as JSON that would read back as the same: for GET /config. Holds no secret: a token stays in its file.
json::Value show_config(const Config& config);

}  // namespace backoffd::admin
