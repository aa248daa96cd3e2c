// What both sides of the proxy ask of every TLS connection.
#pragma once

#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

// TLS 1.2 or later, no renegotiation, no compression, buffers given back while a connection is idle, reads in large
// pieces. Null: out of memory.
SslContextPtr new_context(const SSL_METHOD* method);

}  // namespace backoffd::proxy
