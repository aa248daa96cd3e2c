#include "proxy/tls/name_constraints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/certificates.h"

namespace backoffd::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const policy::WallTime kNow{std::chrono::seconds(1'800'000'000)};

// What a certificate with this extension says.
NameConstraints read(const std::string& extension) {
  const PkeyPtr key = make_key();
  const X509Ptr certificate = test::sign({.common_name = "CA", .name_constraints = extension},
                                         {kNow, kNow + std::chrono::days(1)}, key.get(), nullptr, nullptr);
  return *name_constraints_of(certificate.get());
}

// What is read back of a certificate that these were added to.
NameConstraints through_a_certificate(const NameConstraints& constraints) {
  const PkeyPtr key = make_key();
  const X509Ptr certificate = begin_certificate({kNow, kNow + std::chrono::days(1)}, key.get());
  EXPECT_TRUE(add_name_constraints(certificate.get(), constraints));
  return *name_constraints_of(certificate.get());
}

TEST(ConstraintsFor, GlobsComeToTheNamesBehindTheLastWildcard) {
  const std::pair<const char*, const char*> cases[] = {
      {"api.crossref.org", "api.crossref.org"},
      {"API.Crossref.org.", "api.crossref.org"},
      {"*.crossref.org", "crossref.org"},
      {"api-*.x.org", "x.org"},
      {"*.eu.*.x.org", "x.org"},
      {"a?.x.org", "x.org"},
      {"*crossref.org", "org"},
      {"localhost", "localhost"},
      {"127.0.0.1", "127.0.0.1"},
      {"2001:DB8::1", "2001:db8::1"},
      {"*", "any name"},
      {"**", "any name"},
      {"api.*", "any name"},
      {"10.0.0.*", "any name"},
      {"10.*.0.1", "any name"},
      {"2001:db8::*", "any name"},
      {"*.", "any name"},
      {".crossref.org", "crossref.org"},
      {".", "no name"},
  };
  for (const auto& [glob, expected] : cases) EXPECT_EQ(constraints_for({glob}).text(), expected) << glob;
}

TEST(ConstraintsFor, NamesBelowAnotherAreLeftOut) {
  const auto constraints = constraints_for({"api.crossref.org", "*.crossref.org", "openalex.org", "xcrossref.org",
                                            "openalex.org", "127.0.0.2", "127.0.0.1", "127.0.0.1"});
  EXPECT_EQ(constraints.text(), "crossref.org, openalex.org, xcrossref.org, 127.0.0.1, 127.0.0.2");
}

TEST(ConstraintsFor, OneGlobWithoutBoundsLiftsThemAll) {
  EXPECT_TRUE(constraints_for({"api.crossref.org", "*"}).any);
  EXPECT_THAT(constraints_for({"api.crossref.org", "*"}).dns, IsEmpty());
}

TEST(ConstraintsFor, NothingIsNoName) { EXPECT_EQ(constraints_for({}).text(), "no name"); }

TEST(Permits, NamesAtAndBelowAConstraint) {
  const auto constraints = constraints_for({"*.crossref.org", "127.0.0.1", "::1"});
  for (const char* host :
       {"crossref.org", "api.crossref.org", "a.b.crossref.org", "api.crossref.org.", "127.0.0.1", "::1"})
    EXPECT_TRUE(constraints.permits(host)) << host;
  for (const char* host :
       {"", ".", "org", "evilcrossref.org", "crossref.org.evil.example", "127.0.0.2", "::2", "1", "invalid"})
    EXPECT_FALSE(constraints.permits(host)) << host;
}

TEST(Permits, WithoutConstraintsEverything) {
  EXPECT_TRUE(constraints_for({"*"}).permits("any.example"));
  EXPECT_TRUE(constraints_for({"*"}).permits("2001:db8::1"));
}

TEST(NameConstraints, AreReadAsTheyWereWritten) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"*"},
      {"crossref.org", "openalex.org"},
      {"127.0.0.1"},
      {"::1"},
      {"a.example", "127.0.0.1"},
      {"a.example", "::1"},
      {"a.example", "127.0.0.1", "127.0.0.2", "::1"},
  };
  for (const auto& globs : cases) {
    const auto constraints = constraints_for(globs);
    EXPECT_EQ(through_a_certificate(constraints), constraints) << constraints.text();
  }
}

