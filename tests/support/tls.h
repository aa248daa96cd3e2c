// TLS for the scripted sides of a play: an authority of the test's own, and either end of a connection, with all that a
// well-behaved party would not do.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/tls/openssl.h"
#include "tests/support/certificates.h"
#include "tests/support/play.h"
#include "tests/support/temporary_file.h"

namespace backoffd::test {

struct Identity {
  proxy::X509Ptr certificate;
  proxy::PkeyPtr key;
};
using IdentityPtr = std::shared_ptr<const Identity>;

proxy::Validity valid_from_days(int first, int last);  // from today: (-1, 1) is valid now

// Issues what it is told to.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name);

  // For "DNS:origin.test,IP:127.0.0.1", valid now.
  IdentityPtr identity(const std::string& san) const;
  IdentityPtr identity(const Paper& paper, const proxy::Validity& validity) const;
  // For one dNSName of exactly these octets, whatever they are.
  IdentityPtr identity_of_octets(std::string_view name) const;
  X509* root() const { return root_.get(); }
  const std::string& path() const { return file_.path(); }  // of the root, PEM

 private:
  proxy::PkeyPtr key_;
  proxy::X509Ptr root_;
  TemporaryFile file_;
};

const TestCa& test_ca();  // the one that origins are issued by where nothing else is said
IdentityPtr self_signed(const std::string& san);

// One end of a TLS connection, in memory: what goes over the wire is handed in and out. A Peer holds one.
class TlsLayer {
 public:
  explicit TlsLayer(proxy::SslPtr ssl);
  ~TlsLayer();

  enum class Step { ok, more, ended, failed };  // more: the wire has to bring something; ended: by close_notify
  Step shake();
  Step open(std::string& plain);      // adds what has come
  Step seal(std::string_view plain);  // `more` is never said
  void close_notify();
  void received(std::string_view wire);
  std::string to_send();  // what has to go over the wire now

  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  std::string protocol() const;                        // chosen by ALPN
  const std::string& error() const { return error_; }  // why a step failed, in OpenSSL's words
  proxy::SslSessionPtr session() const { return proxy::SslSessionPtr(SSL_get1_session(ssl_.get())); }
  SSL* ssl() const { return ssl_.get(); }

 private:
  Step after(int result);

  proxy::SslPtr ssl_;
  std::string error_;
};

struct ClientTls {
  std::string name = {};   // SNI; empty: none
  std::string host = {};   // what the certificate has to be for; empty: not looked at
  X509* trusts = nullptr;  // this root alone; null: takes any certificate
  int min_version = 0;     // TLS1_2_VERSION; 0: as OpenSSL likes
  int max_version = 0;
  std::string alpn = "\x08http/1.1";  // as on the wire; empty: none
  SSL_SESSION* session = nullptr;     // to resume
};
std::unique_ptr<TlsLayer> client_tls(const ClientTls& how = {});

struct OriginTls {
  IdentityPtr identity = {};  // null: of the test CA, for 127.0.0.1, ::1 and origin.test
  int min_version = 0;
  int max_version = 0;
  std::string alpn = "http/1.1";   // chosen where it is offered; empty: none
  bool wants_certificate = false;  // of the client, one of the test CA
  bool close_notify = true;        // at its end
  bool tickets = true;
};
// The script inside TLS. A handshake that does not come to an end is not played on.
Play::Script over_tls(Play::Script inside, const OriginTls& how = {});

}  // namespace backoffd::test
