#include "admin/ca_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "admin/ca_commands.h"
#include "admin/ca_publication.h"
#include "admin/file.h"
#include "admin/json.h"
#include "admin/system_roots.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using policy::WallTime;
using proxy::Authority;
using proxy::InterceptMode;
using proxy::Loop;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr auto kDay = std::chrono::days(1);
constexpr const char* kKeyBegins = "PRIVATE KEY-----";

std::string text_of(const std::string& path) { return read_file(path, 16 << 20).value_or(""); }
void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
mode_t mode_of(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

class CaStoreTest : public testing::Test {
 protected:
  CaStoreTest() {
    char folder[] = "/tmp/backoffd-test-XXXXXX";
    folder_ = mkdtemp(folder);
    roots_ = folder_ + "/system.pem";
    write(roots_, "# a system's roots\n" + Authority::create(proxy::constraints_for({"*"}), now_)->root_pem());
    setenv("SSL_CERT_FILE", roots_.c_str(), 1);
    config_.state_dir = folder_ + "/state";
    config_.proxy.tls.intercept = InterceptMode::hosts;
    config_.proxy.tls.intercept_hosts = {"*.crossref.org", "127.0.0.1"};
  }
  ~CaStoreTest() override {
    unsetenv("SSL_CERT_FILE");
    std::filesystem::remove_all(folder_);
  }

  policy::Result<Authority> open() {
    return open_ca(config_, now_, [this](const std::string& sentence) { told_.push_back(sentence); });
  }
  policy::Result<Authority> rotate() {
    return rotate_ca(config_, now_, [this](const std::string& sentence) { told_.push_back(sentence); });
  }
  std::string fingerprint() {
    const auto authority = open();
    return authority ? authority->fingerprint() : authority.error().text();
  }
  // What open() refuses with.
  std::string error() {
    const auto authority = open();
    return authority ? "no error" : authority.error().text();
  }
  CommandResult command(CaAction action, Output output = Output::table) { return ca_command(action, output, config_); }
  std::string in_state(const std::string& name) { return config_.state_dir + "/" + name; }
  std::set<std::string> names_below(const std::string& folder) {
    std::set<std::string> names;
    if (!std::filesystem::exists(folder)) return names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      names.insert(std::filesystem::relative(entry.path(), folder));
    }
    return names;
  }
  // An authority of the operator's own, in files.
  void use_own(const Authority& own) {
    config_.tls.ca_cert = folder_ + "/own.pem";
    config_.tls.ca_key = folder_ + "/own.key";
    write(config_.tls.ca_cert, own.chain_pem());
    write(config_.tls.ca_key, own.key_pem());
    chmod(config_.tls.ca_key.c_str(), 0600);
  }

  const WallTime now_ = Loop::wall_now();
  std::string folder_;
  std::string roots_;
  Config config_;
  std::vector<std::string> told_;
};

TEST_F(CaStoreTest, IsMadeAtTheFirstStartAndTold) {
  const auto made = open();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->constraints(), proxy::constraints_for({"*.crossref.org", "127.0.0.1"}));
  ASSERT_THAT(told_, ElementsAre(StartsWith("tls: a new CA, which clients have to trust: CN=backoffd CA ")));
  EXPECT_THAT(told_[0], AllOf(HasSubstr(made->fingerprint()), EndsWith("for crossref.org, 127.0.0.1")));
}

TEST_F(CaStoreTest, IsTheSameAtTheNextStart) {
  const std::string first = fingerprint();
  told_.clear();
  EXPECT_EQ(fingerprint(), first);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CaStoreTest, FilesHaveTheirModesWhateverTheUmask) {
  for (const mode_t mask : {0, 077}) {
    const mode_t before = umask(mask);
    ASSERT_TRUE(open());
    umask(before);
    EXPECT_EQ(mode_of(in_state("ca")), 0700u);
    EXPECT_EQ(mode_of(in_state("ca/ca.key")), 0600u);
    EXPECT_EQ(mode_of(in_state("ca/ca.pem")), 0644u);
    EXPECT_EQ(mode_of(in_state("ca-root.pem")), 0644u);
    EXPECT_EQ(mode_of(in_state("ca-bundle.pem")), 0644u);
    std::filesystem::remove_all(config_.state_dir);
  }
}

