#include "proxy/tls/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "proxy/tls/pem.h"
#include "tests/support/certificates.h"

namespace backoffd::proxy {
namespace {

using policy::WallTime;
using test::extension;
using test::Paper;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

const WallTime kNow{std::chrono::seconds(1'800'000'000)};
constexpr auto kDay = std::chrono::days(1);
const Validity kValid{kNow - kDay, kNow + 10 * kDay};

constexpr const char* kNotPermitted = "permitted subtree violation";
constexpr const char* kExcluded = "excluded subtree violation";

Authority make(const std::vector<std::string>& globs) {
  return Authority::create(constraints_for(globs), kNow).value();
}

// What a client says of a leaf for `host` that somebody signed with the key of the issuing certificate.
std::string verdict(const Authority& authority, const Paper& paper, const std::string& host) {
  const PkeyPtr key = make_key();
  const X509Ptr leaf = test::sign(paper, kValid, key.get(), authority.issuer(), authority.key());
  return test::verify(leaf.get(), authority, host, kNow);
}

// A self-signed authority of the operator's own.
struct Own {
  Paper paper = {.common_name = "Own CA",
                 .basic_constraints = "critical,CA:TRUE",
                 .key_usage = "keyCertSign",
                 .extended_key_usage = ""};
  Validity validity = kValid;
  PkeyPtr key = make_key();

  X509Ptr certificate() const { return test::sign(paper, validity, key.get(), nullptr, nullptr); }
  std::string error() const {
    const auto parsed = Authority::parse(pem_of(certificate().get()), pem_of(key.get()), kNow);
    return parsed ? "no error" : parsed.error().text();
  }
};

TEST(Authority, IsARootAndAnIssuerBelowIt) {
  const Authority authority = make({"crossref.org"});
  ASSERT_EQ(authority.chain().size(), 2u);
  EXPECT_EQ(extension(authority.root(), NID_basic_constraints), "critical: CA:TRUE, pathlen:1");
  EXPECT_EQ(extension(authority.root(), NID_key_usage), "critical: Certificate Sign, CRL Sign");
  EXPECT_EQ(extension(authority.issuer(), NID_basic_constraints), "critical: CA:TRUE, pathlen:0");
  EXPECT_EQ(extension(authority.issuer(), NID_key_usage), "critical: Certificate Sign");
  EXPECT_EQ(extension(authority.issuer(), NID_ext_key_usage), "TLS Web Server Authentication");
  EXPECT_EQ(X509_check_issued(authority.root(), authority.issuer()), X509_V_OK);
}

TEST(Authority, ConstraintsStandOnBothCriticalAndAlike) {
  const Authority authority = make({"crossref.org"});
  const std::string constraints = extension(authority.root(), NID_name_constraints);
  EXPECT_THAT(constraints, AllOf(HasSubstr("critical: Permitted:\n"), HasSubstr("DNS:crossref.org"),
                                 HasSubstr("Excluded:\n"), HasSubstr("IP:0.0.0.0/0.0.0.0")));
  EXPECT_EQ(extension(authority.issuer(), NID_name_constraints), constraints);
}

TEST(Authority, ForAnyNameHasNoConstraints) {
  const Authority authority = make({"*"});
  EXPECT_EQ(extension(authority.root(), NID_name_constraints), "absent");
  EXPECT_TRUE(authority.constraints().any);
}

TEST(Authority, SerialNumbersArePositiveLongAndNeverTheSame) {
  const Authority one = make({});
  const Authority other = make({});
  for (X509* certificate : {one.root(), one.issuer()}) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    EXPECT_EQ(ASN1_STRING_length(serial), 16);
    EXPECT_EQ(ASN1_STRING_get0_data(serial)[0] & 0xc0, 0x40);
    EXPECT_NE(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(other.root())), 0);
  }
}

TEST(Authority, TwoAreToldApartByTheirNames) {
  const Authority one = make({});
  EXPECT_THAT(one.subject(), MatchesRegex("CN=backoffd CA [0-9a-f]{8}"));
  EXPECT_NE(one.subject(), make({}).subject());
}

TEST(Authority, LastsThreeYearsFromADayAgo) {
  const Authority authority = make({});
  EXPECT_EQ(authority.not_before(), kNow - kDay);
  EXPECT_EQ(authority.not_after(), kNow - kDay + std::chrono::days(3 * 365));
}

TEST(Authority, IsWrittenAndReadBack) {
  const Authority made = make({"crossref.org", "::1"});
  const auto read = Authority::parse(made.chain_pem(), made.key_pem(), kNow);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->fingerprint(), made.fingerprint());
  EXPECT_EQ(read->constraints(), made.constraints());
  EXPECT_EQ(read->chain_pem(), made.chain_pem());
  EXPECT_THAT(made.key_pem(), HasSubstr("-----BEGIN PRIVATE KEY-----"));
}

TEST(Authority, TheRootsKeyIsNotKept) {
  const Authority authority = make({});
  EXPECT_EQ(X509_check_private_key(authority.issuer(), authority.key()), 1);
  EXPECT_EQ(X509_check_private_key(authority.root(), authority.key()), 0);
}

TEST(Authority, FingerprintIsThatOfTheRoot) {
  EXPECT_THAT(make({}).fingerprint(), MatchesRegex("[0-9A-F]{2}(:[0-9A-F]{2}){31}"));
}

// --- a leaked key ---

TEST(LeakedKey, SignsForPermittedNames) {
  const Authority authority = make({"*.crossref.org"});
  EXPECT_EQ(verdict(authority, {.san = "DNS:crossref.org"}, "crossref.org"), "ok");
  EXPECT_EQ(verdict(authority, {.san = "DNS:api.crossref.org"}, "api.crossref.org"), "ok");
}

TEST(LeakedKey, SignsForNoOtherName) {
  const Authority authority = make({"*.crossref.org"});
  for (const char* host : {"evil.example", "org", "evilcrossref.org", "crossref.org.evil.example"}) {
    EXPECT_EQ(verdict(authority, {.san = std::string("DNS:") + host}, host), kNotPermitted) << host;
  }
}

TEST(LeakedKey, HidesNoForeignNameBesideAPermittedOne) {
  const Authority authority = make({"crossref.org"});
  EXPECT_EQ(verdict(authority, {.san = "DNS:crossref.org,DNS:evil.example"}, "crossref.org"), kNotPermitted);
}

TEST(LeakedKey, HidesNoForeignNameInTheSubject) {
  EXPECT_EQ(verdict(make({"crossref.org"}), {.common_name = "evil.example"}, "evil.example"), kNotPermitted);
}

TEST(LeakedKey, SignsForNoAddressUnlessListed) {
  const Authority none = make({"crossref.org"});
  EXPECT_EQ(verdict(none, {.san = "IP:127.0.0.1"}, "127.0.0.1"), kExcluded);
  EXPECT_EQ(verdict(none, {.san = "IP:::1"}, "::1"), kExcluded);
  const Authority four = make({"127.0.0.1"});
  EXPECT_EQ(verdict(four, {.san = "IP:127.0.0.1"}, "127.0.0.1"), "ok");
  EXPECT_EQ(verdict(four, {.san = "IP:127.0.0.2"}, "127.0.0.2"), kNotPermitted);
  EXPECT_EQ(verdict(four, {.san = "IP:::1"}, "::1"), kNotPermitted);
  EXPECT_EQ(verdict(four, {.san = "DNS:crossref.org"}, "crossref.org"), kNotPermitted);
  const Authority six = make({"::1"});
  EXPECT_EQ(verdict(six, {.san = "IP:::1"}, "::1"), "ok");
  EXPECT_EQ(verdict(six, {.san = "IP:127.0.0.1"}, "127.0.0.1"), kNotPermitted);
}

TEST(LeakedKey, SignsNoAuthority) {
  const Authority authority = make({"crossref.org"});
  const PkeyPtr sub_key = make_key();
  const X509Ptr sub =
      test::sign({.common_name = "sub", .basic_constraints = "critical,CA:TRUE", .key_usage = "keyCertSign"}, kValid,
                 sub_key.get(), authority.issuer(), authority.key());
  const PkeyPtr key = make_key();
  const X509Ptr leaf = test::sign({.san = "DNS:crossref.org"}, kValid, key.get(), sub.get(), sub_key.get());
  EXPECT_EQ(test::verify(leaf.get(), authority, "crossref.org", kNow, sub.get()), "path length constraint exceeded");
}

TEST(LeakedKey, SignsForServersAlone) {
  const Authority authority = make({"*"});
  EXPECT_EQ(X509_check_purpose(authority.issuer(), X509_PURPOSE_SSL_SERVER, 1), 1);
  for (const int purpose : {X509_PURPOSE_SSL_CLIENT, X509_PURPOSE_SMIME_SIGN})
    EXPECT_EQ(X509_check_purpose(authority.issuer(), purpose, 1), 0) << purpose;
}

TEST(LeakedKey, IsWorthNothingAfterTheEndOfTheAuthority) {
  const Authority authority = make({"crossref.org"});
  const PkeyPtr key = make_key();
  const X509Ptr leaf = test::sign({.san = "DNS:crossref.org"}, {kNow, authority.not_after() + 10 * kDay}, key.get(),
                                  authority.issuer(), authority.key());
  EXPECT_EQ(test::verify(leaf.get(), authority, "crossref.org", authority.not_after() + kDay),
            "certificate has expired");
}

// --- the operator's own ---

TEST(OwnAuthority, SelfSignedIsRootAndIssuerInOne) {
  const Own own;
  const auto parsed = Authority::parse(pem_of(own.certificate().get()), pem_of(own.key.get()), kNow);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->root(), parsed->issuer());
  EXPECT_EQ(parsed->subject(), "CN=Own CA");
  EXPECT_TRUE(parsed->constraints().any);
}

