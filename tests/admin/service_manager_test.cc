// What a service manager hears, on a datagram socket of the test's own.
#include "admin/service_manager.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "proxy/net/handles.h"

namespace backoffd::admin {
namespace {

class ServiceManager : public testing::Test {
 protected:
  ~ServiceManager() override { ::unsetenv("NOTIFY_SOCKET"); }

  // `name` as NOTIFY_SOCKET has it.
  void listen(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), length), 0) << std::strerror(errno);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }

  std::string heard() {
    char text[256];
    const ssize_t size = ::recv(socket_.get(), text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(size));
  }

 private:
  proxy::Fd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(ServiceManager, HearsOnASocketWithAPath) {
  const std::string path = testing::TempDir() + "notify-" + std::to_string(::getpid());
  listen(path);
  tell_service_manager("READY=1");
  ::unlink(path.c_str());
  EXPECT_EQ(heard(), "READY=1");
}

TEST_F(ServiceManager, HearsOnAnAbstractName) {
  listen("@backoffd-notify-" + std::to_string(::getpid()));
  tell_service_manager("STOPPING=1");
  EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(ServiceManager, ThatIsNotThereOrHasNoGoodNameIsNoFault) {
  listen("@backoffd-notify-" + std::to_string(::getpid()));
  for (const std::string name : {"", "/", "@", "relative", "/nowhere/to/be/found"}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    tell_service_manager("READY=1");
  }
  ::setenv("NOTIFY_SOCKET", ('/' + std::string(200, 'x')).c_str(), 1);
  tell_service_manager("READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  tell_service_manager("READY=1");
  EXPECT_EQ(heard(), "nothing");
}

}  // namespace
}  // namespace backoffd::admin
