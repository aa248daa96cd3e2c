// TLS below a Stream: both ends on one loop, over a socket pair, and a peer that sends whatever it likes.
#include "proxy/tls/tls_transport.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <optional>
#include <random>
#include <thread>

#include "proxy/net/stream.h"
#include "proxy/tls/context.h"
#include "tests/support/tls.h"
#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using proxy::Stream;
using proxy::TlsFailure;
using proxy::TlsTransport;
using proxy::Transport;

const Identity& identity() {
  static const IdentityPtr one = test_ca().identity("DNS:origin.test");
  return *one;
}

// As the product makes them, with a leaf of the test CA.
SSL_CTX* server_context() {
  static const proxy::SslContextPtr context = [] {
    proxy::SslContextPtr made = proxy::new_context(TLS_server_method());
    SSL_CTX_use_certificate(made.get(), identity().certificate.get());
    SSL_CTX_use_PrivateKey(made.get(), identity().key.get());
    return made;
  }();
  return context.get();
}

proxy::SslPtr server_end() {
  proxy::SslPtr ssl(SSL_new(server_context()));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

proxy::SslPtr client_end() {
  static const proxy::SslContextPtr context = proxy::new_context(TLS_client_method());
  proxy::SslPtr ssl(SSL_new(context.get()));
  SSL_set_connect_state(ssl.get());
  return ssl;
}

struct Sockets {
  proxy::Fd one, two;
  // `room`: for bytes in flight; 0: as the system likes.
  explicit Sockets(int room = 0) {
    int ends[2];
    EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
    one = proxy::Fd(ends[0]);
    two = proxy::Fd(ends[1]);
    if (room > 0) setsockopt(one.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  }
};

// A stream that collects what comes.
class End final : private Stream::Owner {
 public:
  End(proxy::Loop& loop, proxy::Fd fd) : stream(loop, std::move(fd), this) {}
  void start_tls(proxy::SslPtr ssl, std::string received = {}, std::string unsent = {}) {
    auto transport = std::make_unique<TlsTransport>(std::move(ssl), std::move(received), std::move(unsent));
    tls = transport.get();
    stream.set_transport(std::move(transport));
  }
  void send(std::string_view bytes) {
    evbuffer_add(stream.out(), bytes.data(), bytes.size());
    stream.touch();
  }

  Stream stream;
  TlsTransport* tls = nullptr;
  std::string got;
  bool reads = true;

 private:
  void progress() override {
    if (!reads) return;
    const std::size_t size = stream.in_size();
    got.resize(got.size() + size);
    evbuffer_remove(stream.in(), got.data() + got.size() - size, size);
    stream.touch();
  }
};

// Two ends on a loop that runs in a thread of its own. Whatever touches them runs there, too.
class Pair {
 public:
  // `room`: of the server's socket, for bytes that the client has not read.
  explicit Pair(int room = 0) {
    Sockets sockets(room);
    server.emplace(loop_, std::move(sockets.one));
    client.emplace(loop_, std::move(sockets.two));
    server->start_tls(server_end());
    client->start_tls(client_end());
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Pair() {
    loop_.stop();
    thread_.join();
  }

  template <class Action>
  auto in(Action action) {
    std::packaged_task<decltype(action())()> task(action);
    loop_.post([&] { task(); });
    return task.get_future().get();
  }
  bool until(const std::function<bool()>& condition) {
    return eventually([&] { return in(condition); });
  }
  bool established() {
    return until([this] { return server->tls->established() && client->tls->established(); });
  }

 private:
  proxy::Loop loop_;

 public:
  std::optional<End> server;
  std::optional<End> client;

 private:
  std::thread thread_;
};

TEST(TlsTransport, BytesGoBothWaysWhole) {
  Pair pair;
  std::string up, down;
  std::mt19937 random(1);
  const std::string stuff = much(100000);
  for (int i = 0; i < 60; ++i) {
    const std::size_t from = random() % 50000;
    const std::string_view piece = std::string_view(stuff).substr(from, random() % (i % 3 == 0 ? 20 : 50000));
    pair.in([&] { (i % 2 == 0 ? pair.client : pair.server)->send(piece); });
    (i % 2 == 0 ? up : down) += piece;
  }
  EXPECT_TRUE(
      pair.until([&] { return pair.server->got.size() >= up.size() && pair.client->got.size() >= down.size(); }));
  EXPECT_TRUE(up == pair.server->got);
  EXPECT_TRUE(down == pair.client->got);
}

// Whatever part of the handshake was read from the socket before TLS began.
TEST(TlsTransport, BytesReceivedBeforeAreTheFirstOfTls) {
  TlsLayer client(client_end());
  client.shake();
  const std::string hello = client.to_send();
  for (std::size_t at = 0; at <= hello.size(); at += at < 16 ? 1 : 37) {
    Sockets sockets;
    TlsTransport server(server_end(), hello.substr(0, at), "HTTP/1.1 200 OK\r\n\r\n");
    ASSERT_EQ(static_cast<ssize_t>(hello.size() - at),
              send(sockets.two.get(), hello.data() + at, hello.size() - at, 0));
    const auto out = proxy::new_buffer();
    EXPECT_EQ(Transport::Io::blocked, server.write(sockets.one.get(), out.get()));
    char answer[4096];
    const ssize_t size = recv(sockets.two.get(), answer, sizeof answer, 0);
    ASSERT_LT(600, size) << at;
    EXPECT_TRUE(std::string_view(answer, 24).starts_with("HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03")) << at;
    EXPECT_EQ(TlsFailure::none, server.failure());
  }
}

TEST(TlsTransport, BytesBehindAFullBufferAreGivenOnceThereIsRoom) {
  Pair pair;
  ASSERT_TRUE(pair.established());
  const std::string text = much(40000);
  pair.in([&] {
    pair.client->reads = false;
    pair.client->stream.set_in_limit(1000);
    pair.server->send(text);
  });
  ASSERT_TRUE(pair.until([&] { return pair.server->stream.flushed() && pair.client->stream.in_size() == 1000; }));
  pair.in([&] {
    pair.client->reads = true;
    pair.client->stream.set_in_limit(64 << 10);  // the socket itself has nothing to tell any more
  });
  EXPECT_TRUE(pair.until([&] { return pair.client->got.size() >= text.size(); }));
  EXPECT_TRUE(text == pair.client->got);
}

TEST(TlsTransport, AnEndIsSaidWithCloseNotifyBehindTheLastByte) {
  Pair pair;
  const std::string text = much(300000);
  pair.in([&] {
    pair.server->send(text);
    pair.server->stream.end_write();
  });
  EXPECT_TRUE(pair.until([&] { return pair.client->stream.read_ended(); }));
  EXPECT_TRUE(text == pair.client->got);
  EXPECT_FALSE(pair.client->stream.failed());
}

// The socket may have room for the last byte of the body and none for close_notify: without it the client would take a
// whole body for a broken one.
TEST(TlsTransport, CloseNotifyWaitsForRoomInTheSocket) {
  int waited = 0;
  for (std::size_t size = 1000; size < 6000; size += 97) {
    Pair pair(1);
    ASSERT_TRUE(pair.established());
    const std::string text = much(size);
    pair.in([&] { pair.client->stream.set_in_limit(0); });
    pair.in([&] { pair.server->send(text); });
    pair.in([&] { pair.server->stream.end_write(); });
    waited +=
        pair.in([&] { return pair.server->stream.out_size() == 0 && !pair.server->stream.write_ended(); }) ? 1 : 0;
    pair.in([&] { pair.client->stream.set_in_limit(64 << 10); });
    EXPECT_TRUE(pair.until([&] { return pair.client->stream.read_ended() || pair.client->stream.failed(); }));
    EXPECT_FALSE(pair.client->stream.failed()) << size;
    EXPECT_EQ(text.size(), pair.client->got.size());
  }
  EXPECT_LT(0, waited);
}

TEST(TlsTransport, AnEndWithoutCloseNotifyIsAFailure) {
  Pair pair;
  ASSERT_TRUE(pair.established());
  pair.in([&] { pair.server->send("half"); });
  ASSERT_TRUE(pair.until([&] { return pair.client->got == "half"; }));
  shutdown(pair.server->stream.fd(), SHUT_WR);
  EXPECT_TRUE(pair.until([&] { return pair.client->stream.failed(); }));
  EXPECT_EQ(TlsFailure::closed, pair.client->tls->failure());
  EXPECT_EQ("closed without close_notify", pair.client->tls->failure_text());
  EXPECT_TRUE(pair.client->tls->established());
  EXPECT_EQ("", pair.client->stream.reason());
}

TEST(TlsTransport, AnAlertIsAReason) {
  Sockets sockets;
  TlsLayer client(client_end());
  client.shake();
  TlsTransport server(server_end(), client.to_send());
  const auto buffer = proxy::new_buffer();
  EXPECT_EQ(Transport::Io::blocked, server.read(sockets.one.get(), buffer.get(), 1000));
  const std::string_view unknown_ca("\x15\x03\x03\x00\x02\x02\x30", 7);
  send(sockets.two.get(), unknown_ca.data(), unknown_ca.size(), 0);
  EXPECT_EQ(Transport::Io::failed, server.read(sockets.one.get(), buffer.get(), 1000));
  EXPECT_EQ(TlsFailure::rejected, server.failure());
  EXPECT_EQ("alert unknown ca", server.failure_text());
  EXPECT_EQ("alert unknown ca", server.reason());
  EXPECT_FALSE(server.established());
  EXPECT_EQ(Transport::Io::failed, server.write(sockets.one.get(), buffer.get()));
}

TEST(TlsTransport, AMessageInPiecesAfterTheHandshakeDoesNotStopIt) {
  Sockets sockets;
  TlsTransport server(server_end(), {});
  TlsLayer client(client_end());
  const auto buffer = proxy::new_buffer();
  const auto carry = [&] {
    const std::string up = client.to_send();
    send(sockets.two.get(), up.data(), up.size(), 0);
    server.read(sockets.one.get(), buffer.get(), 16 << 10);
    char down[16 << 10];
    const ssize_t size = recv(sockets.two.get(), down, sizeof down, 0);
    if (size > 0) client.received({down, static_cast<std::size_t>(size)});
  };
  while (client.shake() != TlsLayer::Step::ok) carry();
  carry();
  ASSERT_TRUE(server.established());
  SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
  client.seal("hello");
  for (const char c : client.to_send()) {
    send(sockets.two.get(), &c, 1, 0);
    server.read(sockets.one.get(), buffer.get(), 1000);
    EXPECT_EQ(TlsFailure::none, server.failure());
  }
  EXPECT_EQ(5u, evbuffer_get_length(buffer.get()));
}

// --- whatever comes ---

// Bytes changed, cut out, doubled or cut off.
std::string bent(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t i = 0, changes = below(4); i < changes && !bytes.empty(); ++i) {
    const std::size_t at = below(bytes.size());
    switch (below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, 1 + below(20));
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, 1 + below(20)));
        break;
      default:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
    }
  }
  if (below(3) == 0) bytes.resize(below(bytes.size()));
  return bytes;
}