TEST(OwnAuthority, ConstraintsOfTheWholeChainCount) {
  Own root;
  root.paper.name_constraints = "critical,permitted;DNS:corp.example";
  const X509Ptr above = root.certificate();
  Own below;
  below.paper.common_name = "Issuer";
  below.paper.name_constraints = "critical,permitted;DNS:example";
  const X509Ptr issuer = test::sign(below.paper, kValid, below.key.get(), above.get(), root.key.get());
  const auto parsed = Authority::parse(pem_of(issuer.get()) + pem_of(above.get()), pem_of(below.key.get()), kNow);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_TRUE(parsed->constraints().permits("www.corp.example"));
  EXPECT_FALSE(parsed->constraints().permits("other.example"));
}

TEST(OwnAuthority, ChainWithoutItsRootIsRefused) {
  const Authority whole = make({});
  EXPECT_THAT(Authority::parse(pem_of(whole.issuer()), whole.key_pem(), kNow).error().text(),
              AllOf(HasSubstr("the chain ends in \"CN=backoffd CA "), HasSubstr("which is no root")));
}

TEST(OwnAuthority, ChainOfStrangersIsRefused) {
  const Authority one = make({});
  const Authority other = make({});
  EXPECT_THAT(Authority::parse(pem_of(one.issuer()) + other.root_pem(), one.key_pem(), kNow).error().text(),
              HasSubstr("the chain does not verify: unable to get local issuer certificate"));
}