TEST_F(CaStoreTest, TheKeyIsInOneFileAlone) {
  ASSERT_TRUE(open());
  EXPECT_EQ(names_below(config_.state_dir),
            (std::set<std::string>{"ca", "ca/ca.key", "ca/ca.pem", "ca-root.pem", "ca-bundle.pem"}));
  for (const char* name : {"ca/ca.pem", "ca-root.pem", "ca-bundle.pem"}) {
    EXPECT_THAT(text_of(in_state(name)), Not(HasSubstr(kKeyBegins))) << name;
  }
}

TEST_F(CaStoreTest, TheChainIsWrittenAnewWhereItDiffers) {
  const auto made = open();
  write(in_state("ca/ca.pem"), "changed");
  ASSERT_TRUE(open());
  EXPECT_EQ(text_of(in_state("ca/ca.pem")), made->chain_pem());
}

TEST_F(CaStoreTest, StartsAtOnceHaveOneAuthority) {
  constexpr int kStarts = 6;
  std::vector<std::string> seen(kStarts);
  std::vector<std::thread> starts;
  for (int i = 0; i < kStarts; ++i) {
    starts.emplace_back([this, &seen, i] {
      const auto authority = open_ca(config_, now_, [](const std::string&) {});
      seen[i] = authority ? authority->fingerprint() : authority.error().text();
    });
  }
  for (std::thread& start : starts) start.join();
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), std::set<std::string>{fingerprint()});
}

TEST_F(CaStoreTest, WithoutInterceptionNothingIsMade) {
  config_.proxy.tls.intercept = InterceptMode::none;
  EXPECT_EQ(error(), in_state("ca/ca.key") + ": there is no CA yet; it is made at the first start with tls.intercept");
  EXPECT_EQ(names_below(config_.state_dir), std::set<std::string>{"ca"});
}

TEST_F(CaStoreTest, WithoutInterceptionWhatThereIsIsShown) {
  const std::string made = fingerprint();
  config_.proxy.tls.intercept = InterceptMode::none;
  EXPECT_EQ(fingerprint(), made);
  EXPECT_THAT(command(CaAction::show).out, HasSubstr(made));
}

TEST_F(CaStoreTest, FolderThatOthersMayEnterIsRefused) {
  ASSERT_TRUE(open());
  chmod(in_state("ca").c_str(), 0750);
  EXPECT_THAT(error(), AllOf(StartsWith(in_state("ca") + ": has mode 0750"), HasSubstr("chmod 0700")));
}

TEST_F(CaStoreTest, KeyThatOthersMayReadIsRefused) {
  ASSERT_TRUE(open());
  chmod(in_state("ca/ca.key").c_str(), 0604);
  EXPECT_THAT(error(), AllOf(StartsWith(in_state("ca/ca.key") + ": has mode 0604"), HasSubstr("chmod 0600")));
}

TEST_F(CaStoreTest, WhatBelongsToSomebodyElseIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_TRUE(open());
  ASSERT_EQ(chown(in_state("ca/ca.key").c_str(), 12345, 0), 0);
  EXPECT_THAT(error(), StartsWith(in_state("ca/ca.key") + ": belongs to user 12345, not to user 0"));
  ASSERT_EQ(chown(in_state("ca").c_str(), 12345, 0), 0);
  EXPECT_THAT(error(), StartsWith(in_state("ca") + ": belongs to user 12345"));
}

