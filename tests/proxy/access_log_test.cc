// The access log: one line an exchange that no request can forge, in a file that can be moved away under it.
#include "proxy/access_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "tests/support/temporary_file.h"

namespace backoffd::proxy {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

AccessRecord record() {
  AccessRecord r;
  r.request_id = "0123456789abcdef";
  r.client = "127.0.0.1";
  r.method = "GET";
  r.scheme = "http";
  r.host = "example.org";
  r.port = 80;
  r.path = "/works";
  r.status = 200;
  r.attempts = 2;
  r.verdict = "none";
  r.total = std::chrono::microseconds(12345);
  return r;
}

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string written(const AccessRecord& r) {
  const test::TemporaryFile file("");
  auto log = LogFile::open(file.path());
  AccessLog(**log).write(r);
  EXPECT_TRUE((*log)->writer().flush(kPatience));
  return contents_of(file.path());
}

TEST(AccessLog, SaysOfAnExchangeWhatHappened) {
  const std::string line = written(record());
  for (const char* part : {" id=0123456789abcdef ", " client=127.0.0.1 ", " method=GET ", " host=example.org ",
                           " path=/works ", " status=200 ", " attempts=2 ", " verdict=none ", " total_ms=12.345\n"}) {
    EXPECT_NE(std::string::npos, line.find(part)) << part << " in " << line;
  }
}

TEST(AccessLog, AValueCannotForgeALineOrAKey) {
  AccessRecord r = record();
  r.path = "/a\nstatus=500 b\"c\\d\x7f\xc3";
  const std::string line = written(r);
  EXPECT_EQ(1, std::count(line.begin(), line.end(), '\n')) << line;
  EXPECT_NE(std::string::npos, line.find(R"( path="/a\x0astatus=500 b\"c\\d\x7f\xc3" )")) << line;
}

TEST(AccessLog, ALongPathIsWrittenWhole) {
  AccessRecord r = record();
  const std::string path = "/" + std::string(16000, '\x01');
  r.path = path;
  EXPECT_GT(written(r).size(), 4 * 16000u);
}

TEST(AccessLog, AMovedFileIsOpenedAnew) {
  const test::TemporaryFile file("");
  const std::string moved = file.path() + ".1";
  auto log = LogFile::open(file.path());
  AccessLog lines(**log);
  lines.write(record());
  lines.flush();
  EXPECT_TRUE((*log)->writer().flush(kPatience));
  ASSERT_EQ(0, std::rename(file.path().c_str(), moved.c_str()));
  ASSERT_TRUE((*log)->reopen().ok());
  AccessRecord second = record();
  second.verdict = "attempts";
  lines.write(second);
  lines.flush();
  EXPECT_TRUE((*log)->writer().flush(kPatience));
  EXPECT_NE(std::string::npos, contents_of(moved).find("verdict=none"));
  EXPECT_NE(std::string::npos, contents_of(file.path()).find("verdict=attempts"));
  std::remove(moved.c_str());
}

TEST(AccessLog, AFullDiskLosesLinesAndCountsThem) {
  auto log = LogFile::open("/dev/full");
  AccessLog lines(**log);
  lines.write(record());
  lines.write(record());
  lines.flush();
  EXPECT_TRUE((*log)->writer().flush(kPatience));
  EXPECT_EQ(2u, (*log)->lost_lines());
}

TEST(AccessLog, AFileThatCannotBeOpenedIsAnErrorWithItsName) {
  const auto log = LogFile::open("/nonexistent/access.log");
  ASSERT_FALSE(log.ok());
  EXPECT_EQ("access_log", log.error().where);
  EXPECT_NE(std::string::npos, log.error().what.find("/nonexistent/access.log"));
}

}  // namespace
}  // namespace backoffd::proxy
