// How many CPUs this process can keep busy: those it may be scheduled on, and those that the quota of its control
// groups pays for. A container with half a CPU on a machine of 64 sees 64; threads beyond its quota only make it wait
// for the next period sooner.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace backoffd::proxy {

struct CpuLimit {
  unsigned cpus;    // whole ones, rounded up; at least 1
  std::string why;  // for the log
};

// The text of a file; none where it cannot be read.
using ReadText = std::function<std::optional<std::string>(const std::string& path)>;

// `cores`: those it may be scheduled on. Reads /proc/self/cgroup and mountinfo, then cpu.max (version 2) and
// cpu.cfs_quota_us (version 1) of its group and of those above it that are mounted: the tightest binds. What cannot be
// read or understood limits nothing.
CpuLimit cpu_limit(unsigned cores, const ReadText& read);

CpuLimit cpu_limit();  // of this process, now

}  // namespace backoffd::proxy
