#include "proxy/cpu_limit.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <vector>

namespace backoffd::proxy {
namespace {

struct Quota {
  double cpus;
  std::string from;  // the file that says so
};

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

bool lists(std::string_view comma_separated, std::string_view word) {
  const auto words = split(comma_separated, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Microseconds; none for "max", -1 and what is no number.
std::optional<double> microseconds(std::string_view text) {
  const auto end = text.find_first_of(" \n");
  const std::string_view digits = text.substr(0, end);
  long long value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || stop != digits.data() + digits.size() || value <= 0) return std::nullopt;
  return static_cast<double>(value);
}

// A mount point as mountinfo writes it: blanks and backslashes in octal (proc(5)).
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 3, code, 8).ptr == &text[i + 1] + 3) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// A mounted hierarchy that can limit CPU time, and where this process is in it.
struct Hierarchy {
  bool version_2;
  std::string mount_point;
  std::string below;  // the process's group relative to the mount point: "" or "/a/b"
};

// The path of this process in the hierarchy, from /proc/self/cgroup: "0::/a/b", "4:cpu,cpuacct:/a/b".
std::optional<std::string> group_path(const std::string& cgroup, bool version_2) {
  for (const std::string& line : split(cgroup, '\n')) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version_2 ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Without a namespace of its own the process sees its path from the machine's root, of which only `root` is mounted.
std::string below_mount(const std::string& path, const std::string& root) {
  if (root == "/") return path == "/" ? "" : path;
  const bool inside = path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
  return inside ? path.substr(root.size()) : "";
}

// A line of mountinfo: ID PARENT DEVICE ROOT MOUNT_POINT OPTIONS [TAG...] - TYPE SOURCE SUPER_OPTIONS
std::optional<Hierarchy> hierarchy_of(const std::string& line, const std::string& cgroup) {
  const auto fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 4) return std::nullopt;
  const bool version_2 = dash[1] == "cgroup2";
  if (!version_2 && !(dash[1] == "cgroup" && lists(dash[3], "cpu"))) return std::nullopt;
  const auto path = group_path(cgroup, version_2);
  if (!path) return std::nullopt;
  return Hierarchy{version_2, unescape(fields[4]), below_mount(*path, unescape(fields[3]))};
}

std::optional<Quota> quota_of_group(const std::string& folder, bool version_2, const ReadText& read) {
  const std::string file = folder + (version_2 ? "/cpu.max" : "/cpu.cfs_quota_us");
  const auto text = read(file);
  if (!text) return std::nullopt;
  const auto blank = text->find(' ');
  const auto period_text = version_2 ? text->substr(blank == text->npos ? text->size() : blank + 1)
                                     : read(folder + "/cpu.cfs_period_us").value_or("");
  const auto quota = microseconds(*text);
  const auto period = microseconds(period_text);
  if (!quota || !period) return std::nullopt;
  return Quota{*quota / *period, file};
}

std::optional<Quota> tightest_quota(const ReadText& read) {
  const std::string cgroup = read("/proc/self/cgroup").value_or("");
  std::optional<Quota> tightest;
  for (const std::string& line : split(read("/proc/self/mountinfo").value_or(""), '\n')) {
    const auto hierarchy = hierarchy_of(line, cgroup);
    if (!hierarchy) continue;
    for (std::string below = hierarchy->below;; below.erase(below.rfind('/'))) {
      const auto quota = quota_of_group(hierarchy->mount_point + below, hierarchy->version_2, read);
      if (quota && (!tightest || quota->cpus < tightest->cpus)) tightest = quota;
      if (below.find('/') == below.npos) break;
    }
  }
  return tightest;
}

unsigned schedulable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string told(double cpus) {
  std::ostringstream out;
  out << cpus;
  return out.str();
}

}  // namespace

CpuLimit cpu_limit(unsigned cores, const ReadText& read) {
  const std::string seen = told(cores) + (cores == 1 ? " core" : " cores");
  const auto quota = tightest_quota(read);
  if (!quota) return {cores, seen + ", no quota"};
  const std::string why = seen + ", a quota of " + told(quota->cpus) + " by " + quota->from;
  if (quota->cpus >= cores) return {cores, why};
  return {std::max(1U, static_cast<unsigned>(std::ceil(quota->cpus))), why};
}

CpuLimit cpu_limit() { return cpu_limit(schedulable_cores(), read_text); }

}  // namespace backoffd::proxy
