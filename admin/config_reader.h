// From the text of the configuration file and what environment and command line say, to Settings, or to the list of
// everything that is wrong. Pure: reads no file and no environment itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/config.h"
#include "admin/json.h"
#include "admin/key.h"
#include "policy/gate.h"

namespace backoffd::admin {

// One value from outside the file; it wins over the file.
struct Assignment {
  std::string source;  // what a person wrote: "--workers", "--set retry.max_delay", "BACKOFFD_ENABLE_CONTEXTUAL_RETRY"
  std::string path;    // the key: "workers", "providers[0].max_wait"
  json::Value value;
  policy::GateLayer layer = policy::GateLayer::command_line;  // or environment: a gate keeps its layers apart
  bool append = false;                                        // adds to the list instead of replacing it
};

// The assignment that `path=text` means: text as JSON, as it is, or as a list, whatever the key's type asks for.
Assignment assignment_of_text(std::string source, std::string_view path, std::string_view text);

// What one layer says of a gate. A layer wins as a whole: what it does not name is as the layers below it say.
struct GateChoice {
  policy::GateId id;
  policy::GateLayer layer;
  policy::GateSetting setting;
};

struct Settings {
  Config config;                  // its gates are those of the file
  std::vector<GateChoice> gates;  // of every layer that says something: file, environment, command line
};

// Start only when there are no problems: what was wrong has kept its default.
struct Loaded {
  Settings settings;
  Problems problems;
};

// `file` is the JSON text, with `//` comments; empty: there is none. Of several assignments to a key the last counts.
// What neither names is as in `defaults`.
Loaded read_settings(std::string_view file, const std::vector<Assignment>& assignments, const Config& defaults = {});

// What it takes to ask a running proxy: of everything only `admin` is read, and nothing else that may be wrong with the
// configuration matters, nor what only the one who listens there must keep to.
Loaded read_admin_settings(std::string_view file, const std::vector<Assignment>& assignments);

// What no single key can tell: rules between keys (who may reach what, names given twice). Also brings addresses into
// their canonical form. Part of read_settings().
void check_config(Config& config, Problems& problems);

}  // namespace backoffd::admin
