#include "tests/support/play.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace backoffd::test {

namespace {

bool is_field_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  return line.substr(0, colon).find_first_of(" \t()\"") == std::string_view::npos &&
         line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// Takes a whole chunked body off the front: false when there is none.
bool take_chunks(std::string_view& text) {
  for (;;) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string size(text.substr(0, end));
    if (size.empty() || size.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return false;
    const std::size_t bytes = std::strtoull(size.c_str(), nullptr, 16);
    text.remove_prefix(end + 2);
    if (bytes == 0) break;
    if (text.size() < bytes + 2 || text.substr(bytes, 2) != "\r\n") return false;
    text.remove_prefix(bytes + 2);
  }
  while (!text.starts_with("\r\n")) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos || !is_field_line(text.substr(0, end))) return false;
    text.remove_prefix(end + 2);
  }
  text.remove_prefix(2);
  return true;
}

}  // namespace

Play::Play(const std::string& answer, const Change& change) : Play({serves(answer)}, change) {}

Play::Play(const std::vector<Script>& scripts, const Change& change, const char* address)
    : origin_(bind(scripts), address), proxy_(change) {}

std::vector<Upstream::Script> Play::bind(const std::vector<Script>& scripts) {
  std::vector<Upstream::Script> bound;
  bound.reserve(scripts.size());
  for (const Script& script : scripts) bound.push_back([this, script](Peer& peer) { script(origin_, peer); });
  return bound;
}

Play::Script serves(std::string response) {
  return [response = std::move(response)](Upstream& origin, Peer& peer) {
    for (;;) {
      std::string request = peer.read_request();
      if (request.empty()) return;
      origin.saw(std::move(request));
      peer.send(response);
    }
  };
}

Play::Script hears(std::string mark) {
  return [mark = std::move(mark)](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_until(mark));
    const std::string rest = peer.read_all();
    origin.saw(peer.ended() ? rest : rest + " (and is still open)");
  };
}

Play::Script says(std::string bytes) {
  return [bytes = std::move(bytes)](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_request());
    peer.send(bytes);
  };
}

std::string Play::fill(std::string_view octets) const {
  std::string out;
  for (;;) {
    const std::size_t at = octets.find("{}");
    out += octets.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += origin_.authority();
    octets.remove_prefix(at + 2);
  }
}

Peer Play::client(std::string_view octets) const {
  Peer peer = proxy_.connect();
  peer.send(fill(octets));
  return peer;
}

std::string Play::exchange(std::string_view octets) const { return proxy_.exchange(fill(octets)); }

std::string Play::get(std::string_view path, std::string_view fields) const {
  return proxy_.get(origin_.url(path), fields);
}

std::string Play::request() const {
  const std::vector<std::string> all = requests();
  EXPECT_EQ(1u, all.size());
  return all.size() == 1 ? all.front() : std::string();
}

std::string Play::request_for(std::string_view octets) const {
  const std::string response = exchange(octets);
  EXPECT_EQ(200, status_of(response)) << response;
  return request();
}

bool has_line(std::string_view message, std::string_view line) {
  return head_of(message).find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

std::string first_line(std::string_view message) { return std::string(message.substr(0, message.find("\r\n"))); }

std::string head_of(std::string_view message) {
  const std::size_t end = message.find("\r\n\r\n");
  return std::string(message.substr(0, end == std::string_view::npos ? end : end + 4));
}

bool is_complete_response(std::string_view response) {
  while (response.starts_with("HTTP/1.1 1") && !response.starts_with("HTTP/1.1 101"))
    response.remove_prefix(head_of(response).size());
  const std::string whole(response);
  std::string_view fields = std::string_view(whole).substr(0, head_of(response).size());
  if (!fields.starts_with("HTTP/1.1 ") || !fields.ends_with("\r\n\r\n")) return false;
  fields.remove_prefix(fields.find("\r\n") + 2);
  while (fields != "\r\n") {
    const std::size_t end = fields.find("\r\n");
    if (!is_field_line(fields.substr(0, end))) return false;
    fields.remove_prefix(end + 2);
  }
  std::string_view body = response.substr(head_of(response).size());
  if (!field_of(whole, "Transfer-Encoding").empty()) return take_chunks(body) && body.empty();
  const std::string length = field_of(whole, "Content-Length");
  return !length.empty() && body.size() == std::strtoull(length.c_str(), nullptr, 10);
}

int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++count;
  return count;
}

std::string much(std::size_t size, std::uint64_t step) {
  std::string text;
  for (std::uint64_t i = 0; text.size() < size; ++i) text += std::to_string(i * step) + ",";
  return text;
}

namespace {

void expect_only_next_is_served(const Play& play) {
  EXPECT_EQ(200, status_of(play.get("/next")));
  EXPECT_TRUE(play.request().starts_with("GET /next HTTP/1.1\r\n"));
}

}  // namespace

void expect_refused(const Play& play, std::string_view octets, int status) {
  const std::string response = play.exchange(octets);
  EXPECT_EQ(status, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response)) << response;
  expect_only_next_is_served(play);
}

void expect_refused_and_closed(const Play& play, std::string_view octets, int status) {
  Peer client = play.client(std::string(octets) + "GET http://{}/behind HTTP/1.1\r\nHost: {}\r\n\r\n");
  const std::string response = client.read_response();
  EXPECT_EQ(status, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_EQ("close", field_of(response, "Connection"));
  EXPECT_TRUE(client.ended());
  expect_only_next_is_served(play);
}

std::string test_name(std::string_view id) {
  std::string name;
  for (const char c : id) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

}  // namespace backoffd::test