TEST_F(CaStoreTest, LinksAndPipesAreNotFollowed) {
  ASSERT_TRUE(open());
  std::filesystem::rename(in_state("ca/ca.key"), in_state("elsewhere.key"));
  std::filesystem::create_symlink(in_state("elsewhere.key"), in_state("ca/ca.key"));
  EXPECT_EQ(error(), in_state("ca/ca.key") + ": is no plain file");
  std::filesystem::remove(in_state("ca/ca.key"));
  ASSERT_EQ(mkfifo(in_state("ca/ca.key").c_str(), 0600), 0);
  EXPECT_EQ(error(), in_state("ca/ca.key") + ": is no plain file");
  std::filesystem::rename(in_state("ca"), in_state("other"));
  std::filesystem::create_symlink(in_state("other"), in_state("ca"));
  EXPECT_THAT(error(), StartsWith(in_state("ca") + ": cannot open this folder"));
}

TEST_F(CaStoreTest, FolderThatCannotBeMadeIsNamed) {
  write(config_.state_dir, "a file");
  EXPECT_EQ(error(), in_state("ca") + ": cannot make this folder: Not a directory");
}

TEST_F(CaStoreTest, BrokenFileIsNamedWithTheRemedy) {
  ASSERT_TRUE(open());
  const std::string path = in_state("ca/ca.key");
  const std::string whole = text_of(path);
  const std::string key = whole.substr(0, whole.find("-----BEGIN CERTIFICATE"));
  const std::string chain = whole.substr(key.size());
  const std::string issuer = chain.substr(0, chain.find("-----BEGIN", 10));
  const std::string other = Authority::create(proxy::constraints_for({"*"}), now_)->key_pem();
  const std::pair<std::string, const char*> cases[] = {
      {"", "there is no certificate in it"},
      {"garbage", "there is no certificate in it"},
      {key, "there is no certificate in it"},
      {chain, "there is no key in it"},
      {key + issuer, "which is no root"},
      {whole.substr(0, whole.size() - 40), "certificate 2 in it is unreadable"},
      {whole.substr(60), "the key is unreadable"},
      {other + chain, "the key is not that of"},
  };
  for (const auto& [text, why] : cases) {
    write(path, text);
    EXPECT_THAT(error(), AllOf(StartsWith(path + ": "), HasSubstr(why), HasSubstr("`backoffd ca rotate`"))) << text;
  }
}

TEST_F(CaStoreTest, ExpiredIsToldWithItsDate) {
  const auto made = open();
  const auto later = open_ca(config_, made->not_after(), [](const std::string&) {});
  ASSERT_FALSE(later);
  EXPECT_THAT(later.error().text(),
              AllOf(StartsWith(in_state("ca/ca.key")), HasSubstr(" expired on "), HasSubstr("`backoffd ca rotate`")));
}

TEST_F(CaStoreTest, EndOfLifeIsToldAheadOfIt) {
  const auto made = open();
  ASSERT_TRUE(open_ca(config_, made->not_after() - 29 * kDay, [this](const std::string& s) { told_.push_back(s); }));
  EXPECT_THAT(told_, Contains(AllOf(HasSubstr("the CA expires at "), HasSubstr("`backoffd ca rotate`"))));
}

TEST_F(CaStoreTest, NameThatItMayNotSignIsAnError) {
  ASSERT_TRUE(open());
  config_.proxy.tls.intercept_hosts.emplace_back("api.openalex.org");
  EXPECT_THAT(error(), AllOf(StartsWith(in_state("ca/ca.key") + ": it may not sign for api.openalex.org"),
                             HasSubstr("`backoffd ca rotate`")));
}

TEST_F(CaStoreTest, MoreThanIsAskedForIsToldAndUsed) {
  const std::string made = fingerprint();
  told_.clear();
  config_.proxy.tls.intercept_hosts = {"api.crossref.org"};
  EXPECT_EQ(fingerprint(), made);
  EXPECT_THAT(told_, ElementsAre(AllOf(HasSubstr("the CA may sign for crossref.org, which tls.intercept does not"),
                                       HasSubstr("`backoffd ca rotate`"))));
}