TEST(OwnAuthority, PathLengthThatDoesNotReachIsRefused) {
  Own root;
  root.paper.basic_constraints = "critical,CA:TRUE,pathlen:0";
  Own middle;
  middle.paper.common_name = "Middle";
  Own below;
  below.paper.common_name = "Issuer";
  const X509Ptr top = root.certificate();
  const X509Ptr between = test::sign(middle.paper, kValid, middle.key.get(), top.get(), root.key.get());
  const X509Ptr issuer = test::sign(below.paper, kValid, below.key.get(), between.get(), middle.key.get());
  const std::string chain = pem_of(issuer.get()) + pem_of(between.get()) + pem_of(top.get());
  EXPECT_THAT(Authority::parse(chain, pem_of(below.key.get()), kNow).error().text(),
              HasSubstr("the chain does not verify: path length constraint exceeded"));
}

TEST(OwnAuthority, KeyOfAnotherIsRefused) {
  const Own own;
  EXPECT_EQ(Authority::parse(pem_of(own.certificate().get()), pem_of(make_key().get()), kNow).error().text(),
            "the key is not that of \"CN=Own CA\"");
}

TEST(OwnAuthority, ChainInTheWrongOrderIsRefused) {
  const Authority good = make({});
  const std::string error =
      Authority::parse(good.root_pem() + pem_of(good.issuer()), good.key_pem(), kNow).error().text();
  EXPECT_THAT(error,
              MatchesRegex("the key is that of \"CN=backoffd CA .* issuer\", which must come first in the chain"));
}

