#include "admin/learning_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "admin/file.h"
#include "admin/learning_file.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::LearnedKey;
using policy::MonoTime;
using policy::WallTime;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Weight = LearningStore::Weight;

const WallTime kNow{std::chrono::seconds(1'800'000'000)};

LearnedKey key(std::string name, double reduction) {
  LearnedKey out;
  out.key = std::move(name);
  out.reduction_pct = reduction;
  return out;
}

class LearningStoreTest : public testing::Test {
 protected:
  LearningStoreTest() {
    char folder[] = "/tmp/backoffd-test-XXXXXX";
    folder_ = mkdtemp(folder);
    path_ = folder_ / "learning.json";
  }
  ~LearningStoreTest() override { std::filesystem::remove_all(folder_); }

  LearningStore store() { return store_at(path_); }
  LearningStore store_at(const std::string& path) {
    return LearningStore(path, [this](Weight weight, const std::string& sentence) {
      told_.push_back(sentence);
      weights_.push_back(weight);
    });
  }
  LearningStore::Snapshot one(double reduction) {
    return [reduction] { return std::vector{key("a@a.example", reduction)}; };
  }
  std::string text() { return read_file(path_, 1 << 20).value_or(""); }
  // The reduction of the first key that is kept there; -1: none.
  double kept_at(const std::string& path) {
    const auto file = parse_learned(read_file(path, 1 << 20).value_or(""));
    return file && !file->keys.empty() ? file->keys[0].reduction_pct : -1;
  }
  void write(const std::string& content) { std::ofstream(path_) << content; }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }

  std::filesystem::path folder_;
  std::string path_;
  std::vector<std::string> told_;
  std::vector<Weight> weights_;
};

TEST(LearningFile, WhatIsWrittenReadsBackAsTheSame) {
  LearnedKey full = key("crossref@api.crossref.org", 12.345678901);
  full.base_rate = 0.1;
  full.recovery_times = {0.5, 30, 3600};
  full.scope = 0xfedcba9876543210;
  full.concurrency = 3;
  full.ban_seconds = 60.5;
  full.paused_seconds = 7;
  const std::string text = write_learned({.saved = kNow, .keys = {full, key("b@b", 0)}});
  const auto file = parse_learned(text);
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->saved, kNow);
  ASSERT_EQ(file->keys.size(), 2U);
  EXPECT_EQ(file->keys[0].key, full.key);
  EXPECT_DOUBLE_EQ(file->keys[0].reduction_pct, full.reduction_pct);
  EXPECT_DOUBLE_EQ(file->keys[0].base_rate, full.base_rate);
  EXPECT_EQ(file->keys[0].recovery_times, full.recovery_times);
  EXPECT_EQ(file->keys[0].scope, full.scope);
  EXPECT_EQ(file->keys[0].concurrency, full.concurrency);
  EXPECT_EQ(file->keys[0].ban_seconds, full.ban_seconds);
  EXPECT_EQ(file->keys[0].paused_seconds, full.paused_seconds);
  EXPECT_EQ(write_learned(*file), text);
}

