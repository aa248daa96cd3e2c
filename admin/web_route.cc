#include "admin/web_route.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "admin/web_files.h"
#include "policy/hash.h"

namespace backoffd::admin {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string etag_of(std::string_view content) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "\"%016" PRIx64 "\"", policy::hash(content));
  return text.data();
}

}  // namespace

void add_web_routes(Router& router) {
  for (const WebFile& file : web_files()) {
    const Router::Serve serve = [file, etag = etag_of(file.content)](const Request& request, const std::string&) {
      Response response;
      response.status = request.if_none_match.find(etag) == std::string::npos ? 200 : 304;
      response.body = file.content;
      response.content_type = file.type;
      response.etag = etag;
      response.policy = kPolicy;
      return response;
    };
    router.add("GET", "/" + std::string(file.name), serve);
    if (file.name == "index.html") router.add("GET", "/", serve);
  }
}

}  // namespace backoffd::admin