TEST(OwnAuthority, ExpiredIsRefusedWithItsDate) {
  Own own;
  own.validity = {kNow - 2 * kDay, kNow};
  EXPECT_EQ(own.error(), "\"CN=Own CA\" expired on Fri, 15 Jan 2027 08:00:00 GMT");
}

TEST(OwnAuthority, NotYetValidIsRefusedWithItsDate) {
  Own own;
  own.validity = {kNow + std::chrono::seconds(1), kNow + kDay};
  EXPECT_EQ(own.error(), "\"CN=Own CA\" is not valid before Fri, 15 Jan 2027 08:00:01 GMT");
}

TEST(OwnAuthority, OfNoAuthorityIsRefused) {
  Own own;
  own.paper.basic_constraints = "CA:FALSE";
  EXPECT_THAT(own.error(), HasSubstr("\"CN=Own CA\" is no certificate authority"));
  own.paper.basic_constraints = "";
  EXPECT_THAT(own.error(), HasSubstr("is no certificate authority"));
}

TEST(OwnAuthority, ThatMayNotSignCertificatesIsRefused) {
  Own own;
  own.paper.key_usage = "digitalSignature,cRLSign";
  EXPECT_THAT(own.error(), HasSubstr("its key usage is without keyCertSign"));
}

TEST(OwnAuthority, ThatMayNotSignForServersIsRefused) {
  Own own;
  own.paper.extended_key_usage = "clientAuth";
  EXPECT_THAT(own.error(), HasSubstr("its extended key usage is without serverAuth"));
}

TEST(OwnAuthority, OfEveryKindOfKeyIsTaken) {
  for (const char* kind : {"RSA", "P-384", "ED25519"}) {
    Own own;
    own.key.reset(std::string_view(kind) == "RSA"     ? EVP_RSA_gen(2048)
                  : std::string_view(kind) == "P-384" ? EVP_EC_gen("P-384")
                                                      : EVP_PKEY_Q_keygen(nullptr, nullptr, kind));
    EXPECT_EQ(own.error(), "no error") << kind;
  }
}

TEST(OwnAuthority, GarbageIsRefusedInWords) {
  const Authority good = make({});
  const std::string key = good.key_pem();
  const std::string chain = good.chain_pem();
  const auto error = [](const std::string& c, const std::string& k) {
    const auto parsed = Authority::parse(c, k, kNow);
    return parsed ? "no error" : parsed.error().text();
  };
  EXPECT_THAT(error("", key), HasSubstr("there is no certificate in it"));
  EXPECT_THAT(error("garbage", key), HasSubstr("there is no certificate in it"));
  EXPECT_THAT(error(std::string("\0\xff", 2), key), HasSubstr("there is no certificate in it"));
  EXPECT_THAT(error(chain.substr(0, 300), key), HasSubstr("certificate 1 in it is unreadable: "));
  EXPECT_THAT(error(chain, ""), HasSubstr("there is no key in it"));
  EXPECT_THAT(error(chain, chain), HasSubstr("there is no key in it"));
  EXPECT_THAT(error(chain, key.substr(0, 100)), HasSubstr("the key is unreadable: "));
}

TEST(OwnAuthority, KeyWithAPassphraseIsRefusedWithoutAsking) {
  const Own own;
  const BioPtr memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(memory.get(), own.key.get(), EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
  EXPECT_EQ(Authority::parse(pem_of(own.certificate().get()), text_in(memory.get()), kNow).error().text(),
            "the key is protected by a passphrase; it must be without one");
}

TEST(OwnAuthority, ErrorsLeaveNothingInOpensslsQueue) {
  const Own own;
  ASSERT_FALSE(Authority::parse("garbage", "garbage", kNow));
  ASSERT_FALSE(Authority::parse(pem_of(own.certificate().get()), "garbage", kNow));
  EXPECT_EQ(openssl_error("nothing"), "nothing");
}

}  // namespace
}  // namespace backoffd::proxy
