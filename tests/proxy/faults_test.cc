// Faults that other proxies shipped, each as a play.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <future>
#include <thread>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;

const std::string kGet = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n";
const std::string kPostChunked = "POST http://{}/ HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string repeated(std::string_view part, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += part;
  return out;
}

std::string get_with(const std::string& lines) { return kGet + lines + "\r\n"; }

void large_heads(ProxySettings& s) { s.proxy.limits.head_bytes = 1 << 20; }

TEST(Faults, AMillionOneByteChunksInARowArriveWhole) {
  const std::string chunks = repeated("1\r\na\r\n", 1000000) + "0\r\n\r\n";
  Play play(kChunked + chunks);
  const std::string response = play.exchange(kPostChunked + chunks);
  const std::string body(1000000, 'a');
  EXPECT_EQ(200, status_of(response));
  EXPECT_TRUE(body == body_of(response));
  EXPECT_TRUE(body == body_of(play.request()));
}

TEST(Faults, AListOf20000MembersPassesUnchanged) {
  const std::string value = repeated("1.1 a, ", 19999) + "1.1 b";
  const std::string line = ": " + value + "\r\n";
  for (const char* name : {"X-Forwarded-For", "Via", "Forwarded", "Accept"}) {
    const std::string request = Play(ok("x"), large_heads).request_for(get_with(name + line));
    EXPECT_TRUE(field_of(request, name).starts_with(value)) << name;
  }
}

TEST(Faults, AConnectionFieldOfManyOptionsIsNoWork) {
  const std::string options = repeated("Connection: connection, connection, keep-alive, x-drop\r\n", 100);
  const std::string many = "Connection: " + repeated("x-other,", 10000) + "close\r\n";
  const std::string fields = repeated("X-Drop: 1\r\n", 50) + "X-Keep: 2\r\n";
  Play play(ok("x", options + many + fields), large_heads);
  const std::string response = play.exchange(kGet + options + many + fields + "\r\n");
  for (const std::string& head : {response, play.request()}) {
    EXPECT_EQ("2", field_of(head, "X-Keep")) << head;
    EXPECT_EQ("", field_of(head, "X-Drop")) << head;
  }
}

TEST(Faults, TheNameOfTheCodingHasNoCase) {
  for (const std::string coding : {"CHUNKED", "Chunked", "chunKed"}) {
    const std::string field = "Transfer-Encoding: " + coding + "\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    Play play("HTTP/1.1 200 OK\r\n" + field);
    Peer client = play.client("POST http://{}/ HTTP/1.1\r\nHost: {}\r\n" + field);
    EXPECT_EQ("abc", body_of(client.read_response()));
    EXPECT_EQ("abc", body_of(play.request()));
  }
}

class FaultsChunkSize : public testing::TestWithParam<const char*> {};

// Whether the size is refused or only never reached: no end is made up for it, on either side.
TEST_P(FaultsChunkSize, NearTheEndOfTheNumbersIsNeverComplete) {
  const std::string chunk = GetParam() + "\r\nabc\r\n0\r\n\r\n"s;
  Play up({hears("1\r\nz\r\n")});
  Peer client = up.client(kPostChunked + "1\r\nz\r\n");
  ASSERT_TRUE(up.origin().wait_for_requests(1));
  client.send(chunk);
  client.end_write();
  ASSERT_TRUE(up.origin().wait_for_requests(2));
  EXPECT_FALSE(up.requests()[1].ends_with("\r\n0\r\n\r\n") && !up.requests()[1].ends_with("abc\r\n0\r\n\r\n\r\n"));
  EXPECT_EQ(std::string::npos, up.requests()[1].find("open")) << up.requests()[1];
  Play down({says(kChunked + "1\r\nz\r\n" + chunk)});
  EXPECT_FALSE(is_complete_response(down.get()));
}

INSTANTIATE_TEST_SUITE_P(Sizes, FaultsChunkSize,
                         testing::Values("7fffffffffffffff", "8000000000000000", "fffffffffffffffe", "ffffffffffffffff",
                                         "7ffffffffffffffff", "80000000"));

