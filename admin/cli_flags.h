// The flags that every subcommand takes, too: what CLI11 fills in, and the keys they stand for.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

#include "admin/config_reader.h"
#include "policy/arm_figures.h"
#include "policy/result.h"

namespace backoffd::admin {

// What the flags say, those of the subcommands included.
struct Flags {
  std::vector<std::string> listen, allow, set, upstream_ca;
  std::string intercept, ca, ca_cert, ca_key;
  std::string config, admin, token_file, workers, state_dir, connect_ports, access_log, learning_path;
  std::optional<bool> contextual_retry, provider_learning;
  bool check = false, status = false, help_keys = false;
  std::string output = "table";
  std::string gate, mode, unit, guard, step, slice, washout;
  std::vector<std::string> providers;
  std::optional<double> percentage;
  std::vector<double> ramp;
  bool replace = false;
  std::string window = std::string(name(policy::FigureWindow::since_flip));
  std::string key;
  bool wait = false;
  std::string ca_action, shell, env_format = "sh";
  bool quiet = false;
  std::string timeout, interval;
  bool watch = false;
};

// `flags` outlives the parsing.
void add_flags(CLI::App& app, Flags& flags);

// Flags that stand for a key. What is empty was not given.
policy::Result<std::vector<Assignment>> assignments_of(const Flags& flags);

}  // namespace backoffd::admin
