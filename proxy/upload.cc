#include "proxy/upload.h"

#include <utility>

namespace backoffd::proxy {

Upload::Upload(const Head& request, Framing framing, const HeadLimits& trailer_limits, std::uint64_t replay_limit)
    : expects_continue_(request.minor_version() >= 1 && request.has_token(FieldId::expect, "100-continue")),
      body_(request, framing, trailer_limits, replay_limit) {}

Upload::Moved Upload::move(Stream& client, Stream& upstream, std::size_t buffer) {
  bool moved = false;
  while (!complete()) {
    const std::size_t room = upstream.out_room(buffer);
    if (room == 0) break;
    const std::size_t before = client.in_size();
    if (body_.move(client.in(), upstream.out(), room) == BodyReader::State::error) return Moved::malformed;
    if (client.in_size() == before) {
      if (client.read_ended() && before == 0) return Moved::cut;
      break;
    }
    client.touch();
    upstream.touch();
    moved = true;
  }
  return moved ? Moved::some : Moved::nothing;
}

bool Upload::ask() { return !std::exchange(asked_, true); }

}  // namespace backoffd::proxy
