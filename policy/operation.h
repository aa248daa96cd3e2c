// What a request is for. The contextual retry policy and the per-operation queue limits turn on it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace backoffd::policy {

enum class Operation { download, validate, resolve, extract, manifest_fetch };

inline constexpr std::array<std::string_view, 5> kOperationNames = {"download", "validate", "resolve", "extract",
                                                                    "manifest_fetch"};

constexpr std::string_view name(Operation operation) { return kOperationNames[static_cast<std::size_t>(operation)]; }

// The operation of that exact name; none for any other text.
std::optional<Operation> parse_operation(std::string_view text);

struct RequestFacts;

// What the request looks like when neither a header nor a rule told (POLICY 4): HEAD is validate; a manifest, sitemap
// or robots path is manifest_fetch; a Range, or a document, archive or media type in path or Accept, is download; a
// structured Accept or an API path is resolve; anything else is download.
Operation infer_operation(const RequestFacts& request);

}  // namespace backoffd::policy
