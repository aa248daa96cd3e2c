#include "admin/env_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "admin/config_files.h"

namespace backoffd::admin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class EnvCommand : public testing::Test {
 protected:
  EnvCommand() {
    char folder[] = "/tmp/backoffd-test-XXXXXX";
    folder_ = mkdtemp(folder);
    config_.admin.listen = "off";  // nobody to ask: the configuration counts
  }
  ~EnvCommand() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name) {
    std::ofstream(folder_ + "/" + name) << "x";
    return folder_ + "/" + name;
  }
  std::string folder_;
  Config config_;
};

TEST_F(EnvCommand, AWildcardIsReachedOnLoopback) {
  config_.proxy.listen = {"0.0.0.0:3128"};
  EXPECT_THAT(env_command(EnvFormat::dotenv, config_).out, HasSubstr("http_proxy=http://127.0.0.1:3128\n"));
  config_.proxy.listen = {"[::]:3128"};
  EXPECT_THAT(env_command(EnvFormat::sh, config_).out, HasSubstr("export HTTPS_PROXY='http://[::1]:3128'\n"));
}

TEST_F(EnvCommand, WhereNothingIsInterceptedNoRootsAreNamed) {
  const CommandResult result = env_command(EnvFormat::sh, config_);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, Not(HasSubstr("SSL_CERT_FILE")));
  EXPECT_THAT(result.complaint, HasSubstr("this is from the configuration"));
}

TEST_F(EnvCommand, TheBundleOfTheStateFolder) {
  config_.proxy.tls.intercept = proxy::InterceptMode::all;
  config_.state_dir = folder_;
  const CommandResult early = env_command(EnvFormat::sh, config_);
  EXPECT_EQ(early.exit_code, 1);
  EXPECT_EQ(early.out, "");
  EXPECT_THAT(early.complaint, HasSubstr("cannot read " + folder_ + "/ca-bundle.pem"));
  file("ca-bundle.pem");
  file("ca-root.pem");
  const CommandResult result = env_command(EnvFormat::sh, config_);
  EXPECT_EQ(result.exit_code, 0) << result.complaint;
  EXPECT_THAT(result.out, HasSubstr("export SSL_CERT_FILE='" + folder_ + "/ca-bundle.pem'\n"));
  EXPECT_THAT(result.out, HasSubstr("export NODE_EXTRA_CA_CERTS='" + folder_ + "/ca-root.pem'\n"));
}

TEST_F(EnvCommand, WhatCannotBeToldIsSaidInstead) {
  config_.proxy.listen = {"127.0.0.1:0"};
  EXPECT_EQ(env_command(EnvFormat::sh, config_).complaint, "listen: \"127.0.0.1:0\": the port is not known; name one");
  config_.proxy.listen = {"127.0.0.1:3128"};
  config_.proxy.tls.intercept = proxy::InterceptMode::all;
  config_.tls.ca = CaKind::ephemeral;
  const CommandResult result = env_command(EnvFormat::sh, config_);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.complaint, "tls.publish_dir: not set: the CA is in no file that tools could be pointed at");
}

TEST_F(EnvCommand, FilesThatAreNotThereAreToldByTheirKey) {
  Problems problems;
  check_files(config_, problems);
  EXPECT_THAT(problems, IsEmpty());
  config_.proxy.tls.upstream_roots = {file("there.pem"), "/no/such.pem"};
  config_.tls.ca_cert = "/no/cert.pem";
  config_.proxy.upstream_proxy.credentials_file = "/no/secret";
  config_.policy.providers.resize(1);
  config_.policy.providers[0].client_key = "/no/key.pem";
  check_files(config_, problems);
  std::vector<std::string> texts;
  for (const auto& problem : problems) texts.push_back(problem.text());
  EXPECT_THAT(texts, ElementsAre("tls.ca_cert: \"/no/cert.pem\": No such file or directory",
                                 "tls.upstream_roots[1]: \"/no/such.pem\": No such file or directory",
                                 "upstream_proxy_credentials: \"/no/secret\": No such file or directory",
                                 "providers[0].client_key: \"/no/key.pem\": No such file or directory"));
}

}  // namespace
}  // namespace backoffd::admin