TEST_F(CaStoreTest, WithoutBoundsItIsToldAtEveryStart) {
  config_.proxy.tls.intercept = InterceptMode::all;
  EXPECT_TRUE(open()->constraints().any);
  told_.clear();
  ASSERT_TRUE(open());
  EXPECT_THAT(told_, ElementsAre(HasSubstr("can pass for any host")));
}

TEST_F(CaStoreTest, RotationMakesAnotherAndDeletesTheOldKey) {
  const auto old = open();
  const auto made = rotate();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_NE(made->fingerprint(), old->fingerprint());
  EXPECT_EQ(fingerprint(), made->fingerprint());
  for (const std::string& name : names_below(config_.state_dir)) {
    EXPECT_THAT(text_of(in_state(name)), Not(HasSubstr(old->key_pem()))) << name;
  }
  EXPECT_EQ(text_of(in_state("ca-root.pem")), made->root_pem());
  EXPECT_THAT(text_of(in_state("ca-bundle.pem")), AllOf(EndsWith(made->root_pem()), Not(HasSubstr(old->root_pem()))));
}

TEST_F(CaStoreTest, RotationHealsWhatIsBrokenOrTooNarrow) {
  ASSERT_TRUE(open());
  write(in_state("ca/ca.key"), "garbage");
  ASSERT_TRUE(rotate());
  config_.proxy.tls.intercept_hosts = {"api.openalex.org"};
  ASSERT_FALSE(open());
  ASSERT_TRUE(rotate());
  EXPECT_TRUE(open());
}

TEST_F(CaStoreTest, RotationIsForTheStateFolder) {
  config_.proxy.tls.intercept = InterceptMode::none;
  EXPECT_THAT(rotate().error().text(), StartsWith("tls.intercept: is none"));
  config_.tls.ca = CaKind::ephemeral;
  EXPECT_THAT(rotate().error().text(), StartsWith("tls.ca: is ephemeral"));
  config_.tls.ca_cert = "own.pem";
  EXPECT_THAT(rotate().error().text(), StartsWith("tls.ca_cert: the CA is your own"));
}

TEST_F(CaStoreTest, EphemeralTouchesNoDisk) {
  config_.tls.ca = CaKind::ephemeral;
  const std::string first = fingerprint();
  EXPECT_NE(fingerprint(), first);
  EXPECT_FALSE(std::filesystem::exists(config_.state_dir));
}

TEST_F(CaStoreTest, EphemeralPublishesItsPublicPartWhereAsked) {
  config_.tls.ca = CaKind::ephemeral;
  config_.tls.publish_dir = folder_ + "/public/tls";
  const auto made = open();
  EXPECT_EQ(names_below(config_.tls.publish_dir), (std::set<std::string>{"ca-root.pem", "ca-bundle.pem"}));
  EXPECT_EQ(text_of(config_.tls.publish_dir + "/ca-root.pem"), made->root_pem());
  EXPECT_FALSE(std::filesystem::exists(config_.state_dir));
}

TEST_F(CaStoreTest, PublishesInBothFolders) {
  config_.tls.publish_dir = folder_ + "/public";
  const auto made = open();
  for (const std::string& folder : {config_.tls.publish_dir, config_.state_dir}) {
    EXPECT_EQ(text_of(folder + "/ca-root.pem"), made->root_pem());
    EXPECT_EQ(text_of(folder + "/ca-bundle.pem"), text_of(roots_) + made->root_pem());
  }
}

TEST_F(CaStoreTest, FolderThatCannotBePublishedInIsToldOnly) {
  config_.tls.publish_dir = roots_ + "/below-a-file";
  EXPECT_TRUE(open());
  EXPECT_THAT(told_, Contains(HasSubstr("the CA is not published in " + config_.tls.publish_dir)));
}

