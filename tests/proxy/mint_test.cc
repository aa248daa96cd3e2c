#include "proxy/tls/mint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <thread>

#include "proxy/tls/certificate.h"
#include "proxy/tls/pem.h"
#include "tests/support/certificates.h"

namespace backoffd::proxy {
namespace {

using policy::WallTime;
using testing::HasSubstr;

const WallTime kNow{std::chrono::seconds(1'800'000'000)};
constexpr auto kDay = std::chrono::days(1);

class MintTest : public testing::Test {
 protected:
  explicit MintTest(std::size_t capacity = 1024)
      : authority_(Authority::create(constraints_for({"*.crossref.org", "127.0.0.1", "::1"}), kNow).value()),
        mint_(Mint::make(authority_, capacity).value()) {}

  X509Ptr leaf(std::string_view host, WallTime now = kNow) {
    auto made = mint_->leaf(host, now);
    EXPECT_TRUE(made) << made.error().text();
    return made ? std::move(*made) : nullptr;
  }
  std::string error(std::string_view host, WallTime now = kNow) {
    const auto made = mint_->leaf(host, now);
    return made ? "no error" : made.error().text();
  }
  std::string verdict(const std::string& host, WallTime now = kNow) {
    return test::verify(leaf(host).get(), authority_, host, now);
  }

  const Authority authority_;
  const std::unique_ptr<Mint> mint_;
};

std::string names_of(const X509* leaf) { return test::extension(leaf, NID_subject_alt_name); }

TEST_F(MintTest, LeafVerifiesForItsHost) {
  for (const char* host : {"crossref.org", "api.crossref.org", "a_b.crossref.org", "127.0.0.1", "::1"}) {
    EXPECT_EQ(verdict(host), "ok") << host;
  }
}

TEST_F(MintTest, LeafVerifiesForNoOtherHost) {
  const X509Ptr made = leaf("api.crossref.org");
  EXPECT_EQ(test::verify(made.get(), authority_, "www.api.crossref.org", kNow), "hostname mismatch");
  EXPECT_EQ(test::verify(made.get(), authority_, "127.0.0.1", kNow), "IP address mismatch");
}

TEST_F(MintTest, LeafNamesItsHostAsAlternativeNameOnly) {
  const X509Ptr made = leaf("api.crossref.org");
  EXPECT_EQ(names_of(made.get()), "critical: DNS:api.crossref.org");
  EXPECT_EQ(X509_NAME_entry_count(X509_get_subject_name(made.get())), 0);
  EXPECT_EQ(names_of(leaf("127.0.0.1").get()), "critical: IP Address:127.0.0.1");
  EXPECT_EQ(names_of(leaf("::1").get()), "critical: IP Address:0:0:0:0:0:0:0:1");
}

TEST_F(MintTest, FinalDotIsNoPartOfTheName) {
  EXPECT_EQ(names_of(leaf("api.crossref.org.").get()), "critical: DNS:api.crossref.org");
}

TEST_F(MintTest, LeafIsForServersAndNoAuthority) {
  const X509Ptr made = leaf("api.crossref.org");
  EXPECT_EQ(X509_get_key_usage(made.get()), static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_get_extended_key_usage(made.get()), static_cast<std::uint32_t>(XKU_SSL_SERVER));
  EXPECT_EQ(X509_check_ca(made.get()), 0);
  EXPECT_EQ(X509_check_purpose(made.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
}

TEST_F(MintTest, LeafHasTheMintsKeyAndNotTheAuthoritys) {
  const X509Ptr made = leaf("api.crossref.org");
  EXPECT_EQ(X509_check_private_key(made.get(), mint_->key()), 1);
  EXPECT_EQ(X509_check_private_key(made.get(), authority_.key()), 0);
}

TEST_F(MintTest, LeafNamesItsIssuersKey) {
  const X509Ptr made = leaf("api.crossref.org");
  EXPECT_EQ(
      ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(made.get()), X509_get0_subject_key_id(authority_.issuer())), 0);
  EXPECT_NE(X509_get0_subject_key_id(made.get()), nullptr);
}

TEST_F(MintTest, LeafIsBackDatedADayAndLastsThirtyInAll) {
  const Validity validity = validity_of(leaf("api.crossref.org").get());
  EXPECT_EQ(validity.not_before, kNow - kDay);
  EXPECT_EQ(validity.not_after - validity.not_before, 30 * kDay - std::chrono::seconds(1));
}

TEST_F(MintTest, LeafStaysWithinTheLifeOfItsIssuer) {
  const WallTime late = authority_.not_after() - kDay;
  EXPECT_EQ(validity_of(leaf("api.crossref.org", late).get()).not_after, authority_.not_after());
  const WallTime early = authority_.not_before() + std::chrono::hours(1);
  EXPECT_EQ(validity_of(leaf("www.crossref.org", early).get()).not_before, authority_.not_before());
}

TEST_F(MintTest, OutsideOfTheAuthoritysLifeNothingIsIssued) {
  EXPECT_THAT(error("api.crossref.org", authority_.not_after()), HasSubstr("the authority is not valid now"));
  EXPECT_THAT(error("api.crossref.org", authority_.not_before() - kDay), HasSubstr("the authority is not valid now"));
}

TEST_F(MintTest, HostThatTheAuthorityMayNotSignIsRefused) {
  EXPECT_EQ(error("evil.example"),
            "no certificate for evil.example: the authority may sign for crossref.org, 127.0.0.1, ::1");
  EXPECT_THAT(error("127.0.0.2"), HasSubstr("the authority may sign for"));
  EXPECT_EQ(mint_->minted(), 0u);
}

TEST_F(MintTest, HostThatCannotStandInACertificateIsRefused) {
  const std::string long_name = std::string(254 - 13, 'a') + ".crossref.org";
  for (const std::string& host :
       {std::string(), std::string("."), std::string("*.crossref.org"), std::string("a b.crossref.org"),
        std::string("a..crossref.org"), std::string(".crossref.org"), std::string("a\0.crossref.org", 15),
        std::string("\xc3\xa4.crossref.org"), long_name}) {
    EXPECT_THAT(error(host), HasSubstr("it cannot stand in a certificate")) << host;
  }
  EXPECT_EQ(error(long_name.substr(1)), "no error");
}

TEST_F(MintTest, LeafIsKeptForTheNextTime) {
  const X509Ptr first = leaf("api.crossref.org");
  EXPECT_EQ(leaf("api.crossref.org", kNow + 19 * kDay), first);
  EXPECT_EQ(mint_->minted(), 1u);
}

TEST_F(MintTest, LeafIsRenewedOnceTwoThirdsOfItsLifeAreOver) {
  const X509Ptr first = leaf("api.crossref.org");
  const X509Ptr second = leaf("api.crossref.org", kNow + 20 * kDay);
  EXPECT_NE(second, first);
  EXPECT_EQ(validity_of(second.get()).not_before, kNow + 19 * kDay);
  EXPECT_EQ(mint_->size(), 1u);
}

TEST_F(MintTest, LeafOfTheFutureIsNotServed) {
  leaf("api.crossref.org", kNow + 100 * kDay);
  EXPECT_LE(validity_of(leaf("api.crossref.org", kNow).get()).not_before, kNow);  // the clock was set back
}

TEST_F(MintTest, LeafOutlivesItsPlaceInTheCache) {
  const X509Ptr first = leaf("api.crossref.org");
  for (int i = 0; i < 1024; ++i) leaf("h" + std::to_string(i) + ".crossref.org");
  EXPECT_EQ(test::verify(first.get(), authority_, "api.crossref.org", kNow), "ok");
}

class SmallMintTest : public MintTest {
 protected:
  SmallMintTest() : MintTest(2) {}
};

TEST_F(SmallMintTest, KeepsNoMoreThanItsCapacityAndThoseUsedLast) {
  const X509Ptr a = leaf("a.crossref.org");
  const X509Ptr b = leaf("b.crossref.org");
  leaf("a.crossref.org");
  leaf("c.crossref.org");
  EXPECT_EQ(mint_->size(), 2u);
  EXPECT_EQ(leaf("a.crossref.org"), a);
  EXPECT_NE(leaf("b.crossref.org"), b);
}

TEST_F(SmallMintTest, ServesThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t, &wrong] {
      for (int i = 0; i < 60; ++i) {
        const std::string host = "h" + std::to_string((t + i) % 4) + ".crossref.org";
        const auto made = mint_->leaf(host, kNow);
        // Both read what OpenSSL keeps in the certificate.
        if (!made || X509_check_host(made->get(), host.data(), host.size(), 0, nullptr) != 1 ||
            X509_check_private_key(made->get(), mint_->key()) != 1) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(mint_->size(), 2u);
}

TEST(Mint, OfAnOwnAuthorityWithAnotherKindOfKey) {
  for (const char* kind : {"RSA", "ED25519"}) {
    const PkeyPtr key(std::string_view(kind) == "RSA" ? EVP_RSA_gen(2048) : EVP_PKEY_Q_keygen(nullptr, nullptr, kind));
    const X509Ptr certificate =
        test::sign({.common_name = "Own CA", .basic_constraints = "critical,CA:TRUE", .key_usage = "keyCertSign"},
                   {kNow - kDay, kNow + kDay}, key.get(), nullptr, nullptr);
    const Authority authority = Authority::parse(pem_of(certificate.get()), pem_of(key.get()), kNow).value();
    const auto mint = Mint::make(authority).value();
    const auto leaf = mint->leaf("any.example", kNow);
    ASSERT_TRUE(leaf) << leaf.error().text();
    EXPECT_EQ(test::verify(leaf->get(), authority, "any.example", kNow), "ok") << kind;
  }
}

}  // namespace
}  // namespace backoffd::proxy
