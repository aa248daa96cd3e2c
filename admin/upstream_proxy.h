// The proxy upstream of this one, as settings and the environment name it. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "admin/environment.h"
#include "admin/key.h"
#include "proxy/config.h"

namespace backoffd::admin {

// Instead of a URL: what the environment says.
inline constexpr std::string_view kFromEnvironment = "environment";

// The checkers below return what is wrong, empty when nothing is.

// "http://HOST:PORT": no other scheme, no path, no user.
std::string check_proxy_url(std::string_view text);
// The same, "" or "environment".
std::string check_upstream_proxy(std::string_view text);
// The same, "" or "direct".
std::string check_proxy_or_direct(std::string_view text);
// What no_proxy may list: a host, ".suffix" or "*.suffix", an address, a range, or "*".
std::string check_no_proxy(std::string_view text);

// Where `proxy.url` is "environment": puts what http_proxy, https_proxy, all_proxy and no_proxy say in its place; the
// lower-case spelling wins over the upper-case one. There a URL may lack its scheme and its port (80), and end in "/".
// A name in no_proxy means, as it does to other programs, all names below it, too; what is neither name nor range is
// left out. A URL that cannot be used is a problem of its variable.
void take_from_environment(proxy::UpstreamProxy& proxy, const Environment& environment, Problems& problems);

}  // namespace backoffd::admin