// Gives the bytes to the transport and ends the connection: it has to come to an end, too.
Transport::Io feed(TlsTransport& transport, Sockets& sockets, std::string_view bytes) {
  send(sockets.two.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  shutdown(sockets.two.get(), SHUT_WR);
  const auto in = proxy::new_buffer();
  Transport::Io io = Transport::Io::blocked;
  for (int i = 0; i < 100 && (io == Transport::Io::ok || io == Transport::Io::blocked); ++i) {
    io = transport.read(sockets.one.get(), in.get(), 1 + static_cast<std::size_t>(i) * 1000);
  }
  const auto out = proxy::new_buffer();
  evbuffer_add(out.get(), "x", 1);
  transport.write(sockets.one.get(), out.get());
  transport.shut_write(sockets.one.get());
  return io;
}

TEST(TlsTransportInput, AnyHandshakeComesToAnEnd) {
  std::mt19937 random(20);
  TlsLayer client(client_end());
  client.shake();
  const std::string hello = client.to_send();
  for (int i = 0; i < 1500; ++i) {
    Sockets sockets;
    const std::string bytes = bent(hello, random);
    const std::size_t before = random() % (bytes.size() + 1);
    TlsTransport server(server_end(), bytes.substr(0, before));
    const Transport::Io io = feed(server, sockets, std::string_view(bytes).substr(before));
    EXPECT_TRUE(io == Transport::Io::failed || io == Transport::Io::ended) << i;
    EXPECT_FALSE(server.established());
  }
}

TEST(TlsTransportInput, AnyBytesAfterTheHandshakeComeToAnEnd) {
  std::mt19937 random(21);
  for (int i = 0; i < 500; ++i) {
    Sockets sockets;
    TlsTransport server(server_end(), {});
    TlsLayer client(client_end());
    const auto none = proxy::new_buffer();
    while (client.shake() != TlsLayer::Step::ok) {
      const std::string up = client.to_send();
      send(sockets.two.get(), up.data(), up.size(), 0);
      server.read(sockets.one.get(), none.get(), 1000);
      char down[8 << 10];
      const ssize_t size = recv(sockets.two.get(), down, sizeof down, 0);
      ASSERT_LT(0, size);
      client.received({down, static_cast<std::size_t>(size)});
    }
    std::string bytes = client.to_send();  // its Finished
    if (random() % 4 != 0) {
      send(sockets.two.get(), bytes.data(), bytes.size(), 0);
      bytes.clear();
    }
    client.seal("GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n");
    if (random() % 2 == 0) SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    client.seal(much(random() % 3000));
    client.close_notify();
    bytes += client.to_send();
    const Transport::Io io = feed(server, sockets, bent(bytes, random));
    EXPECT_TRUE(io == Transport::Io::failed || io == Transport::Io::ended) << i;
  }
}

}  // namespace
}  // namespace backoffd::test
