#include "admin/service.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "admin/address.h"
#include "admin/ca_store.h"
#include "admin/gate_watch.h"
#include "admin/interception_log.h"
#include "admin/registrable_label.h"
#include "admin/routes.h"
#include "admin/version.h"

namespace backoffd::admin {
namespace {

using proxy::Loop;

// Looks this often whether there is something to save; LearningStore says how often it is done.
constexpr auto kTick = std::chrono::seconds(1);

// Every connection is a descriptor or two: what the system allows is taken.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What the CA has to tell, in the log.
void tell(const std::string& sentence) { spdlog::warn("{}", sentence); }

}  // namespace

policy::Result<std::unique_ptr<Service>> Service::make(Settings settings, std::string token) {
  std::unique_ptr<Service> service(new Service(std::move(settings)));
  if (auto ready = service->set_up(std::move(token)); !ready) return ready.error();
  return service;
}

Service::Service(Settings settings)
    : settings_(std::move(settings)),
      engine_(settings_.config.policy, registrable_label),
      tick_(proxy::Timer::of<Service, &Service::on_tick>(loop_, this)),
      drain_over_(proxy::Timer::of<Service, &Service::on_drained>(loop_, this)) {}

Service::~Service() = default;

policy::Result<bool> Service::set_up(std::string token) {
  raise_descriptor_limit();
  ::signal(SIGPIPE, SIG_IGN);  // a peer that left is an error of write(), not a reason to die

  for (const GateChoice& choice : settings_.gates) engine_.set_gate(choice.id, choice.layer, choice.setting);
  auto log = proxy::LogFile::open(settings_.config.proxy.access_log);
  if (!log) return log.error();
  access_log_ = std::move(*log);

  proxy::Config config = settings_.config.proxy;
  if (settings_.config.admin.listen != "off") {
    auto admin = AdminServer::bind(loop_, *parse_listen(settings_.config.admin.listen));
    if (!admin) return admin.error();
    admin_ = std::move(*admin);
    config.own_addresses.push_back(admin_->endpoint().text());
  }
  std::optional<proxy::Authority> authority;
  if (config.tls.intercept != proxy::InterceptMode::none) {
    auto opened = open_ca(settings_.config, Loop::wall_now(), tell);
    if (!opened) return opened.error();
    authority = std::move(*opened);
  }
  auto server = proxy::Server::make(std::move(config), engine_, *access_log_, std::move(authority));
  if (!server) return server.error();
  server_ = std::move(*server);
  if (auto watched = watch_gates(); !watched) return watched.error();
  open_learning();
  open_rollbacks();
  if (admin_) admin_->serve(Guard(settings_.config.admin.hosts, std::move(token)), routes());
  return true;
}

Router Service::routes() {
  feed_ = std::make_unique<EventFeed>(loop_, *admin_, engine_, *server_);
  return all_routes({.config = settings_.config,
                     .engine = engine_,
                     .server = *server_,
                     .feed = *feed_,
                     .callers = *admin_,
                     .loop = loop_,
                     .learning = learning_ ? &*learning_ : nullptr,
                     .drain = [this] { drain("POST /drain"); },
                     .resources = [this](policy::GateId id) { return gate_watch_->resources(id); },
                     .webhook = [this] { return gate_watch_->webhook_counts(); }});
}

policy::Result<bool> Service::watch_gates() {
  std::unique_ptr<Webhook> webhook;
  if (const std::string& url = settings_.config.admin.webhook; !url.empty()) {
    auto made =
        Webhook::make(loop_, settings_.config.proxy, url, [](const auto& sentence) { spdlog::warn("{}", sentence); });
    if (!made) return made.error();
    webhook = std::move(*made);
  }
  const auto ended = [this] {
    std::uint64_t sum = 0;
    for (const proxy::Counters* counters : server_->counters()) {
      for (const proxy::Counter& of_class : counters->responses) sum += of_class.get();
    }
    return sum;
  };
  gate_watch_ = std::make_unique<GateWatch>(
      loop_, engine_, ended, [this] { server_->pacer().settle(); }, std::move(webhook));
  return true;
}

void Service::log_start() const {
  std::string listeners;
  for (const auto& endpoint : server_->listeners()) listeners += (listeners.empty() ? "" : ", ") + endpoint.text();
  spdlog::info("backoffd {} serves on {}, admin on {}", kVersion, listeners,
               admin_ ? admin_->endpoint().text() : "no address");
  const auto& workers = server_->worker_count();
  spdlog::info("{} {}: {}", workers.cpus, workers.cpus == 1 ? "worker" : "workers", workers.why);
  log_interception(settings_.config, server_->interceptor());
  for (const auto& status : engine_.gates()) {
    const auto& setting = status.gate.effective();
    spdlog::info("gate {}: {} ({} %), from {}", name(status.id), name(setting.mode), setting.percentage,
                 name(status.gate.effective_layer()));
  }
}

void Service::reopen_log() {
  const auto reopened = access_log_->reopen();
  if (!reopened) spdlog::error("{}", reopened.error().text());
}

void Service::open_rollbacks() {
  if (settings_.config.state_dir.empty()) return;
  rollbacks_.emplace(settings_.config.state_dir + "/gates.json", [](const auto& what) { spdlog::warn("{}", what); });
  rollbacks_->restore(engine_, {Loop::now(), Loop::wall_now()});
}

void Service::open_learning() {
  const std::string path = learning_path(settings_.config);
  if (path.empty()) return;
  learning_.emplace(path, [](LearningStore::Weight weight, const std::string& sentence) {
    constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::info, spdlog::level::warn, spdlog::level::err};
    spdlog::log(kLevels[static_cast<std::size_t>(weight)], "{}", sentence);
  });
  const auto learned = learning_->open(Loop::wall_now());
  if (!learned.keys.empty()) {
    engine_.restore(learned.keys, learned.age, Loop::now());
    spdlog::info("learning: {} keys restored from {}", learned.keys.size(), path);
  }
}

void Service::run() {
  server_->start();
  log_start();
  if (feed_) feed_->start();
  gate_watch_->start();
  if (learning_) tick_.arm(kTick);
  loop_.run();
  server_->stop();
  if (learning_) {
    learning_->save(Loop::wall_now(), engine_.learned_version(), [this] { return engine_.snapshot(Loop::now()); });
  }
  if (rollbacks_) rollbacks_->save(engine_, {Loop::now(), Loop::wall_now()});
  spdlog::info("stopped");
}

void Service::on_tick() {
  learning_->maybe_save(Loop::now(), Loop::wall_now(), engine_.learned_version(),
                        [this] { return engine_.snapshot(Loop::now()); });
  if (rollbacks_) rollbacks_->save(engine_, {Loop::now(), Loop::wall_now()});
  tick_.arm(kTick);
}

void Service::drain(const char* why) {
  if (server_->draining()) return;
  spdlog::info("{}: no new requests; what is under way has {} s to finish", why,
               policy::seconds(settings_.config.proxy.timeouts.drain));
  drain_over_.arm(settings_.config.proxy.timeouts.drain);
  server_->drain([this] { loop_.post([this] { on_drained(); }); });
  if (feed_) feed_->drain();
}

void Service::stop() { loop_.stop(); }

}  // namespace backoffd::admin
