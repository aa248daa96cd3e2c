#include "admin/ca_publication.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "admin/file.h"
#include "admin/system_roots.h"
#include "proxy/net/handles.h"

namespace backoffd::admin {
namespace {

constexpr std::size_t kLargestFile = 16 << 20;

void write_public(const std::string& path, const std::string& text, const Tell& tell) {
  if (read_file(path, kLargestFile) == text) return;
  const std::string wrong = replace_file(path, text, 0644);
  if (!wrong.empty()) tell("tls: " + wrong);
}

}  // namespace

void publish_ca(const Config& config, const proxy::Authority& authority, const Tell& tell) {
  const auto folders = ca_publication_folders(config);
  if (folders.empty()) return;
  const std::string root = authority.root_pem();
  const std::string bundle = ca_bundle(config, authority, tell);
  for (const std::string& folder : folders) {
    std::error_code ignored;  // opening it tells
    std::filesystem::create_directories(folder, ignored);
    const proxy::Fd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0) {  // one writer at a time
      tell("tls: the CA is not published in " + folder + ": " + std::strerror(errno));
      continue;
    }
    write_public(ca_root_path(folder), root, tell);
    write_public(ca_bundle_path(folder), bundle, tell);
  }
}

std::string ca_bundle(const Config& config, const proxy::Authority& authority, const Tell& tell) {
  std::vector<std::string> ours;
  for (const std::string& folder : ca_publication_folders(config)) ours.push_back(ca_bundle_path(folder));
  const auto system = system_roots(ours);
  if (!system) {
    tell("tls: the bundle for clients holds our root alone: " + system.error().text());
    return authority.root_pem();
  }
  std::string bundle = system->pem;
  if (!bundle.ends_with('\n')) bundle += '\n';
  return bundle + authority.root_pem();
}

std::vector<std::string> ca_publication_folders(const Config& config) {
  std::vector<std::string> folders;
  if (!config.tls.publish_dir.empty()) folders.push_back(config.tls.publish_dir);
  if (!config.state_dir.empty() && ca_source(config) != CaSource::ephemeral) folders.push_back(config.state_dir);
  return folders;
}

std::string ca_root_path(const std::string& folder) { return folder + "/ca-root.pem"; }
std::string ca_bundle_path(const std::string& folder) { return folder + "/ca-bundle.pem"; }

}  // namespace backoffd::admin
