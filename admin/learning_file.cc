#include "admin/learning_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

#include "admin/json.h"

namespace backoffd::admin {
namespace {

using json::Value;
using policy::LearnedKey;

constexpr const char* kFormat = "backoffd-learning";
constexpr json::Limits kBounds{.bytes = 32 << 20, .depth = 8};
constexpr std::size_t kMaxKeyText = 1024;
constexpr std::size_t kMaxRecoveryTimes = 50;
constexpr double kMaxRate = 1e9;     // requests/s
constexpr double kMaxSeconds = 1e9;  // about 30 years

// Reads members of one object; the first thing that is wrong stays.
class Reader {
 public:
  Reader(const Value& object, std::string where) : object_(object), where_(std::move(where)) {}

  const Value* need(std::string_view name) {
    const Value* value = object_.find(name);
    if (!value) fail(name, "missing");
    return value;
  }

  // Absent, or null (how a figure that is no number is written): the default stays. `least` and `most` are what the
  // struct may hold.
  void number(std::string_view name, double& field, double least, double most) {
    const Value* value = object_.find(name);
    if (!value || value->is_null()) return;
    if (!value->is_number() || !(value->number() >= least && value->number() <= most)) {
      return fail(name, "not a number in its range");
    }
    field = value->number();
  }

  void fail(std::string_view name, std::string_view what) {
    if (!error_) error_ = policy::Error{json::join(where_, name), std::string(what)};
  }
  const std::optional<policy::Error>& error() const { return error_; }

 private:
  const Value& object_;
  std::string where_;
  std::optional<policy::Error> error_;
};

void read_recovery_times(const Value& object, std::vector<double>& times, Reader& reader) {
  const Value* value = object.find("recovery_times");
  if (!value) return;
  const json::Array* array = value->array();
  if (!array || array->size() > kMaxRecoveryTimes) return reader.fail("recovery_times", "not a list of at most 50");
  for (const Value& one : *array) {
    if (!one.is_number() || !(one.number() >= 0 && one.number() <= kMaxSeconds)) {
      return reader.fail("recovery_times", "not all seconds");
    }
    times.push_back(one.number());
  }
}

// Hexadecimal text, because JSON's numbers lose the low bits of a 64-bit hash in other readers.
void read_scope(const Value& object, std::uint64_t& scope, Reader& reader) {
  const Value* value = object.find("scope");
  if (!value) return;
  const std::string* text = value->string();
  if (!text || text->empty()) return reader.fail("scope", "not hexadecimal text");
  const char* const end = text->data() + text->size();
  const auto [rest, fault] = std::from_chars(text->data(), end, scope, 16);
  if (fault != std::errc() || rest != end) reader.fail("scope", "not hexadecimal text");
}

policy::Result<LearnedKey> read_key(const Value& value, const std::string& where) {
  if (!value.object()) return policy::Error{where, "not an object"};
  Reader reader(value, where);
  LearnedKey key;
  const Value* name = reader.need("key");
  if (name && name->string() && !name->string()->empty() && name->string()->size() <= kMaxKeyText) {
    key.key = *name->string();
  } else {
    reader.fail("key", "not a provider@host");
  }
  double concurrency = 0;
  reader.number("reduction_pct", key.reduction_pct, 0, 100);
  reader.number("base_rate", key.base_rate, 0, kMaxRate);
  reader.number("concurrency", concurrency, 0, 1e6);
  reader.number("ban_seconds", key.ban_seconds, 0, kMaxSeconds);
  reader.number("paused_seconds", key.paused_seconds, 0, kMaxSeconds);
  key.concurrency = static_cast<int>(concurrency);
  read_recovery_times(value, key.recovery_times, reader);
  read_scope(value, key.scope, reader);
  if (reader.error()) return *reader.error();
  return key;
}

Value show_key(const LearnedKey& key) {
  Value out;
  out["key"] = key.key;
  out["reduction_pct"] = key.reduction_pct;
  out["base_rate"] = key.base_rate;
  out["recovery_times"] = json::Array(key.recovery_times.begin(), key.recovery_times.end());
  if (key.scope != 0) {
    char text[17] = {};
    std::to_chars(text, text + 16, key.scope, 16);
    out["scope"] = text;
  }
  if (key.concurrency != 0) out["concurrency"] = key.concurrency;
  if (key.ban_seconds != 0) out["ban_seconds"] = key.ban_seconds;
  if (key.paused_seconds != 0) out["paused_seconds"] = key.paused_seconds;
  return out;
}

}  // namespace

std::string write_learned(const LearnedFile& file) {
  json::Array keys;
  for (const LearnedKey& key : std::span(file.keys).first(std::min(file.keys.size(), kMaxLearnedKeys)))
    keys.push_back(show_key(key));
  Value out;
  out["format"] = kFormat;
  out["version"] = file.version;
  out["algorithm"] = file.algorithm;
  out["saved"] = std::chrono::duration<double>(file.saved.time_since_epoch()).count();
  out["keys"] = std::move(keys);
  return json::write(out, json::Layout::indented) + "\n";
}

policy::Result<LearnedFile> parse_learned(std::string_view text) {
  const auto document = json::parse(text, json::Dialect::strict, kBounds);
  if (!document) return document.error();
  const Value& root = document->root;
  if (!document->repeated.empty()) return policy::Error{document->repeated.front(), "given twice"};
  if (!root.object()) return policy::Error{"", "not an object"};

  Reader reader(root, "");
  LearnedFile file;
  const Value* format = reader.need("format");
  if (format && !(format->string() && *format->string() == kFormat)) reader.fail("format", "not learned state");
  const Value* version = reader.need("version");
  if (version && !(version->integer() && *version->integer() >= 1)) reader.fail("version", "not a version");
  const Value* algorithm = root.find("algorithm");  // the first files named none
  if (algorithm && !(algorithm->integer() && *algorithm->integer() >= 1)) reader.fail("algorithm", "not a version");
  if (reader.error()) return *reader.error();
  file.version = *version->integer();
  file.algorithm = algorithm ? *algorithm->integer() : 1;
  if (file.newer()) return file;

  double saved = 0;
  reader.need("saved");
  reader.number("saved", saved, 0, 9e9);
  const Value* keys = reader.need("keys");
  if (keys && !keys->array()) reader.fail("keys", "not a list");
  if (reader.error()) return *reader.error();
  file.saved = policy::WallTime(policy::from_seconds(saved));
  for (std::size_t i = 0; i < std::min(keys->array()->size(), kMaxLearnedKeys); ++i) {
    auto key = read_key((*keys->array())[i], json::join("keys", i));
    if (!key) return key.error();
    file.keys.push_back(std::move(*key));
  }
  return file;
}

}  // namespace backoffd::admin
