// A peer that takes slowly what was written, and one that takes nothing, whatever lies in the kernel's buffers.
#include "proxy/net/uptake.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/support/turns.h"

namespace backoffd::proxy {
namespace {

struct NoOwner final : Stream::Owner {
  void progress() override {}
};

TEST(Uptake, GoesOnAsLongAsThePeerTakesMore) {
  std::uint16_t port = 0;
  const Fd listener = test::listen_on_free_port(port);
  const test::Peer peer = test::connect_to(port);
  Loop loop;
  NoOwner owner;
  const Stream stream(loop, Fd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)), &owner);
  Uptake uptake;
  EXPECT_FALSE(uptake.goes_on(stream)) << "nothing was written";

  std::string piece(256 << 10, 'x');
  while (::send(stream.fd(), piece.data(), piece.size(), MSG_NOSIGNAL) > 0) continue;
  EXPECT_TRUE(test::eventually([&] { return uptake.goes_on(stream); })) << "the peer's kernel takes its share";
  EXPECT_TRUE(test::eventually([&] { return !uptake.goes_on(stream); })) << "a sleeping peer takes no more";

  EXPECT_TRUE(test::eventually([&] {
    while (::recv(peer.fd(), piece.data(), piece.size(), MSG_DONTWAIT) > 0) continue;
    return stream.taken().all;
  }));
  EXPECT_TRUE(uptake.goes_on(stream)) << "it has taken the rest";
  EXPECT_FALSE(uptake.goes_on(stream)) << "there is nothing left to take";
}

}  // namespace
}  // namespace backoffd::proxy
