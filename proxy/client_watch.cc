#include "proxy/client_watch.h"

#include <string_view>

namespace backoffd::proxy {

namespace {
constexpr Duration kBetweenLooks = std::chrono::milliseconds(500);
constexpr Duration kBetweenLateProbes = std::chrono::seconds(5);
// An answer that is on its way needs no asking; a place in a queue should not be held for nobody.
constexpr Duration kPatienceWhileMoving = std::chrono::seconds(1);
}  // namespace

ClientWatch::ClientWatch(Stream& client, bool takes_interim, Owner& owner)
    : client_(client),
      takes_interim_(takes_interim),
      owner_(owner),
      timer_(Timer::of<ClientWatch, &ClientWatch::look>(client.loop(), this)) {}

void ClientWatch::waits(bool body_unread) {
  waiting_ = true;
  if (over_ || timer_.armed()) return;
  if (client_.read_ended()) {
    timer_.arm(Duration::zero());
  } else if (body_unread) {
    timer_.arm(kBetweenLooks);
  }
}

void ClientWatch::client_ended() {
  if (!over_ && !timer_.armed()) timer_.arm(waiting_ ? Duration::zero() : kPatienceWhileMoving);
}

// A client that has ended its side may still wait for the answer, or be gone altogether; both look the same until
// something is written to it. An interim response means nothing to the one and draws a reset from the other.
void ClientWatch::look() {
  if (client_.peer_reset()) {
    owner_.client_gone();
  } else if (!client_.peer_ended()) {
    if (waiting_) timer_.arm(kBetweenLooks);
  } else {
    if (probes_++ == 0 && takes_interim_) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      evbuffer_add(client_.out(), kContinue.data(), kContinue.size());
      client_.touch();
    }
    timer_.arm(probes_ < 5 ? Duration(std::chrono::milliseconds(40 << probes_)) : kBetweenLateProbes);
  }
}

}  // namespace backoffd::proxy
