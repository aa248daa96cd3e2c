// Lines of a log on their way out: whoever reads them may stall, leave or come late, and nobody but they suffers.
#include "proxy/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/temporary_file.h"

namespace backoffd::proxy {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

struct PipeEnds {
  Fd read, write;
  explicit PipeEnds(int flags = 0) {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    int ends[2] = {-1, -1};
    EXPECT_EQ(0, pipe2(ends, O_CLOEXEC | flags));
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
};

// "7 xxxxxxx...\n", 1 KiB in all.
std::string line(int number) {
  std::string text = std::to_string(number) + " ";
  text.resize(1023, 'x');
  return text + "\n";
}

// Lines up to the one that says "end". Each must be whole.
std::vector<int> numbers_read(int fd) {
  std::string text;
  std::string piece(64 << 10, '\0');
  while (!text.ends_with("\nend\n")) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n <= 0) break;
    text.append(piece, 0, static_cast<std::size_t>(n));
  }
  std::vector<int> numbers;
  std::istringstream lines(text);
  for (std::string got; std::getline(lines, got) && got != "end";) {
    numbers.push_back(std::atoi(got.c_str()));
    EXPECT_EQ(line(numbers.back()), got + "\n");
  }
  return numbers;
}

TEST(LogWriter, AStalledReaderStopsNobodyAndLosesWhatFindsNoRoom) {
  PipeEnds pipe;
  LogWriter writer(std::move(pipe.write));
  constexpr int kLines = 2 * LogWriter::kMost / 1024;
  for (int i = 0; i < kLines; ++i) writer.write(line(i));
  const std::uint64_t lost = writer.lost_lines();
  EXPECT_GT(lost, 0u);
  EXPECT_FALSE(writer.flush(std::chrono::milliseconds(1)));
  std::thread reader([&] {
    const std::vector<int> numbers = numbers_read(pipe.read.get());
    EXPECT_EQ(kLines, static_cast<int>(numbers.size() + lost));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  });
  EXPECT_TRUE(writer.flush(kPatience));
  writer.write("end\n");
  reader.join();
  EXPECT_EQ(lost, writer.lost_lines());
}

// Node and ssh do so, and everybody who shares the open file finds it so.
TEST(LogWriter, AnOpenFileThatSomebodyHasMadeNonBlockingLosesNothing) {
  PipeEnds pipe(O_NONBLOCK);
  fcntl(pipe.read.get(), F_SETFL, 0);
  LogWriter writer(std::move(pipe.write));
  for (int i = 0; i < 1000; ++i) writer.write(line(i));
  EXPECT_FALSE(writer.flush(std::chrono::milliseconds(50)));
  writer.write("end\n");
  EXPECT_EQ(1000u, numbers_read(pipe.read.get()).size());
  EXPECT_EQ(0u, writer.lost_lines());
}

TEST(LogWriter, AReaderThatNeverComesDoesNotHoldUpTheEnd) {
  PipeEnds pipe;
  std::optional<LogWriter> writer(std::move(pipe.write));
  for (int i = 0; i < 1000; ++i) writer->write(line(i));
  writer.reset();
}

TEST(LogWriter, TheEndWaitsForAReaderThatComes) {
  PipeEnds pipe;
  std::optional<LogWriter> writer(std::move(pipe.write));
  for (int i = 0; i < 1000; ++i) writer->write(line(i));
  writer->write("end\n");
  std::thread reader([&] { EXPECT_EQ(1000u, numbers_read(pipe.read.get()).size()); });
  writer.reset();
  reader.join();
}

TEST(LogWriter, BehindALineThatWasCutTheNextBeginsAnew) {
  PipeEnds pipe;
  const test::TemporaryFile file("");
  LogWriter writer(std::move(pipe.write));
  writer.write(std::string(100 << 10, 'x') + "\n");
  EXPECT_FALSE(writer.flush(std::chrono::milliseconds(50)));  // more than the pipe takes
  pipe.read.reset();
  EXPECT_TRUE(writer.flush(kPatience));
  EXPECT_EQ(1u, writer.lost_lines());
  writer.redirect(Fd(::open(file.path().c_str(), O_WRONLY | O_CLOEXEC)));
  writer.write("whole\n");
  EXPECT_TRUE(writer.flush(kPatience));
  std::stringstream text;
  text << std::ifstream(file.path()).rdbuf();
  EXPECT_EQ("\nwhole\n", text.str());
  EXPECT_EQ(1u, writer.lost_lines());
}

}  // namespace
}  // namespace backoffd::proxy