TEST(Faults, LongFieldNamesPassWholeOrAreRefused) {
  for (const std::size_t size : {255, 256, 257, 1024, 8192, 65535, 65536, 65537, 70000}) {
    const std::string line = std::string(size, 'n') + ": v\r\n";
    const std::string request = get_with(line + "Content-Length: 0\r\n");
    EXPECT_NE(std::string::npos, Play(ok("x"), large_heads).request_for(request).find("\r\n" + line));
    EXPECT_NE(std::string::npos, Play(ok("x", line), large_heads).get().find("\r\n" + line));
    Play strict;
    const std::string response = strict.exchange(request);
    EXPECT_EQ(size < 60000 ? 200 : 431, status_of(response)) << size;
  }
}

struct Trailer {
  const char* id;
  std::string lines;
};
class FaultsTrailer : public testing::TestWithParam<Trailer> {};

TEST_P(FaultsTrailer, OfAResponseThatIsBadBreaksIt) {
  Play play({says(kChunked + "3\r\nabc\r\n0\r\n" + GetParam().lines + "\r\n" + ok("evil"))});
  const std::string response = play.get();
  EXPECT_FALSE(is_complete_response(response)) << response;
  EXPECT_EQ(std::string::npos, response.find("evil"));
}

const std::vector<Trailer> kTrailers = {
    {"bare_LF", "X: y\nZ: 1\r\n"}, {"no_colon", "XY\r\n"}, {"empty_name", ": y\r\n"},
    {"fold", "X: y\r\n z\r\n"},    {"NUL", "X: y\0\r\n"s}, {"space", "X : y\r\n"},
};
INSTANTIATE_TEST_SUITE_P(Responses, FaultsTrailer, testing::ValuesIn(kTrailers), RowName());

TEST(Faults, AnEmptyFieldNameOrLengthInAResponseMakes502) {
  for (const char* line : {": y\r\n", "Content-Length: \r\n", "Content-Length: ,\r\n"}) {
    EXPECT_EQ(502, status_of(Play({says("HTTP/1.1 200 OK\r\n"s + line + "\r\nevil")}).get())) << line;
  }
}

// The limit counts from 0, so nothing can be opened below it, and what is open goes on.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none = {3, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

TEST(Faults, WithoutDescriptorsNewClientsWaitAndAreServedLater) {
  Play play;
  Peer before = play.proxy().connect();
  before.send(play.fill(kGet + "\r\n"));
  EXPECT_EQ(200, status_of(before.read_response()));
  std::vector<Peer> clients;
  {
    std::vector<UnconnectedSocket> sockets(20);
    const NoMoreDescriptors none;
    for (UnconnectedSocket& socket : sockets) clients.push_back(std::move(socket).connect_to(play.proxy().port()));
    for (int i = 0; i < 5; ++i) {
      before.send(play.fill(kGet + "\r\n"));
      EXPECT_EQ(200, status_of(before.read_response()));
    }
    EXPECT_EQ(1u, play.proxy().counted([](const proxy::Counters& c) { return c.client_connections.get(); }));
  }
  for (Peer& client : clients) {
    client.send(play.fill(kGet + "\r\n"));
    EXPECT_EQ(200, status_of(client.read_response()));
  }
}

TEST(Faults, WithoutDescriptorsForAPipeATunnelMovesItsBytesAllTheSame) {
  std::promise<void> accepted;
  const std::string sent(1 << 20, 'z');
  Play play({[&](Upstream&, Peer& peer) {
    accepted.set_value();
    peer.send(peer.read_all());
  }});
  Peer client = play.client("CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ(200, status_of(client.read_head()));
  accepted.get_future().wait();
  const NoMoreDescriptors none;
  client.send(sent);
  client.end_write();
  EXPECT_TRUE(sent == client.read_all());
  EXPECT_FALSE(client.was_reset());
}

}  // namespace
}  // namespace backoffd::test