TEST_F(CaStoreTest, OwnFilesAreUsed) {
  const auto own = Authority::create(proxy::constraints_for(config_.proxy.tls.intercept_hosts), now_);
  use_own(*own);
  EXPECT_EQ(fingerprint(), own->fingerprint());
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(in_state("ca")));
}

TEST_F(CaStoreTest, OwnFileThatIsAbsentIsNamed) {
  use_own(*Authority::create(proxy::constraints_for({"*"}), now_));
  std::filesystem::remove(config_.tls.ca_key);
  EXPECT_EQ(error(), "tls.ca_key: " + config_.tls.ca_key + ": No such file or directory");
}

TEST_F(CaStoreTest, OwnKeyOfAnotherIsRefused) {
  use_own(*Authority::create(proxy::constraints_for({"*"}), now_));
  write(config_.tls.ca_key, Authority::create(proxy::constraints_for({"*"}), now_)->key_pem());
  EXPECT_THAT(error(), AllOf(HasSubstr(config_.tls.ca_key), HasSubstr("the key is not that of \"CN=backoffd CA ")));
}

TEST_F(CaStoreTest, OwnThatMayNotSignIsAnErrorWithoutRotation) {
  use_own(*Authority::create(proxy::constraints_for({"other.example"}), now_));
  EXPECT_EQ(error(), config_.tls.ca_cert +
                         ": it may not sign for crossref.org, which tls.intercept asks for; it may for other.example");
}

TEST_F(CaStoreTest, OwnKeyThatAllMayReadIsTold) {
  use_own(*Authority::create(proxy::constraints_for(config_.proxy.tls.intercept_hosts), now_));
  chmod(config_.tls.ca_key.c_str(), 0644);
  EXPECT_TRUE(open());
  EXPECT_THAT(told_, ElementsAre(HasSubstr("chmod o= " + config_.tls.ca_key)));
}

TEST_F(CaStoreTest, BundleDoesNotGatherFormerRoots) {
  ASSERT_TRUE(open());
  setenv("SSL_CERT_FILE", in_state("ca-bundle.pem").c_str(), 1);
  const std::string old = text_of(in_state("ca-root.pem"));
  ASSERT_TRUE(rotate());
  EXPECT_THAT(text_of(in_state("ca-bundle.pem")), Not(HasSubstr(old)));
}

TEST_F(CaStoreTest, BundleWithoutSystemRootsIsOurRootAlone) {
  setenv("SSL_CERT_FILE", (folder_ + "/absent.pem").c_str(), 1);
  const auto made = open();
  EXPECT_EQ(text_of(in_state("ca-bundle.pem")), made->root_pem());
  EXPECT_THAT(told_, Contains(AllOf(HasSubstr("holds our root alone: SSL_CERT_FILE: "), HasSubstr("absent.pem"))));
}

TEST_F(CaStoreTest, SystemRootsAreFoundWithoutTheVariable) {
  unsetenv("SSL_CERT_FILE");
  const auto roots = system_roots();
  if (!roots) GTEST_SKIP() << roots.error().text();
  EXPECT_THAT(roots->pem, HasSubstr("-----BEGIN CERTIFICATE-----"));
  EXPECT_TRUE(std::filesystem::exists(roots->path));
}

TEST_F(CaStoreTest, FileWithoutCertificatesIsNoSystemRoots) {
  write(roots_, "nothing\n");
  EXPECT_THAT(system_roots().error().text(), HasSubstr(roots_ + ": no certificates can be read"));
}

TEST_F(CaStoreTest, ShowNamesWhatThereIs) {
  const auto made = open();
  const auto shown = command(CaAction::show);
  EXPECT_EQ(shown.exit_code, 0) << shown.complaint;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("subject     " + made->subject() + "\n"), HasSubstr(made->fingerprint()),
                               HasSubstr("may sign    crossref.org, 127.0.0.1\n"),
                               HasSubstr("key         " + in_state("ca/ca.key") + "\n"), Not(HasSubstr(kKeyBegins))));
}

