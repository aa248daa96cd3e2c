// The provider's name of a host that no provider of the configuration names.
#pragma once

#include <string>
#include <string_view>

namespace backoffd::admin {

// The first label of the registrable domain (public suffix list): "api.crossref.org" -> "crossref", "a.b.co.uk" -> "b".
// A host that has none (an address, "localhost") is its own name. Any thread; does not block.
std::string registrable_label(std::string_view host);

}  // namespace backoffd::admin
