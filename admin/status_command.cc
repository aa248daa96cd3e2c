#include "admin/status_command.h"

#include "admin/gate_words.h"
#include "admin/learning_words.h"
#include "admin/text_table.h"
#include "admin/words.h"

namespace backoffd::admin {
namespace {

using json::Value;
using Kind = TextTable::Kind;

std::string joined(const Value& list) {
  std::string out;
  for (const Value& one : list.array() ? *list.array() : json::Array()) out += (out.empty() ? "" : ", ") + text_of(one);
  return out;
}

double sum(const Value& keys, std::string_view member) {
  double total = 0;
  for (const Value& key : keys.array() ? *keys.array() : json::Array()) total += number_of(at(key, {member}));
  return total;
}

std::string head(const Value& state, const std::string& address, const Terminal& terminal) {
  const bool draining = is_true(at(state, {"draining"}));
  const auto total = [&](std::string_view name) -> const Value& { return at(state, {"totals", name}); };
  std::string out = "backoffd " + printable(text_of(at(state, {"version"}))) + ", up " + span(at(state, {"uptime"})) +
                    ": " +
                    (draining ? painted("drains", Tone::warning, terminal) : painted("serves", Tone::good, terminal)) +
                    " on " + printable(joined(at(state, {"listeners"}))) + ", admin on " + address + "\n";
  out += counted(total("client_connections"), "client connection") + ", " + count(total("in_flight")) + " in flight, " +
         count(sum(at(state, {"keys"}), "queued")) + " queued, " + counted(total("tunnels"), "tunnel") + "\n";
  out += counted(total("requests"), "request") + " answered, " + count(total("retries")) + " retries, " +
         count(total("absorbed_throttles")) + " 429s kept from clients, " + count(total("resumed_bodies")) +
         " bodies resumed, " + bytes_in_words(total("bytes_to_clients")) + " sent\n";
  return out;
}

std::string providers(const Value& state, const Terminal& terminal) {
  TextTable table({{"PROVIDER@HOST", Kind::elastic},
                   {"STATE"},
                   {"LIMIT", Kind::number},
                   {"OF", Kind::number},
                   {"IN FLIGHT", Kind::number},
                   {"QUEUED", Kind::number},
                   {"REQUESTS", Kind::number},
                   {"429s", Kind::number}});
  const Value& keys = at(state, {"keys"});
  const json::Array none;
  for (const Value& key : keys.array() ? *keys.array() : none) {
    const std::string state_name = text_of(at(key, {"state"}));
    const Value& most = at(key, {"max_concurrency"});
    table.add({text_of(at(key, {"key"})),
               {state_name, tone_of_state(state_name)},
               figure(at(key, {"effective_limit"}), "/s"),
               figure(at(key, {"configured_limit"}), "/s"),
               count(at(key, {"in_flight"})) + (most.is_number() ? "/" + count(most) : ""),
               count(at(key, {"queued"})),
               count(at(key, {"requests"})),
               count(at(key, {"throttle_answers"}))});
  }
  if (table.empty()) return "No provider was asked yet.\n";
  std::string out = table.text(terminal);
  const double shown = static_cast<double>(keys.array()->size());
  const double all = number_of(at(state, {"keys_total"}));
  if (all > shown) out += "and " + count(all - shown) + " less busy ones\n";
  return out;
}

}  // namespace

CommandResult status_command(const AdminClient& client, Output output, const Terminal& terminal) {
  Reply reply = client.get("/state", "status");
  if (!reply) return std::move(reply.failure);
  if (output == Output::json) return {.exit_code = kExitOk, .out = std::move(reply.text), .complaint = {}};
  return {.exit_code = kExitOk,
          .out = head(reply.json, client.address(), terminal) + "\n" + providers(reply.json, terminal) + "\n" +
                 gates_table(reply.json, terminal),
          .complaint = {}};
}

}  // namespace backoffd::admin
