#include "admin/exchanges_route.h"

#include <optional>

#include "admin/exchanges_json.h"

namespace backoffd::admin {
namespace {

using proxy::ExchangeAnswer;
using proxy::ExchangeQuery;

constexpr std::size_t kMostShown = 1000;

std::optional<ExchangeQuery> parse(std::string_view query) {
  ExchangeQuery wanted{.most = kMostShown, .recent = false, .seen = {}};
  if (query == "state=waiting") {
    wanted.moving = false;
  } else if (query == "state=active") {
    wanted.waiting = false;
  } else if (query == "state=recent") {
    wanted.waiting = wanted.moving = false;
    wanted.recent = true;
  } else if (!query.empty()) {
    return std::nullopt;
  }
  return wanted;
}

std::uint64_t in_flight(const proxy::Server& server) {
  std::uint64_t sum = 0;
  for (const proxy::Counters* counters : server.counters()) sum += counters->active_exchanges.get();
  return sum;
}

}  // namespace

void add_exchange_routes(Router& router, proxy::Server& server, Callers& callers, proxy::Loop& loop) {
  router.add("GET", "/exchanges", [&](const Request& request, const std::string&) {
    auto query = parse(request.query);
    if (!query) {
      return error_response(400, "bad_query", "There are state=waiting, state=active and state=recent.");
    }
    server.exchanges(std::move(*query), [&, call = request.number, recent = query->recent](ExchangeAnswer answer) {
      loop.post([&, call, recent, answer = std::move(answer)] {
        json::Value out;
        out["exchanges"] = recent ? show_finished(answer.recent) : show_in_flight(answer.in_flight);
        out["in_flight"] = in_flight(server);
        callers.answer(call, json_response(out));
      });
    });
    return Response::later();
  });
}

}  // namespace backoffd::admin