TEST(LearningFile, WhatNoFileOfOursHoldsIsRefused) {
  const std::string head = R"({"format": "backoffd-learning", "version": 1, "saved": 1, "keys": )";
  EXPECT_TRUE(parse_learned(head + "[]}"));
  EXPECT_TRUE(parse_learned(head + R"([{"key": "a@b", "later_member": 1}]})"));
  for (const std::string& text :
       {std::string(""),
        std::string("{}"),
        std::string("[]"),
        head,
        head + "[]} x",
        head + "{}}",
        head + "[1]}",
        head + R"([{"reduction_pct": 1}]})",
        head + R"([{"key": ""}]})",
        head + R"([{"key": 5}]})",
        head + R"([{"key": "a", "reduction_pct": 101}]})",
        head + R"([{"key": "a", "reduction_pct": -1}]})",
        head + R"([{"key": "a", "base_rate": "1"}]})",
        head + R"([{"key": "a", "recovery_times": [-1]}]})",
        head + R"([{"key": "a", "recovery_times": 1}]})",
        head + R"([{"key": "a", "scope": "xyz"}]})",
        head + R"([{"key": "a", "scope": "11112222333344445"}]})",
        head + R"([{"key": "a", "key": "b"}]})",
        std::string(R"({"format": "other", "version": 1, "saved": 1, "keys": []})"),
        std::string(R"({"format": "backoffd-learning", "version": 0, "saved": 1, "keys": []})"),
        std::string(R"({"format": "backoffd-learning", "version": 1, "algorithm": 0, "saved": 1, "keys": []})"),
        std::string(R"({"format": "backoffd-learning", "version": 1, "algorithm": "g", "saved": 1, "keys": []})"),
        std::string(R"({"format": "backoffd-learning", "version": 1, "saved": -1, "keys": []})"),
        std::string(R"({"format": "backoffd-learning", "version": 1, "saved": 1e300, "keys": []})")}) {
    EXPECT_FALSE(parse_learned(text)) << text;
  }
}

TEST(LearningFile, FiguresThatNoKeyCanHaveAreRefused) {
  const std::string head = R"({"format": "backoffd-learning", "version": 1, "saved": 1, "keys": [{"key": "a@b", )";
  for (const char* const figure : {"NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-0.001", "1e10", "true", "\"3\"",
                                   "[]", "0x10", "1e", "18446744073709551616", "99999999999999999999999999999"}) {
    for (const char* const name : {"reduction_pct", "base_rate", "concurrency", "ban_seconds", "paused_seconds"})
      EXPECT_FALSE(parse_learned(head + '"' + name + "\": " + figure + "}]}")) << name << figure;
    EXPECT_FALSE(parse_learned(head + "\"recovery_times\": [1, " + figure + "]}]}")) << figure;
  }
}

TEST(LearningFile, KeysBeyondThoseAStartTakesArePassedOver) {
  LearnedFile file{.saved = kNow, .keys = {}};
  for (std::size_t i = 0; i < kMaxLearnedKeys + 3; ++i) file.keys.push_back(key("k" + std::to_string(i) + "@h", 20));
  std::string text = write_learned(file);
  ASSERT_TRUE(parse_learned(text)) << parse_learned(text).error().text();
  EXPECT_EQ(parse_learned(text)->keys.size(), kMaxLearnedKeys);
  text.insert(text.rfind(']'), R"(, {"key": "one@more", "reduction_pct": 20})");  // of another program
  ASSERT_TRUE(parse_learned(text)) << parse_learned(text).error().text();
  EXPECT_EQ(parse_learned(text)->keys.size(), kMaxLearnedKeys);
}

TEST(LearningFile, FiguresThatAreNoNumbersDoNotMakeAFileThatCannotBeRead) {
  LearnedKey odd = key("a@a", std::numeric_limits<double>::quiet_NaN());
  odd.key = "a@\xff";
  const std::string text = write_learned({.saved = kNow, .keys = {odd}});
  ASSERT_TRUE(parse_learned(text)) << text;
  EXPECT_EQ(parse_learned(text)->keys[0].reduction_pct, 0);
}

TEST_F(LearningStoreTest, NoFileYetStartsEmptyAndSilently) {
  auto s = store();
  EXPECT_THAT(s.open(kNow).keys, IsEmpty());
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(LearningStoreTest, StateComesBackWithItsAge) {
  {
    auto s = store();
    s.open(kNow);
    s.save(kNow, 1, one(20));
  }
  auto s = store();
  const auto learned = s.open(kNow + 48h);
  ASSERT_EQ(learned.keys.size(), 1U);
  EXPECT_EQ(learned.keys[0].reduction_pct, 20);
  EXPECT_EQ(learned.age, policy::Duration(48h));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(LearningStoreTest, AClockThatWentBackMakesNoNegativeAge) {
  {
    auto s = store();
    s.open(kNow);
    s.save(kNow, 1, one(20));
  }
  EXPECT_EQ(store().open(kNow - 1h).age, policy::Duration(0));
}

TEST_F(LearningStoreTest, AMissingFolderIsMade) {
  auto s = store_at(folder_ / "deep" / "er" / "learning.json");
  s.open(kNow);
  s.save(kNow, 1, one(20));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "deep" / "er" / "learning.json"));
}

