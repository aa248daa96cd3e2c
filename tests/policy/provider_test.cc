#include "policy/provider.h"

#include <gtest/gtest.h>

#include "policy/random.h"
#include "policy/text.h"

namespace backoffd::policy {
namespace {

std::vector<ProviderConfig> providers(std::vector<std::pair<std::string, std::vector<std::string>>> all) {
  std::vector<ProviderConfig> result;
  for (auto& [name, hosts] : all) {
    ProviderConfig& provider = result.emplace_back();
    provider.name = std::move(name);
    provider.hosts = std::move(hosts);
  }
  return result;
}

std::string host_name(const ProviderIndex& index, std::string_view host) {
  const ProviderConfig* provider = index.by_host(host);
  return provider ? provider->name : "-";
}

TEST(ProviderKey, TextAndBack) {
  const ProviderKey key{"openalex", "api.openalex.org"};
  EXPECT_EQ(key.text(), "openalex@api.openalex.org");
  EXPECT_EQ(ProviderKey::parse("openalex@api.openalex.org"), key);
  EXPECT_EQ(ProviderKey::parse("a@b@host"), (ProviderKey{"a@b", "host"}));
  EXPECT_EQ(ProviderKey::parse("local@::1"), (ProviderKey{"local", "::1"}));
  for (const auto* bad : {"", "@", "a", "a@", "@host"}) EXPECT_FALSE(ProviderKey::parse(bad)) << bad;
}

TEST(ProviderIndex, FindsByHost) {
  const auto config = providers({{"crossref", {"api.crossref.org", "*.Crossref.org"}},
                                 {"Local", {"127.0.0.?", "LOCALHOST"}},
                                 {"ncbi", {"eutils.ncbi.nlm.nih.gov"}}});
  const ProviderIndex index(config);
  EXPECT_EQ(host_name(index, "api.crossref.org"), "crossref");
  EXPECT_EQ(host_name(index, "API.crossref.ORG."), "crossref");
  EXPECT_EQ(host_name(index, "search.crossref.org"), "crossref");
  EXPECT_EQ(host_name(index, "crossref.org"), "-");
  EXPECT_EQ(host_name(index, "127.0.0.1"), "Local");
  EXPECT_EQ(host_name(index, "127.0.0.11"), "-");
  EXPECT_EQ(host_name(index, "localhost"), "Local");
  EXPECT_EQ(host_name(index, ""), "-");
  EXPECT_EQ(host_name(index, std::string(65536, 'a')), "-");
  EXPECT_EQ(host_name(index, std::string(65536, 'a') + ".crossref.org"), "crossref");
}

TEST(ProviderIndex, TheFirstInTheConfigWins) {
  const auto config = providers({{"first", {"*.example"}}, {"second", {"a.example", "b.test"}}, {"third", {"*"}}});
  const ProviderIndex index(config);
  EXPECT_EQ(host_name(index, "a.example"), "first");
  EXPECT_EQ(host_name(index, "b.test"), "second");
  EXPECT_EQ(host_name(index, "c.test"), "third");
}

TEST(ProviderIndex, FindsByExactName) {
  const auto config = providers({{"a", {"x"}}, {"a", {"y"}}});
  const ProviderIndex index(config);
  EXPECT_EQ(index.by_name("a"), &config[0]);
  EXPECT_EQ(index.by_name("A"), nullptr);
  EXPECT_EQ(index.by_name(""), nullptr);
}

TEST(ProviderIndex, AgreesWithTryingEveryPatternInTurn) {
  Random random(4);
  const auto word = [&](std::string_view alphabet) {
    std::string text(1 + random.next() % 4, ' ');
    for (char& c : text) c = alphabet[random.next() % alphabet.size()];
    return text;
  };
  for (int run = 0; run < 500; ++run) {
    std::vector<ProviderConfig> config(1 + random.next() % 6);
    for (auto& provider : config) {
      for (std::uint64_t n = random.next() % 4; n > 0; --n) provider.hosts.push_back(word("abB.*?"));
    }
    const ProviderIndex index(config);
    for (int i = 0; i < 20; ++i) {
      const std::string host = word("ab") + "." + word("ab");
      const std::string shorter = host.substr(0, 1 + random.next() % 3);
      for (const std::string& h : {host, shorter}) {
        if (h.ends_with('.')) continue;
        const ProviderConfig* expected = nullptr;
        for (const auto& provider : config) {
          for (const auto& pattern : provider.hosts) {
            if (!expected && glob_match_ignoring_case(pattern, h)) expected = &provider;
          }
        }
        ASSERT_EQ(index.by_host(h), expected) << h;
      }
    }
  }
}

}  // namespace
}  // namespace backoffd::policy
