// The CPUs that a control group pays for, from the files as kernels and engines write them.
#include "proxy/cpu_limit.h"

#include <gtest/gtest.h>

#include <map>

namespace backoffd::proxy {
namespace {

using Files = std::map<std::string, std::string>;

constexpr const char* kMountV2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n";
constexpr const char* kMountV1 =
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n";

CpuLimit limit(unsigned cores, const Files& files) {
  return cpu_limit(cores, [&](const std::string& path) {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  });
}

Files version_2(const std::string& cpu_max) {
  return {{"/proc/self/cgroup", "0::/\n"}, {"/proc/self/mountinfo", kMountV2}, {"/sys/fs/cgroup/cpu.max", cpu_max}};
}

Files version_1(const std::string& quota, const std::string& period) {
  return {{"/proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/\n"},
          {"/proc/self/mountinfo", kMountV1},
          {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota},
          {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", period}};
}

TEST(CpuLimit, IsTheQuotaRoundedUpAndNeverMoreThanTheCores) {
  struct Case {
    const char* cpu_max;
    unsigned cores, cpus;
  };
  for (const Case& c : {Case{"max 100000\n", 8, 8}, Case{"50000 100000\n", 8, 1}, Case{"100000 100000\n", 8, 1},
                        Case{"100001 100000\n", 8, 2}, Case{"250000 100000\n", 8, 3}, Case{"1000 100000\n", 8, 1},
                        Case{"1600000 100000\n", 8, 8}, Case{"20000 10000\n", 1, 1}}) {
    EXPECT_EQ(limit(c.cores, version_2(c.cpu_max)).cpus, c.cpus) << c.cpu_max;
  }
}

TEST(CpuLimit, OfVersion1) {
  struct Case {
    const char *quota, *period;
    unsigned cpus;
  };
  for (const Case& c : {Case{"-1\n", "100000\n", 8}, Case{"50000\n", "100000\n", 1}, Case{"150000\n", "100000\n", 2},
                        Case{"400000\n", "100000\n", 4}}) {
    EXPECT_EQ(limit(8, version_1(c.quota, c.period)).cpus, c.cpus) << c.quota;
  }
}

TEST(CpuLimit, WhatCannotBeUnderstoodLimitsNothing) {
  for (const char* text : {"", "\n", "max", "0 100000\n", "50000\n", "50000 0\n", "50000 max\n", "-5 100000\n",
                           "5e4 100000\n", "99999999999999999999 100000\n"}) {
    EXPECT_EQ(limit(8, version_2(text)).cpus, 8U) << text;
  }
  EXPECT_EQ(limit(8, version_1("50000\n", "")).cpus, 8U);
  EXPECT_EQ(limit(8, {}).cpus, 8U);
  EXPECT_EQ(limit(8, {{"/proc/self/cgroup", "0::/\nrubbish\n:\n"},
                      {"/proc/self/mountinfo", "31 23 0:28 /\n - cgroup2\n"},
                      {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}})
                .cpus,
            8U);
}

TEST(CpuLimit, OfEveryGroupAboveBindsAsWell) {
  Files files{{"/proc/self/cgroup", "0::/kubepods/pod1/app\n"},
              {"/proc/self/mountinfo", kMountV2},
              {"/sys/fs/cgroup/kubepods/pod1/app/cpu.max", "max 100000\n"},
              {"/sys/fs/cgroup/kubepods/pod1/cpu.max", "200000 100000\n"},
              {"/sys/fs/cgroup/kubepods/cpu.max", "600000 100000\n"}};
  EXPECT_EQ(limit(8, files).cpus, 2U);
  EXPECT_EQ(limit(8, files).why, "8 cores, a quota of 2 by /sys/fs/cgroup/kubepods/pod1/cpu.max");
  files["/sys/fs/cgroup/kubepods/cpu.max"] = "100000 100000\n";
  EXPECT_EQ(limit(8, files).cpus, 1U);
}

TEST(CpuLimit, IsFoundWhereOnlyAPartOfTheHierarchyIsMounted) {
  const std::string quota = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us";
  const auto mounted = [&](const std::string& group, const std::string& root) {
    Files files = version_1("50000\n", "100000\n");
    files["/proc/self/cgroup"] = "4:cpu,cpuacct:" + group + "\n";
    files["/proc/self/mountinfo"] = "32 31 0:29 " + root + " /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpuacct,cpu\n";
    return limit(4, files).why;
  };
  const std::string found = "4 cores, a quota of 0.5 by " + quota;
  EXPECT_EQ(mounted("/docker/4e1f", "/docker/4e1f"), found);
  EXPECT_EQ(mounted("/docker/4e1f/inner", "/docker/4e1f"), found);
  EXPECT_EQ(mounted("/docker/4e1f", "/elsewhere"), found);  // a group that was entered from outside
  EXPECT_EQ(mounted("/docker/4e1f", "/docker/4e"), found);
}

TEST(CpuLimit, IsTheTighterOfTwoHierarchies) {
  Files files = version_1("150000\n", "100000\n");
  files["/proc/self/cgroup"] += "0::/\n";
  files["/proc/self/mountinfo"] += "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(limit(8, files).cpus, 2U);
  files["/sys/fs/cgroup/unified/cpu.max"] = "100000 100000\n";
  EXPECT_EQ(limit(8, files).cpus, 1U);
}

TEST(CpuLimit, AnotherControllersHierarchyIsNotLookedAt) {
  Files files{{"/proc/self/cgroup", "3:cpuset:/\n"},
              {"/proc/self/mountinfo", "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"},
              {"/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "50000\n"},
              {"/sys/fs/cgroup/cpuset/cpu.cfs_period_us", "100000\n"}};
  EXPECT_EQ(limit(8, files).why, "8 cores, no quota");
}

TEST(CpuLimit, AMountPointMayHoldBlanks) {
  EXPECT_EQ(limit(1, {{"/proc/self/cgroup", "0::/\n"},
                      {"/proc/self/mountinfo", "31 23 0:28 / /my\\040cgroup rw - cgroup2 cgroup2 rw\n"},
                      {"/my cgroup/cpu.max", "50000 100000\n"}})
                .why,
            "1 core, a quota of 0.5 by /my cgroup/cpu.max");
}

TEST(CpuLimit, OfThisProcessIsAtLeastOne) { EXPECT_GE(cpu_limit().cpus, 1U); }

}  // namespace
}  // namespace backoffd::proxy