TEST_F(CaStoreTest, ShowForPrograms) {
  const auto made = open();
  const auto shown = json::parse(command(CaAction::show, Output::json).out, json::Dialect::strict);
  ASSERT_TRUE(shown) << shown.error().text();
  EXPECT_EQ(*shown->root.find("sha256")->string(), made->fingerprint());
  EXPECT_EQ(*shown->root.find("may_sign")->find("dns")->array()->at(0).string(), "crossref.org");
  EXPECT_EQ(*shown->root.find("files")->array()->at(0).find("path")->string(), in_state("ca-root.pem"));
}

TEST_F(CaStoreTest, CommandsMakeTheAuthorityWhereThereIsNone) {
  const auto path = command(CaAction::path);
  EXPECT_EQ(path.out, in_state("ca-root.pem") + "\n");
  EXPECT_THAT(path.complaint, HasSubstr("a new CA"));
  EXPECT_THAT(text_of(in_state("ca-root.pem")), StartsWith("-----BEGIN CERTIFICATE-----"));
}

TEST_F(CaStoreTest, PathIsThatOfTheFolderMadeForClients) {
  config_.tls.publish_dir = folder_ + "/public";
  EXPECT_EQ(command(CaAction::path).out, folder_ + "/public/ca-root.pem\n");
}

TEST_F(CaStoreTest, PathIsAbsolute) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  config_.state_dir = "state";
  EXPECT_EQ(command(CaAction::path).out, std::filesystem::current_path() / "state/ca-root.pem\n");
  std::filesystem::current_path(before);
}

TEST_F(CaStoreTest, BundleIsPrinted) {
  const auto made = open();
  EXPECT_EQ(command(CaAction::bundle).out, text_of(roots_) + made->root_pem());
}

TEST_F(CaStoreTest, BundleTellsOnceThatSystemRootsAreLacking) {
  setenv("SSL_CERT_FILE", (folder_ + "/absent.pem").c_str(), 1);
  ASSERT_TRUE(open());
  const std::string complaint = command(CaAction::bundle).complaint;
  EXPECT_THAT(complaint, StartsWith("tls: the bundle for clients holds our root alone"));
  EXPECT_EQ(complaint.find('\n'), complaint.npos);
}

TEST_F(CaStoreTest, RotateCommandTellsWhatToDo) {
  const std::string old = fingerprint();
  const auto rotated = command(CaAction::rotate);
  EXPECT_EQ(rotated.exit_code, 0);
  EXPECT_THAT(rotated.out, AllOf(HasSubstr(fingerprint()), Not(HasSubstr(old))));
  EXPECT_THAT(rotated.complaint, AllOf(HasSubstr("until it is restarted"), HasSubstr("every client")));
}

TEST_F(CaStoreTest, CommandsLeaveAnEphemeralOneToItsProxy) {
  config_.tls.ca = CaKind::ephemeral;
  EXPECT_THAT(command(CaAction::show).complaint, HasSubstr("only the proxy that runs has it"));
  EXPECT_THAT(command(CaAction::path).complaint, HasSubstr("tls.publish_dir"));
  config_.tls.publish_dir = folder_ + "/public";
  EXPECT_EQ(command(CaAction::path).exit_code, 1);
  const auto made = open();
  EXPECT_EQ(command(CaAction::path).out, folder_ + "/public/ca-root.pem\n");
  EXPECT_THAT(command(CaAction::bundle).out, EndsWith(made->root_pem()));
}

TEST_F(CaStoreTest, CommandThatFailsSaysWhy) {
  ASSERT_TRUE(open());
  chmod(in_state("ca/ca.key").c_str(), 0644);
  const auto shown = command(CaAction::show);
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_EQ(shown.out, "");
  EXPECT_THAT(shown.complaint, HasSubstr("has mode 0644"));
}

}  // namespace
}  // namespace backoffd::admin