TEST(NameConstraints, OfADotCoverOnlyWhatIsBelow) {
  const auto constraints = read("critical,permitted;DNS:.corp.example");
  EXPECT_TRUE(constraints.permits("a.corp.example"));
  EXPECT_FALSE(constraints.permits("corp.example"));
  EXPECT_FALSE(constraints.permits("acorp.example"));
}

TEST(NameConstraints, OfOneKindLeaveTheOtherFree) {
  EXPECT_TRUE(read("permitted;DNS:corp.example").permits("10.0.0.1"));
  EXPECT_TRUE(read("permitted;IP:10.0.0.0/255.0.0.0").permits("any.example"));
  EXPECT_TRUE(read("permitted;email:corp.example").permits("any.example"));
}

TEST(NameConstraints, OfOneFamilyOfAddressesForbidTheOther) {
  const auto constraints = read("permitted;IP:10.0.0.0/255.0.0.0");
  EXPECT_TRUE(constraints.permits("10.1.2.3"));
  EXPECT_FALSE(constraints.permits("11.1.2.3"));
  EXPECT_FALSE(constraints.permits("::1"));
}

TEST(NameConstraints, ThatExcludeWin) {
  const auto constraints =
      read("permitted;DNS:corp.example,excluded;DNS:secret.corp.example,excluded;IP:10.0.0.0/255.0.0.0");
  EXPECT_TRUE(constraints.permits("www.corp.example"));
  EXPECT_FALSE(constraints.permits("secret.corp.example"));
  EXPECT_FALSE(constraints.permits("a.secret.corp.example"));
  EXPECT_FALSE(constraints.permits("10.1.2.3"));
  EXPECT_TRUE(constraints.permits("192.0.2.1"));
}

TEST(NameConstraints, WithAMaskOfHolesAreReadTheSafeWay) {
  EXPECT_FALSE(read("permitted;IP:10.0.0.0/255.0.255.0").permits("10.0.0.1"));
  EXPECT_FALSE(read("excluded;IP:10.0.0.0/255.0.255.0").permits("192.0.2.1"));
}

TEST(Lacks, NamesTheFirstThatIsNotPermitted) {
  const auto have = constraints_for({"*.crossref.org", "127.0.0.1"});
  const auto lacks = [&have](const std::vector<std::string>& globs) {
    return have.lacks(constraints_for(globs)).value_or("nothing");
  };
  EXPECT_EQ(lacks({}), "nothing");
  EXPECT_EQ(lacks({"api.crossref.org", "127.0.0.1"}), "nothing");
  EXPECT_EQ(lacks({"api.crossref.org", "openalex.org", "x.org"}), "openalex.org");
  EXPECT_EQ(lacks({"*.org"}), "org");
  EXPECT_EQ(lacks({"127.0.0.2"}), "127.0.0.2");
  EXPECT_EQ(lacks({"*"}), "any name");
  EXPECT_EQ(constraints_for({"*"}).lacks(have), std::nullopt);
}

TEST(Lacks, CountsWhatIsExcludedBelowAName) {
  const auto have = read("permitted;DNS:corp.example,excluded;DNS:secret.corp.example");
  EXPECT_EQ(have.lacks(constraints_for({"corp.example"})), "corp.example");
  EXPECT_EQ(have.lacks(constraints_for({"www.corp.example"})), std::nullopt);
}

TEST(Intersect, IsWhatBothPermit) {
  const auto a = constraints_for({"crossref.org", "api.openalex.org", "127.0.0.1", "::1"});
  const auto b = constraints_for({"api.crossref.org", "openalex.org", "::1"});
  EXPECT_EQ(a.intersect(b).text(), "api.crossref.org, api.openalex.org, ::1");
  EXPECT_EQ(a.intersect(b), b.intersect(a));
  EXPECT_EQ(a.intersect(constraints_for({"*"})), a);
  EXPECT_EQ(constraints_for({"*"}).intersect(a), a);
  EXPECT_EQ(a.intersect(constraints_for({"x.example"})).text(), "no name");
}

TEST(Intersect, GathersWhatEitherExcludes) {
  const auto a = read("excluded;DNS:a.example,excluded;IP:10.0.0.0/255.0.0.0");
  const auto b = read("excluded;DNS:b.example,excluded;DNS:www.a.example");
  EXPECT_THAT(a.intersect(b).excluded_dns, ElementsAre("a.example", "b.example"));
  EXPECT_FALSE(a.intersect(b).permits("10.1.1.1"));
}

}  // namespace
}  // namespace backoffd::proxy