TEST_F(LearningStoreTest, SavesOnlyChangesAndAtMostEveryFiveSeconds) {
  auto s = store();
  s.open(kNow);
  int snapshots = 0;
  const auto counted = [&] {
    ++snapshots;
    return std::vector{key("a@a", 1)};
  };
  const MonoTime start{100s};
  s.maybe_save(start, kNow, 0, counted);  // nothing learned yet
  EXPECT_EQ(snapshots, 0);
  s.maybe_save(start, kNow, 1, counted);
  EXPECT_EQ(snapshots, 1);
  s.maybe_save(start + 1s, kNow, 2, counted);
  s.maybe_save(start + 4999ms, kNow, 2, counted);
  EXPECT_EQ(snapshots, 1);
  s.maybe_save(start + 5s, kNow, 2, counted);
  EXPECT_EQ(snapshots, 2);
  s.maybe_save(start + 60s, kNow, 2, counted);
  EXPECT_EQ(snapshots, 2);
  s.save(kNow, 3, counted);  // at drain: at once
  EXPECT_EQ(snapshots, 3);
}

TEST_F(LearningStoreTest, AFileThatDoesNotParseIsMovedAsideAndSoKept) {
  write("{\"format\": \"backoffd-learn");
  auto s = store();
  EXPECT_THAT(s.open(kNow).keys, IsEmpty());
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_THAT(told_[0], HasSubstr("moved to " + path_ + ".corrupt-1800000000"));
  EXPECT_EQ(read_file(path_ + ".corrupt-1800000000", 100), "{\"format\": \"backoffd-learn");
  s.save(kNow, 1, one(20));
  EXPECT_TRUE(parse_learned(text()));
}

TEST_F(LearningStoreTest, ANewerVersionOrAlgorithmIsLeftAlone) {
  for (const std::string& newer :
       {std::string(R"({"format": "backoffd-learning", "version": 2, "wonders": []})"),
        R"({"format": "backoffd-learning", "version": 1, "algorithm": )" +
            std::to_string(policy::kLearningAlgorithm + 1) + R"(, "keys": [{"key": "a@b", "reduction_pct": 20}]})"}) {
    write(newer);
    told_.clear();
    weights_.clear();
    auto s = store();
    EXPECT_THAT(s.open(kNow).keys, IsEmpty());
    ASSERT_EQ(told_.size(), 1U);
    EXPECT_THAT(told_[0], HasSubstr("the newest known here; it is left alone"));
    EXPECT_THAT(weights_, ElementsAre(Weight::error));
    s.maybe_save(MonoTime(100s), kNow, 1, one(20));
    s.save(kNow, 2, one(20));
    EXPECT_EQ(text(), newer);
  }
}

TEST_F(LearningStoreTest, WhatAnOlderAlgorithmLearnedIsAStart) {
  write(R"({"format": "backoffd-learning", "version": 1, "saved": 1800000000, "keys": [{"key": "a@b"}]})");
  auto s = store();
  EXPECT_EQ(s.open(kNow).keys.size(), 1U);
  EXPECT_THAT(told_, IsEmpty());
  s.save(kNow, 1, one(20));
  EXPECT_EQ(parse_learned(text())->algorithm, policy::kLearningAlgorithm);
}

TEST_F(LearningStoreTest, AFolderOrAPipeInItsPlaceIsNeitherMovedNorReplaced) {
  std::filesystem::create_directory(folder_ / "folder");
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const char* const name : {"folder", "pipe"}) {
    told_.clear();
    auto s = store_at(folder_ / name);
    EXPECT_THAT(s.open(kNow).keys, IsEmpty());
    ASSERT_EQ(told_.size(), 1U);
    EXPECT_THAT(told_[0], HasSubstr("is no file; it is left alone"));
    s.save(kNow, 1, one(20));
  }
  EXPECT_THAT(names(), ElementsAre("folder", "pipe"));
  EXPECT_FALSE(std::filesystem::is_regular_file(folder_ / "pipe"));
}

