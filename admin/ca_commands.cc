#include "admin/ca_commands.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "admin/authority_json.h"
#include "admin/ca_publication.h"
#include "admin/ca_store.h"
#include "admin/file.h"
#include "admin/json.h"
#include "admin/units.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using json::Value;
using proxy::Authority;
using proxy::Loop;

constexpr std::size_t kLargestBundle = 16 << 20;

struct File {
  const char* what;
  std::string path;
};

std::vector<File> files_of(const Config& config) {
  std::vector<File> files;
  for (const std::string& folder : ca_publication_folders(config)) {
    files.push_back({"root", ca_root_path(folder)});
    files.push_back({"bundle", ca_bundle_path(folder)});
  }
  switch (ca_source(config)) {
    case CaSource::own:
      files.push_back({"chain", config.tls.ca_cert});
      files.push_back({"key", config.tls.ca_key});
      break;
    case CaSource::state_dir:
      files.push_back({"chain", ca_chain_path(config)});
      files.push_back({"key", ca_key_path(config)});
      break;
    case CaSource::ephemeral:
      break;
  }
  return files;
}

std::string as_json(const Authority& authority, const Config& config) {
  Value out = authority_json(authority);
  out["files"] = json::Array();
  for (const File& file : files_of(config)) {
    Value one;
    one["what"] = file.what;
    one["path"] = file.path;
    out["files"].array()->push_back(std::move(one));
  }
  return json::write(out, json::Layout::indented) + "\n";
}

std::string as_table(const Authority& authority, const Config& config) {
  std::string out;
  const auto line = [&out](std::string name, const std::string& value) {
    name.resize(12, ' ');
    out += name + value + "\n";
  };
  line("subject", authority.subject());
  line("sha256", authority.fingerprint());
  line("valid", format_time(authority.not_before()) + " to " + format_time(authority.not_after()));
  line("may sign", authority.constraints().text());
  for (const File& file : files_of(config)) line(file.what, file.path);
  return out;
}

std::string show(const Authority& authority, Output output, const Config& config) {
  return output == Output::json ? as_json(authority, config) : as_table(authority, config);
}

// The path goes into other programs' settings, which may be read in another folder.
std::string path_line(const std::string& path) {
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(path, failed);
  return (failed ? path : absolute.string()) + "\n";
}

// Only the proxy that runs has its authority; to make one here would publish it in place of that.
CommandResult of_ephemeral(CaAction action, const Config& config) {
  const auto failed = [](const std::string& why) {
    return CommandResult{.exit_code = 1, .out = {}, .complaint = "tls.ca is ephemeral: " + why};
  };
  if (action == CaAction::show || action == CaAction::rotate) {
    return failed("the CA is made at each start, and only the proxy that runs has it");
  }
  const std::string& folder = config.tls.publish_dir;
  if (folder.empty()) return failed("clients find its certificate where tls.publish_dir says, which is not set");
  const std::string path = action == CaAction::path ? ca_root_path(folder) : ca_bundle_path(folder);
  const auto text = read_file(path, kLargestBundle);
  if (!text) return failed(path + " is written when the proxy starts: " + std::strerror(errno));
  return {.exit_code = 0, .out = action == CaAction::path ? path_line(path) : *text, .complaint = {}};
}

}  // namespace

CommandResult ca_command(CaAction action, Output output, const Config& config) {
  if (ca_source(config) == CaSource::ephemeral) return of_ephemeral(action, config);
  CommandResult result;
  const Tell tell = [&result](const std::string& sentence) {
    if (result.complaint.find(sentence) != std::string::npos) return;  // of what the bundle lacks, twice
    result.complaint += (result.complaint.empty() ? "" : "\n") + sentence;
  };
  const auto now = Loop::wall_now();
  const auto authority = action == CaAction::rotate ? rotate_ca(config, now, tell) : open_ca(config, now, tell);
  if (!authority) return {.exit_code = 1, .out = {}, .complaint = authority.error().text()};
  switch (action) {
    case CaAction::show:
      result.out = show(*authority, output, config);
      break;
    case CaAction::path: {
      const auto folders = ca_publication_folders(config);
      result.out = path_line(folders.empty() ? config.tls.ca_cert : ca_root_path(folders.front()));
      break;
    }
    case CaAction::rotate:
      result.out = show(*authority, output, config);
      tell("a proxy that runs keeps the old CA until it is restarted; every client must be given the new one");
      break;
    case CaAction::bundle:
      result.out = ca_bundle(config, *authority, tell);
      break;
  }
  return result;
}

}  // namespace backoffd::admin
