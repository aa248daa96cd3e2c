#include "admin/tool_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "admin/json.h"

namespace backoffd::admin {
namespace {

using testing::ElementsAre;
using testing::Pair;

// What a shell makes of `script`: its standard output.
std::string output_of(const std::string& script) {
  FILE* pipe = popen(script.c_str(), "r");
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  pclose(pipe);
  return out;
}

TEST(ToolEnvironment, WhereNothingIsInterceptedOnlyTheProxyIsNamed) {
  EXPECT_THAT(tool_environment({"http://127.0.0.1:1", "", "", ""}),
              ElementsAre(Pair("http_proxy", "http://127.0.0.1:1"), Pair("https_proxy", "http://127.0.0.1:1"),
                          Pair("HTTP_PROXY", "http://127.0.0.1:1"), Pair("HTTPS_PROXY", "http://127.0.0.1:1"),
                          Pair("NODE_USE_ENV_PROXY", "1")));
}

TEST(ToolEnvironment, RootsAreNamedToEveryTool) {
  const Variables all = tool_environment({"http://127.0.0.1:1", "/b.pem", "/r.pem", ""});
  std::set<std::string> bundle, root, names;
  for (const auto& [name, value] : all) {
    EXPECT_TRUE(names.insert(name).second) << name;
    if (value == "/b.pem") bundle.insert(name);
    if (value == "/r.pem") root.insert(name);
  }
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
                           "PIP_CERT", "CARGO_HTTP_CAINFO", "npm_config_cafile"}) {
    EXPECT_EQ(bundle.count(name), 1U) << name;
  }
  EXPECT_THAT(root, ElementsAre("DENO_CERT", "NODE_EXTRA_CA_CERTS"));
  for (const char* name : {"NO_PROXY", "no_proxy", "ALL_PROXY", "WGETRC"}) EXPECT_EQ(names.count(name), 0U) << name;
}

TEST(ToolEnvironment, WgetIsGivenItsFileWhereThereIsOne) {
  EXPECT_THAT(tool_environment({"http://127.0.0.1:1", "/b", "/r", "/w"}), testing::Contains(Pair("WGETRC", "/w")));
}

struct Quoting {
  const char* value;
  const char* sh;
  const char* fish;
  const char* dotenv;
};
constexpr Quoting kQuotings[] = {
    {"/run/user/1000/x.pem", "export V='/run/user/1000/x.pem'\n", "set -gx V '/run/user/1000/x.pem'\n",
     "V=/run/user/1000/x.pem\n"},
    {"http://[::1]:80", "export V='http://[::1]:80'\n", "set -gx V 'http://[::1]:80'\n", "V=\"http://[::1]:80\"\n"},
    {"a b", "export V='a b'\n", "set -gx V 'a b'\n", "V=\"a b\"\n"},
    {"it's", "export V='it'\\''s'\n", "set -gx V 'it\\'s'\n", "V=\"it's\"\n"},
    {"$(x) `y` \"z\"", "export V='$(x) `y` \"z\"'\n", "set -gx V '$(x) `y` \"z\"'\n",
     "V=\"\\$(x) \\`y\\` \\\"z\\\"\"\n"},
    {"back\\slash", "export V='back\\slash'\n", "set -gx V 'back\\\\slash'\n", "V=\"back\\\\slash\"\n"},
    {"two\nlines", "export V='two\nlines'\n", "set -gx V 'two\nlines'\n", "V=\"two\\nlines\"\n"},
    {"", "export V=''\n", "set -gx V ''\n", "V=\n"},
};

TEST(FormatVariables, NoByteOfAValueIsTakenForShell) {
  for (const Quoting& one : kQuotings) {
    const Variables variables = {{"V", one.value}};
    EXPECT_EQ(format_variables(variables, EnvFormat::sh), one.sh);
    EXPECT_EQ(format_variables(variables, EnvFormat::fish), one.fish);
    EXPECT_EQ(format_variables(variables, EnvFormat::dotenv), one.dotenv);
    const auto document = json::parse(format_variables(variables, EnvFormat::json), json::Dialect::strict);
    ASSERT_TRUE(document);
    EXPECT_EQ(*document->root.find("V")->string(), one.value);
  }
}

TEST(FormatVariables, AShellReadsBackWhatWasMeant) {
  for (const Quoting& one : kQuotings) {
    const std::string script = format_variables({{"V", one.value}}, EnvFormat::sh) + "printf %s \"$V\"";
    EXPECT_EQ(output_of(script), one.value);
  }
}

TEST(FormatVariables, OneObjectForJson) {
  EXPECT_EQ(format_variables({{"a", "1"}, {"b", "2"}}, EnvFormat::json), "{\n  \"a\": \"1\",\n  \"b\": \"2\"\n}\n");
  EXPECT_EQ(format_variables({}, EnvFormat::json), "{}\n");
}

}  // namespace
}  // namespace backoffd::admin
