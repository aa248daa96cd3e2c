// One configuration key as a value: its name, type, range and meaning, and how it is read and shown. A table of these
// (Keys<T>) is all there is to know of a struct: reading it from JSON, showing it, and the reference come from the same
// entry, so they cannot drift apart. The types a key can have are in admin/key_types.h.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "policy/result.h"

namespace backoffd::admin {

// Every problem of one run, in the order they were met: nobody fixes a file one complaint at a time.
using Problems = std::vector<policy::Error>;

// A value that is being read: where it stands, and where to say what is wrong with it. Lives during the reading only.
struct Place {
  const json::Value& value;
  std::string where;  // "providers[1].limits[0]"; empty: the whole document
  Problems& problems;

  // `what` is a sentence about the value, without it; always false, so that a reader can end with it.
  bool refuse(std::string_view what) const;
  Place member(std::string_view name, const json::Value& of) const { return {of, json::join(where, name), problems}; }
  Place element(std::size_t index, const json::Value& of) const { return {of, json::join(where, index), problems}; }
};

// How a value is written outside JSON, in `--set path=value`.
enum class Spelling {
  json,         // as JSON: 5, true, [{"name": "x"}]
  text,         // as it is: 30s
  list,         // a JSON array, or elements with commas between them
  one_or_list,  // a list, too; and where it is added to, a text counts as the list of it
};

// One row of the reference.
struct KeyRow {
  std::string path;  // "providers[].max_wait"
  std::string type;
  std::string range;    // empty: any value of the type
  std::string preset;   // the default as JSON; "required" where there is none
  std::string meaning;  // one sentence
  Spelling spelling;
  std::vector<std::string> words;  // texts that stand for themselves where `spelling` is a list: "any"
};
using KeyRows = std::vector<KeyRow>;

// A key of struct T. Immutable after construction.
template <class T>
struct Key {
  std::string path;  // within T, nested by dots: "retry.max_attempts"
  bool required = false;
  std::function<void(T&, const Place&)> read;
  std::function<json::Value(const T&)> show;  // null: nothing to show
  // Appends the rows of this key and of those inside it. `prefix` is the path of the T, `defaults` a fresh one.
  std::function<void(const std::string& prefix, const T& defaults, KeyRows& rows)> describe;
};
template <class T>
using Keys = std::vector<Key<T>>;

// What an unknown key at `path` was meant to be: "; did you mean retry.max_attempts?", empty where nothing is near.
std::string suggestion(std::string_view path, const std::vector<std::string>& known);

// Whether `path` is `section` or lies below it.
bool is_below(std::string_view path, std::string_view section);

namespace detail {

template <class T>
void read_section(const Keys<T>& keys, T& into, const Place& place, const std::string& section,
                  const std::string& where) {
  const json::Object* members = place.value.object();
  if (!members) {
    place.refuse("expected an object");
    return;
  }
  for (const auto& [name, value] : *members) {
    const std::string path = json::join(section, name);
    const Key<T>* exact = nullptr;
    bool deeper = false;
    for (const Key<T>& key : keys) {
      if (key.path == path) exact = &key;
      deeper |= key.path != path && is_below(key.path, path);
    }
    const Place inner = place.member(name, value);
    if (exact) {
      exact->read(into, inner);
    } else if (deeper) {
      read_section(keys, into, inner, path, where);
    } else {
      std::vector<std::string> known;
      for (const Key<T>& key : keys) known.push_back(json::join(where, key.path));
      place.problems.push_back({inner.where, "unknown key" + suggestion(inner.where, known)});
    }
  }
}

}  // namespace detail

// Reads the members of an object that the table knows into `into`; what is not named keeps its value. Unknown keys,
// missing required ones and wrong values become problems.
template <class T>
void read_object(const Keys<T>& keys, T& into, const Place& place) {
  detail::read_section(keys, into, place, "", place.where);
  if (!place.value.object()) return;
  for (const Key<T>& key : keys) {
    // Required keys are never nested: one look at the members is enough.
    if (key.required && !place.value.find(key.path)) {
      place.problems.push_back({json::join(place.where, key.path), "missing"});
    }
  }
}

// The reverse: an object that read_object() would make the same struct of.
template <class T>
json::Value show_object(const Keys<T>& keys, const T& from) {
  json::Value out{json::Object()};
  for (const Key<T>& key : keys) {
    json::Value value = key.show(from);
    if (value.is_null()) continue;
    json::Value* at = &out;
    std::string_view rest = key.path;
    for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      at = &(*at)[rest.substr(0, dot)];
      rest.remove_prefix(dot + 1);
    }
    (*at)[rest] = std::move(value);
  }
  return out;
}

template <class T>
void describe_object(const Keys<T>& keys, const std::string& prefix, const T& defaults, KeyRows& rows) {
  for (const Key<T>& key : keys) key.describe(prefix, defaults, rows);
}

// The same keys as part of a larger struct: `part` takes a T& (or const T&) to the Part in it.
template <class T, class Part, class PartOf>
Keys<T> within(const Keys<Part>& keys, PartOf part) {
  Keys<T> out;
  for (const Key<Part>& key : keys) {
    out.push_back({key.path, key.required, [key, part](T& whole, const Place& place) { key.read(part(whole), place); },
                   [key, part](const T& whole) { return key.show(part(whole)); },
                   [key, part](const std::string& prefix, const T& whole, KeyRows& rows) {
                     key.describe(prefix, part(whole), rows);
                   }});
  }
  return out;
}

}  // namespace backoffd::admin
