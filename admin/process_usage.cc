#include "admin/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace backoffd::admin {
namespace {

struct Pages {
  std::uint64_t size = 0, resident = 0;
};

Pages pages() {
  Pages pages;
  std::ifstream("/proc/self/statm") >> pages.size >> pages.resident;
  return pages;
}

double bytes(std::uint64_t pages) { return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)); }

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// From the machine's start to that of this process: the 22nd field of a line whose second one may hold anything, in
// brackets.
double seconds_after_boot() {
  std::string line;
  std::getline(std::ifstream("/proc/self/stat"), line);
  std::size_t at = line.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  return std::strtod(line.c_str() + at, nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

double resident_bytes() { return bytes(pages().resident); }
double virtual_bytes() { return bytes(pages().size); }
double cpu_seconds() { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
double cpu_seconds_of_others() { return cpu_seconds() - seconds_of(CLOCK_THREAD_CPUTIME_ID); }

double open_descriptors() {
  std::error_code fault;
  const std::filesystem::directory_iterator open("/proc/self/fd", fault);
  return static_cast<double>(std::distance(begin(open), end(open))) - 1;  // but for the one that looks
}

double most_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::numeric_limits<double>::infinity();
  }
  return static_cast<double>(limit.rlim_cur);
}

double start_seconds() {
  static const double start = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + seconds_after_boot();
  return start;
}

}  // namespace backoffd::admin
