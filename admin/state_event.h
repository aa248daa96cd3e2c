// What a page needs to know each second, as one JSON object. Pure.
#pragma once

#include <string>
#include <vector>

#include "admin/gate_json.h"
#include "admin/json.h"
#include "policy/engine.h"
#include "proxy/counters.h"
#include "proxy/exchange_info.h"

namespace backoffd::admin {

struct StateSource {
  Clocks clocks;
  policy::Duration uptime{};
  bool draining = false;
  std::vector<std::string> listeners;
  std::vector<policy::KeyStatus> keys;  // those that are shown
  std::size_t keys_total = 0;
  std::vector<policy::GateStatus> gates;
  std::vector<const proxy::Counters*> counters;
  proxy::ExchangeAnswer exchanges;
};
json::Value state_json(const StateSource& source);

// One server-sent event of that name.
std::string event_text(std::string_view event, const json::Value& data);

}  // namespace backoffd::admin