TEST_F(LearningStoreTest, ASecondProcessIsToldAndKeepsNothing) {
  auto first = store();
  first.open(kNow);
  first.save(kNow, 1, one(20));
  const std::string before = text();
  {
    auto second = store();
    EXPECT_THAT(second.open(kNow).keys, IsEmpty());
    ASSERT_EQ(told_.size(), 1U);
    EXPECT_THAT(told_[0], HasSubstr("in use by another process"));
    EXPECT_FALSE(second.keeps());
    second.save(kNow, 5, one(70));
    EXPECT_EQ(text(), before);
  }
  first.save(kNow, 2, one(30));
  EXPECT_NE(text(), before);
}

TEST_F(LearningStoreTest, TheLockEndsWithItsHolder) {
  {
    auto first = store();
    first.open(kNow);
  }
  auto second = store();
  second.open(kNow);
  second.save(kNow, 1, one(20));
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_TRUE(parse_learned(text()));
}

TEST_F(LearningStoreTest, AnUnusableFolderIsToldOnceAndTriedAgain) {
  const auto blocked = folder_ / "blocked";
  std::ofstream(blocked) << "a file where a folder should be";
  auto s = store_at(blocked / "learning.json");
  EXPECT_THAT(s.open(kNow).keys, IsEmpty());
  s.maybe_save(MonoTime(100s), kNow, 1, one(20));
  s.maybe_save(MonoTime(110s), kNow, 1, one(20));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_THAT(told_[0], HasSubstr("state is not kept: cannot open"));
  EXPECT_FALSE(s.keeps());

  std::filesystem::remove(blocked);
  s.maybe_save(MonoTime(120s), kNow, 1, one(20));
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_THAT(told_[1], HasSubstr("again"));
  EXPECT_TRUE(s.keeps());
  EXPECT_TRUE(parse_learned(*read_file(blocked / "learning.json", 1 << 20)));
}

TEST_F(LearningStoreTest, AFileThatComesLateIsNotReplacedUnread) {
  const auto mounted = folder_ / "mounted";
  std::ofstream(mounted) << "not yet";
  auto s = store_at(mounted / "learning.json");
  EXPECT_THAT(s.open(kNow).keys, IsEmpty());
  std::filesystem::remove(mounted);
  std::filesystem::create_directory(mounted);
  std::ofstream(mounted / "learning.json") << "of an earlier run";
  s.save(kNow, 1, one(20));
  EXPECT_EQ(read_file(mounted / "learning.json", 100), "of an earlier run");
  EXPECT_THAT(weights_, ElementsAre(Weight::warning, Weight::error));
  EXPECT_THAT(told_.back(), HasSubstr("was not there when this run began; it is left alone"));
}

TEST_F(LearningStoreTest, AFileBehindALinkIsReplacedWhereItLies) {
  std::filesystem::create_directory(folder_ / "disk");
  std::filesystem::create_symlink("link", folder_ / "again");
  std::filesystem::create_symlink("disk/state.json", folder_ / "link");
  for (const double reduction : {20, 30}) {  // at first it leads to no file yet
    auto s = store_at(folder_ / "again");
    s.open(kNow);
    s.save(kNow, 1, one(reduction));
  }
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link"));
  EXPECT_EQ(kept_at(folder_ / "disk" / "state.json"), 30);
  auto first = store_at(folder_ / "disk" / "state.json");
  first.open(kNow);
  EXPECT_THAT(told_, IsEmpty());
  auto second = store_at(folder_ / "link");
  second.open(kNow);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("in use by another process")));
}

