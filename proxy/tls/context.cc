#include "proxy/tls/context.h"

namespace backoffd::proxy {

namespace {
// What is read from a socket at once, where there is so much; given back when it is used up. The cost of a byte jumps
// up by a tenth where it exceeds 48 KiB, and the calls cost more below 32 KiB.
constexpr std::size_t kReadBuffer = 40 << 10;
}  // namespace

SslContextPtr new_context(const SSL_METHOD* method) {
  SslContextPtr context(SSL_CTX_new(method));
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  // AES-128 is as far out of reach as AES-256 and costs a sixth less. A client without AES in its hardware says so by
  // naming ChaCha first.
  SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  // A write's bytes may move between two tries of it: they are in a buffer that grows.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A server's tickets cost it 20 us each, and a client that resumed with one is given the next.
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), kReadBuffer);
  return context;
}

}  // namespace backoffd::proxy
