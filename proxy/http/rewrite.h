// Heads as they leave the proxy: hop-by-hop fields out, Via in, framing stated once (RFC 9110 7.6).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/framing.h"
#include "proxy/http/head.h"
#include "proxy/http/target.h"

struct evbuffer;

namespace backoffd::proxy {

// What the request head for upstream is made of. `range`/`if_range` replace the client's own (mid-body resume).
struct UpstreamRequest {
  const Head& head;
  const Target& target;
  Framing framing;           // of the body as we send it
  std::string_view via;      // our pseudonym
  std::string_view upgrade;  // protocol to ask for ("websocket"); empty: Upgrade is removed
  std::string_view range;    // empty: the client's Range and If-Range pass as they are
  std::string_view if_range;
  std::string_view proxy_authorization;  // for a parent proxy; then the target stays absolute
  int max_forwards = -1;                 // >= 0: the value to send (OPTIONS, TRACE)
  bool absolute = false;                 // absolute-form: to a parent proxy, with or without a credential
};
void write_request_head(const UpstreamRequest& request, evbuffer* out);

// A field the proxy adds to a response.
struct AddedField {
  std::string_view name;
  std::string_view value;
};

struct ClientResponse {
  const Head& head;  // as it came from upstream; Date is added when missing
  Framing framing;   // of the body as we send it
  std::string_view via;
  int client_minor_version = 1;
  bool keep_alive = true;             // Connection: close is written when false (and keep-alive to a 1.0 client)
  std::string_view upgrade;           // 101: the protocol switched to
  const AddedField* added = nullptr;  // Backoffd-*, Proxy-Status, Retry-After
  std::size_t added_count = 0;
};
void write_response_head(const ClientResponse& response, evbuffer* out);

// 1xx (but 101) passed on to an HTTP/1.1 client.
void write_interim_head(const Head& head, std::string_view via, evbuffer* out);

// An answer the proxy makes itself, whole. `text` is one plain-text line without anything of the request in it.
struct OwnResponse {
  int status = 502;
  std::string_view text;
  bool keep_alive = true;
  bool head_only = false;  // the request was HEAD: no body
  int client_minor_version = 1;
  const AddedField* added = nullptr;
  std::size_t added_count = 0;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view cache_control = "no-store";
};
void write_own_response(const OwnResponse& response, evbuffer* out);

std::string_view reason_phrase(int status);  // "" where unknown
std::string http_date_now();                 // IMF-fixdate, cached for a second per thread

// Is our pseudonym already a member of a received Via, with this process's mark? Then the request loops.
bool via_has(const Head& head, std::string_view via);

// Our member for Proxy-Status (RFC 9209): `name; error=...; details="..."`; `error` from the registry.
std::string proxy_status_member(std::string_view name, std::string_view error, std::string_view details);

}  // namespace backoffd::proxy
