// The description of the admin interface against the table of its routes, both ways. That the answers are as described
// is tried by tests/monitoring, with the program itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "admin/admin_server.h"
#include "admin/routes.h"
#include "admin/version.h"
#include "admin/web_files.h"
#include "tests/support/running_proxy.h"

namespace backoffd::admin {
namespace {

using json::Value;
using Operations = std::set<std::pair<std::string, std::string>>;  // method, path with {} for a parameter

Value described() {
  for (const WebFile& file : web_files()) {
    if (file.name == "openapi.json") return json::parse(file.content, json::Dialect::strict)->root;
  }
  return {};
}

// Names that a path parameter of this operation is one of; empty: any.
std::vector<std::string> values_of(const Value& operation) {
  std::vector<std::string> values;
  const Value* parameters = operation.find("parameters");
  if (!parameters) return values;
  for (const Value& parameter : *parameters->array()) {
    const Value* in = parameter.find("in");
    const Value* choices = in && *in->string() == "path" ? parameter.find("schema")->find("enum") : nullptr;
    if (!choices) continue;
    for (const Value& value : *choices->array()) values.push_back(*value.string());
  }
  return values;
}

Operations operations_of(const Value& document) {
  const std::set<std::string> methods = {"get", "put", "post", "delete", "options", "head", "patch", "trace"};
  Operations all;
  for (const auto& [path, item] : *document.find("paths")->object()) {
    for (const auto& [member, operation] : *item.object()) {
      if (!methods.contains(member)) continue;
      std::string method = member;
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      const auto open = path.find('{');
      if (open == std::string::npos) {
        all.emplace(method, path);
        continue;
      }
      const std::string before = path.substr(0, open);
      const std::string after = path.substr(path.find('}') + 1);
      const auto values = values_of(operation);
      if (values.empty()) all.emplace(method, before + "{}" + after);
      for (const std::string& value : values) all.emplace(method, before + value + after);
    }
  }
  return all;
}

TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  test::RunningProxy proxy;
  proxy::Loop loop;
  auto admin = AdminServer::bind(loop, *proxy::Endpoint::parse("127.0.0.1:0"));
  EventFeed feed(loop, **admin, proxy.engine(), proxy.server());
  const Config config;
  const Router router = all_routes({.config = config,
                                    .engine = proxy.engine(),
                                    .server = proxy.server(),
                                    .feed = feed,
                                    .callers = **admin,
                                    .loop = loop,
                                    .learning = nullptr,
                                    .drain = [] {},
                                    .resources = [](policy::GateId) { return policy::Resources(); },
                                    .webhook = [] { return std::optional<WebhookCounts>(); }});
  const auto routes = router.routes();
  const Operations known(routes.begin(), routes.end());
  EXPECT_EQ(known.size(), routes.size()) << "a route is there twice";
  EXPECT_GT(known.size(), 30U);
  EXPECT_EQ(operations_of(described()), known);
}

TEST(OpenApi, IsOfThisVersion) { EXPECT_EQ(*described().find("info")->find("version")->string(), kVersion); }

}  // namespace
}  // namespace backoffd::admin