TEST_F(LearningStoreTest, WhatCannotBeLockedIsNotMovedAside) {
  std::filesystem::create_directory(path_ + ".lock");  // as a lock of another user's cannot be opened
  write("of a process that holds it, and not for us to read");
  auto s = store();
  EXPECT_THAT(s.open(kNow).keys, IsEmpty());
  s.save(kNow, 1, one(20));
  EXPECT_EQ(text(), "of a process that holds it, and not for us to read");
  EXPECT_THAT(told_, ElementsAre(HasSubstr("cannot open"), HasSubstr("it stays there until it can be locked")));

  std::filesystem::remove(path_ + ".lock");
  s.save(kNow, 1, one(20));
  EXPECT_EQ(read_file(path_ + ".corrupt-1800000000", 100), "of a process that holds it, and not for us to read");
  EXPECT_TRUE(parse_learned(text()));
  EXPECT_TRUE(s.keeps());
}

TEST_F(LearningStoreTest, WhatCannotBeMovedAsideIsNotReplaced) {
  write("{");
  std::filesystem::create_directories(path_ + ".corrupt-1800000000/in the way");
  auto s = store();
  EXPECT_THAT(s.open(kNow).keys, IsEmpty());
  EXPECT_THAT(told_, ElementsAre(HasSubstr("it cannot be moved aside")));
  s.save(kNow, 1, one(20));
  EXPECT_EQ(text(), "{");
  EXPECT_FALSE(s.keeps());
  s.save(kNow + 5s, 1, one(20));
  EXPECT_EQ(read_file(path_ + ".corrupt-1800000005", 100), "{");
  EXPECT_TRUE(parse_learned(text()));
  EXPECT_TRUE(s.keeps());
}

TEST_F(LearningStoreTest, ALockThatWasRemovedIsTakenAgainOrAnothersByNow) {
  auto first = store();
  first.open(kNow);
  first.save(kNow, 1, one(20));
  std::filesystem::remove(path_ + ".lock");
  first.save(kNow, 2, one(30));
  EXPECT_THAT(names(), ElementsAre("learning.json", "learning.json.lock"));
  EXPECT_EQ(kept_at(path_), 30);
  EXPECT_THAT(told_, IsEmpty());

  std::filesystem::remove(path_ + ".lock");
  auto second = store();
  second.open(kNow);
  first.save(kNow, 3, one(40));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("in use by another process")));
  EXPECT_FALSE(first.keeps());
  EXPECT_EQ(kept_at(path_), 30);
}

TEST_F(LearningStoreTest, AFullDiskLeavesTheOldFileWholeAndNothingBeside) {
  auto s = store();
  s.open(kNow);
  s.save(kNow, 1, one(20));
  const std::string before = text();

  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = 50;
  setrlimit(RLIMIT_FSIZE, &small);
  s.save(kNow, 2, one(30));
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, old_handler);

  ASSERT_EQ(told_.size(), 1U);
  EXPECT_THAT(told_[0], HasSubstr("cannot write"));
  EXPECT_FALSE(s.keeps());
  EXPECT_EQ(text(), before);
  EXPECT_THAT(names(), ElementsAre("learning.json", "learning.json.lock"));
  s.save(kNow, 2, one(30));
  EXPECT_NE(text(), before);
}

// Killed at random moments of saving, the file is always one of those that were written.
TEST_F(LearningStoreTest, AKillInTheMiddleOfASaveHarmsNothing) {
  for (int round = 0; round < 10; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      LearningStore s(path_, [](Weight, const std::string&) {});
      s.open(kNow);
      for (std::uint64_t version = 1;; ++version) {
        s.save(kNow, version, [&] {
          std::vector<LearnedKey> keys;
          for (int i = 0; i < 300; ++i) keys.push_back(key("k" + std::to_string(i) + "@h", double(version % 100)));
          return keys;
        });
      }
    }
    usleep(static_cast<useconds_t>(20000 + round * 1700));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const std::string content = text();
    if (content.empty()) continue;  // killed before the first save
    const auto file = parse_learned(content);
    ASSERT_TRUE(file) << file.error().text();
    ASSERT_EQ(file->keys.size(), 300U);
    for (const auto& k : file->keys) ASSERT_EQ(k.reduction_pct, file->keys[0].reduction_pct);
  }
  EXPECT_FALSE(text().empty());
}

}  // namespace
}  // namespace backoffd::admin
