#include "admin/config_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "admin/config_keys.h"
#include "policy/text.h"

namespace backoffd::admin {
namespace {

using json::Value;
using policy::GateId;
using policy::GateLayer;

// "providers[0].max_wait" -> "providers[].max_wait", as the reference has it.
std::string without_indices(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    inside = inside && c != ']';
    if (!inside) out += c;
    inside = inside || c == '[';
  }
  return out;
}

// The row of the key at `path`; nullptr: there is none.
const KeyRow* row_of(std::string_view path) {
  const std::string plain = without_indices(path);
  for (const KeyRow& row : key_rows()) {
    if (row.path == plain) return &row;
  }
  return nullptr;
}

// JSON where it is some, else the text itself: the key's type says what it thinks of it.
Value json_or_text(std::string_view text) {
  auto document = json::parse(text, json::Dialect::strict);
  return document ? std::move(document->root) : Value(text);
}

Value list_of_text(std::string_view text) {
  json::Array out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view one = policy::trim(text.substr(0, comma));
    Value number = json_or_text(one);
    out.push_back(number.is_number() ? std::move(number) : Value(one));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

// The value at `path`, made where it is missing; nullptr where the way there is barred. A gate that is a plain boolean
// becomes the object that says the same, so that one of its keys can be set.
Value* descend(Value& root, std::string_view path) {
  Value* at = &root;
  while (!path.empty()) {
    if (path.front() == '[') {
      const auto close = path.find(']');
      const auto index = policy::parse_unsigned(path.substr(1, std::min(close, path.size()) - 1));
      json::Array* elements = at->array();
      if (close == std::string_view::npos || !index || !elements || *index >= elements->size()) return nullptr;
      at = &(*elements)[*index];
      path.remove_prefix(close + 1);
      if (path.starts_with('.')) path.remove_prefix(1);
      continue;
    }
    const auto end = std::min(path.find_first_of(".["), path.size());
    if (const bool* on = at->boolean()) {
      const char* mode = *on ? "on" : "off";
      *at = Value(json::Object{{"mode", mode}});
    }
    if (!at->is_null() && !at->object()) return nullptr;
    at = &(*at)[path.substr(0, end)];
    path.remove_prefix(end);
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return at;
}

// Puts the value where it belongs and returns the path that its problems will have; none where there is no such place.
std::optional<std::string> put(Value& root, const Assignment& assignment) {
  if (Value trial = root; !descend(trial, assignment.path)) return std::nullopt;  // leaves no half of a way behind
  Value* at = descend(root, assignment.path);
  if (!assignment.append) {
    *at = assignment.value;
    return assignment.path;
  }
  if (at->is_null()) *at = Value(json::Array());
  const KeyRow* row = row_of(assignment.path);
  if (at->string() && row && row->spelling == Spelling::one_or_list) *at = Value(json::Array{*at});
  json::Array* list = at->array();
  if (!list) return assignment.path;  // the file has no list there, and that problem is told anyway
  list->push_back(assignment.value);
  return json::join(assignment.path, list->size() - 1);
}

// Where each overlaid value stands in the tree, so that a problem is told where the person wrote it.
struct Origin {
  std::string path;
  std::string source;
};

void assign(const Assignment& assignment, Value& root, std::vector<Origin>& origins, Problems& problems) {
  if (const auto path = put(root, assignment)) {
    origins.push_back({*path, assignment.source});
  } else {
    problems.push_back({assignment.source, "there is no " + assignment.path + " to set in the configuration file"});
  }
}

void tell_origins(Problems& problems, std::size_t from, const std::vector<Origin>& origins) {
  for (std::size_t i = from; i < problems.size(); ++i) {
    std::string& where = problems[i].where;
    for (auto origin = origins.rbegin(); origin != origins.rend(); ++origin) {
      if (!is_below(where, origin->path)) continue;
      where = origin->source + where.substr(origin->path.size());
      break;
    }
  }
}

std::string gate_path(GateId id) { return json::join("gates", policy::name(id)); }

std::optional<GateId> gate_of(std::string_view path) {
  for (const GateId id : {GateId::contextual_retry, GateId::provider_learning}) {
    if (is_below(path, gate_path(id))) return id;
  }
  return std::nullopt;
}

const Value* find_gate(const Value& root, GateId id) {
  const Value* gates = root.find("gates");
  return gates ? gates->find(policy::name(id)) : nullptr;
}

// What each layer says of one gate; those above the file start from what the layer below says.
void read_gate_layers(GateId id, const Value& file, const std::vector<Assignment>& assignments, Settings& settings,
                      Problems& problems) {
  Value tree;
  if (const Value* in_file = find_gate(file, id)) {
    tree["gates"][policy::name(id)] = *in_file;
    const auto& config = settings.config.policy;
    settings.gates.push_back(
        {id, GateLayer::config, id == GateId::contextual_retry ? config.contextual_retry : config.provider_learning});
  }
  for (const GateLayer layer : {GateLayer::environment, GateLayer::command_line}) {
    std::vector<Origin> origins;
    for (const Assignment& assignment : assignments) {
      if (assignment.layer != layer || gate_of(assignment.path) != id) continue;
      assign(assignment, tree, origins, problems);
    }
    if (origins.empty()) continue;
    const std::size_t before = problems.size();
    GateChoice choice{id, layer, {}};
    if (GateType(id).read(choice.setting, Place{*find_gate(tree, id), gate_path(id), problems})) {
      settings.gates.push_back(std::move(choice));
    }
    tell_origins(problems, before, origins);
  }
}

// The tree of a file. `repeated`: told of keys given twice.
policy::Result<Value> parse_file(std::string_view file, Problems& repeated) {
  if (file.empty()) return Value(json::Object());
  auto document = json::parse(file, json::Dialect::with_comments);
  if (!document) return document.error();
  for (const std::string& path : document->repeated) repeated.push_back({path, "key given twice"});
  return std::move(document->root);
}

}  // namespace

Assignment assignment_of_text(std::string source, std::string_view path, std::string_view text) {
  Assignment assignment{std::move(source), std::string(path), {}};
  const KeyRow* row = row_of(path);
  const Spelling spelling = row ? row->spelling : Spelling::json;
  const bool is_word = row && std::find(row->words.begin(), row->words.end(), text) != row->words.end();
  const bool looks_like_json = text.starts_with('{') || text.starts_with('[');
  if (spelling == Spelling::json || looks_like_json) {
    assignment.value = json_or_text(text);
  } else if (spelling != Spelling::text && !is_word) {
    assignment.value = list_of_text(text);
  } else {
    assignment.value = Value(text);
  }
  return assignment;
}

Loaded read_settings(std::string_view file, const std::vector<Assignment>& assignments, const Config& defaults) {
  Loaded loaded{{defaults, {}}, {}};
  Problems& problems = loaded.problems;
  auto parsed = parse_file(file, problems);
  if (!parsed) problems.push_back(parsed.error());
  Value root = parsed ? std::move(*parsed) : Value(json::Object());
  const Value file_tree = root;
  std::vector<Origin> origins;
  for (const Assignment& assignment : assignments) {
    if (gate_of(assignment.path)) continue;
    if (assignment.path == "gates") {  // would hide which layer speaks
      problems.push_back({assignment.source, "set each gate by itself, such as gates.contextual-retry=true"});
      continue;
    }
    assign(assignment, root, origins, problems);
  }
  const std::size_t before = problems.size();
  read_object(config_keys(), loaded.settings.config, Place{root, "", problems});
  for (const GateId id : {GateId::contextual_retry, GateId::provider_learning}) {
    read_gate_layers(id, file_tree, assignments, loaded.settings, problems);
  }
  check_config(loaded.settings.config, problems);
  tell_origins(problems, before, origins);
  return loaded;
}

Loaded read_admin_settings(std::string_view file, const std::vector<Assignment>& assignments) {
  constexpr std::string_view kSection = "admin";
  Loaded loaded;
  Problems& problems = loaded.problems;
  Problems elsewhere;
  const auto whole = parse_file(file, elsewhere);
  const bool address_is_told = std::any_of(assignments.begin(), assignments.end(),
                                           [](const Assignment& one) { return one.path == "admin.listen"; });
  if (!whole && !address_is_told) problems.push_back(whole.error());
  Value root{json::Object()};
  if (const Value* section = whole ? whole->find(kSection) : nullptr) root[kSection] = *section;
  std::vector<Origin> origins;
  for (const Assignment& assignment : assignments) {
    if (!is_below(assignment.path, kSection)) continue;
    assign(assignment, root, origins, problems);
  }
  const std::size_t before = problems.size();
  read_object(config_keys(), loaded.settings.config, Place{root, "", problems});
  tell_origins(problems, before, origins);
  return loaded;
}

}  // namespace backoffd::admin
