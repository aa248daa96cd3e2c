// Client bytes -> requests -> what goes upstream. Whatever is taken is taken the same way however the bytes are split,
// and what is sent on parses strictly and frames the same message. First byte: how the input is split; second: by what
// the request is changed.
#include "proxy/http/rewrite.h"
#include "tests/fuzz/message.h"

using namespace backoffd::proxy;
using namespace backoffd::proxy::fuzz;

namespace {

void check_sent_on(const Message& message, unsigned change) {
  const TargetResult target = parse_target(message.head);
  via_has(message.head, "us");
  if (!target.ok || target.target.form != Target::Form::absolute) return;
  UpstreamRequest request{message.head, target.target, message.framing, "us", {}, {}, {}, {}};
  if (change & 1) request.upgrade = "websocket";
  if (change & 2) request.range = "bytes=5-";
  if (change & 4) request.if_range = "\"e\"";
  if (change & 8) request.max_forwards = 7;
  if (change & 16) request.proxy_authorization = "Basic eDp5";
  BufferPtr out = new_buffer();
  write_request_head(request, out.get());
  const std::string sent = text_of(out.get()) + write_body(message, message.framing);

  // Room for what is added. `again` has no limits of its own to meet: fields and bytes only ever become fewer, or few.
  const Message again = read_message(sent, HeadParser::Kind::request, 0, {}, 1 << 20);
  if (again.refusal == "too_many_fields" || again.refusal == "head_too_large") return;
  CHECK(again.refusal.empty());
  CHECK(again.whole);
  CHECK(again.taken == sent.size());
  CHECK(again.framing == message.framing);
  CHECK(again.payload == message.payload);
  CHECK(again.head.method() == message.head.method());
  CHECK(again.head.minor_version() == 1);
  CHECK(again.head.count(FieldId::host) == 1);
  CHECK(again.head.find(FieldId::host) == target.target.authority());
  CHECK(again.head.count(FieldId::via) >= 1);
  CHECK(via_has(again.head, "us"));
  for (const FieldId id : {FieldId::te, FieldId::keep_alive, FieldId::proxy_connection, FieldId::backoffd_gate,
                           FieldId::backoffd_operation, FieldId::backoffd_provider, FieldId::http2_settings})
    CHECK(again.head.count(id) == 0);
  CHECK(again.head.count(FieldId::proxy_authorization) == (change & 16 ? 1u : 0u));
  CHECK(again.head.count(FieldId::upgrade) == (change & 1));
  CHECK(again.head.count(FieldId::connection) == (change & 1));
  for (const FieldId id : {FieldId::content_length, FieldId::transfer_encoding, FieldId::trailer})
    CHECK(again.trailers.count(id) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[0] % 32;
  const unsigned change = data[1];
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  for (int requests = 0; requests < 8 && !text.empty(); ++requests) {
    const Message message = read_message(text, HeadParser::Kind::request, 0, {}, 1 << 20);
    check_same(message, read_message(text, HeadParser::Kind::request, 1, {}, 1 << 20));
    check_same(message, read_message(text, HeadParser::Kind::request, step, {}, step + 1));
    if (!message.whole) break;
    CHECK(message.taken > 0);
    CHECK(message.framing.kind != Framing::Kind::until_close);
    check_sent_on(message, change);
    text.remove_prefix(message.taken);
  }
  return 0;
}
