// Upstream bytes -> a response -> what the client gets. First byte: how the input is split; second: what the request
// was and what is said to the client.
#include "proxy/http/rewrite.h"
#include "tests/fuzz/message.h"

using namespace backoffd::proxy;
using namespace backoffd::proxy::fuzz;

namespace {

void check_sent_on(const Message& message, unsigned change, std::string_view method) {
  Framing framing = message.framing;
  if (framing.kind == Framing::Kind::until_close && (change & 1)) framing.kind = Framing::Kind::chunked;
  if (framing.kind == Framing::Kind::chunked && (change & 2)) framing.kind = Framing::Kind::until_close;
  const AddedField added{"Backoffd-Attempts", "2"};
  ClientResponse response{message.head, framing, "us", change & 2 ? 0 : 1, (change & 4) != 0, {}, &added, 1};
  if (change & 8) response.upgrade = "websocket";
  BufferPtr out = new_buffer();
  write_response_head(response, out.get());
  const std::string sent = text_of(out.get()) + write_body(message, framing);

  const Message again = read_message(sent, HeadParser::Kind::response, 0, method, 1 << 20);
  if (again.refusal == "too_many_fields" || again.refusal == "head_too_large") return;
  CHECK(again.refusal.empty());
  CHECK(again.framing == framing);
  CHECK(again.payload == message.payload);
  CHECK(again.whole);
  CHECK(again.taken == sent.size());
  CHECK(again.head.status() == message.head.status());
  CHECK(again.head.reason() == message.head.reason());
  CHECK(again.head.minor_version() == 1);
  CHECK(again.head.count(FieldId::date) >= 1);
  CHECK(again.head.count(FieldId::via) >= 1);
  CHECK(again.head.count(FieldId::connection) <= 1);
  CHECK(again.head.count(FieldId::set_cookie) == message.head.count(FieldId::set_cookie));
  CHECK(again.head.find("backoffd-attempts") == "2");
  const int status = message.head.status();
  if (status == 204 || status < 200)
    CHECK(again.head.count(FieldId::content_length) + again.head.count(FieldId::transfer_encoding) == 0);
  if (framing.kind == Framing::Kind::until_close)
    CHECK(again.head.has_token(FieldId::connection, "close") || status == 101);
}

void check_interim(const Message& message) {
  BufferPtr out = new_buffer();
  write_interim_head(message.head, "us", out.get());
  const Message again = read_message(text_of(out.get()), HeadParser::Kind::response, 0, "GET", 1 << 20);
  if (again.refusal == "too_many_fields" || again.refusal == "head_too_large") return;
  CHECK(again.whole);
  CHECK(again.head.status() == message.head.status());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[0] % 32;
  const unsigned change = data[1];
  const std::string_view method = change & 64 ? "HEAD" : change & 128 ? "CONNECT" : "GET";
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  for (int responses = 0; responses < 8 && !text.empty(); ++responses) {
    const Message message = read_message(text, HeadParser::Kind::response, 0, method, 1 << 20);
    check_same(message, read_message(text, HeadParser::Kind::response, 1, method, 1 << 20));
    check_same(message, read_message(text, HeadParser::Kind::response, step, method, step + 1));
    if (!message.whole) break;
    CHECK(message.taken > 0);
    check_sent_on(message, change, method);
    if (message.head.status() < 200) check_interim(message);
    text.remove_prefix(message.taken);
  }
  return 0;
}
