#include "admin/exec.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <optional>

#include "admin/address.h"
#include "admin/ca_publication.h"
#include "admin/exit_code.h"
#include "admin/file.h"
#include "admin/signals.h"
#include "admin/temporary_folder.h"

namespace backoffd::admin {
namespace {

using policy::Error;
using policy::Result;

constexpr std::size_t kLargestFile = 1 << 20;

// The command beside the service: which of them lives is all there is to know.
//
//   both run --command ends--> draining --drained, or a signal--> over
//            --drained (by the admin interface)--> command alone --it ends--> over
class Run {
 public:
  explicit Run(Service& service) : service_(service) {
    service_.set_drained([this] {
      drained_ = true;
      if (child_->status()) service_.stop();
    });
  }

  // REQUIRES: called once, before any signal is handled.
  void own(std::unique_ptr<ChildProcess> child) { child_ = std::move(child); }
  int status() { return child_->status().value_or(1); }

  void on_signal(const signalfd_siginfo& signal) {
    const int number = static_cast<int>(signal.ssi_signo);
    if (child_->status()) return command_over(number);
    // What the terminal sends goes to its whole process group, and so to the command already.
    const bool from_process = signal.ssi_code <= 0;
    if (number != SIGCHLD && from_process) child_->signal(number);
  }

 private:
  void command_over(int number) {
    if (drained_) return service_.stop();
    if (!service_.draining()) return service_.drain("the command has ended");
    if (number == SIGTERM || number == SIGINT || number == SIGQUIT || number == SIGHUP) service_.stop();
  }

  Service& service_;
  std::unique_ptr<ChildProcess> child_;
  bool drained_ = false;
};

// The files that the command is to trust, and the settings that name them.
Result<bool> publish(const Config& config, const proxy::Authority& authority, const TemporaryFolder& folder,
                     const Environment& environment, ToolSettings& settings) {
  const auto warn = [](const std::string& sentence) { spdlog::warn("{}", sentence); };
  const auto root = folder.write("ca-root.pem", authority.root_pem());
  if (!root) return root.error();
  const auto bundle = folder.write("ca-bundle.pem", ca_bundle(config, authority, warn));
  if (!bundle) return bundle.error();
  // wget has no variable for roots, but one for the file it is set up by: the user's own, and a line more.
  const std::string home = environment("HOME").value_or("");
  const std::string theirs = read_file(environment("WGETRC").value_or(home + "/.wgetrc"), kLargestFile).value_or("");
  const auto wgetrc = folder.write("wgetrc", theirs + "\nca_certificate = " + *bundle + "\n");
  if (!wgetrc) return wgetrc.error();
  settings.wgetrc = *wgetrc;
  settings.root = *root;
  settings.bundle = *bundle;
  return true;
}

Ran failed(const Error& error) { return {kExitOwnFailure, error.text()}; }

}  // namespace

Ran run_command(Service& service, const Exec& exec) {
  ToolSettings settings;
  settings.proxy = "http://" + reachable(service.server().listeners().front()).text();
  std::optional<TemporaryFolder> folder;
  if (const proxy::Interceptor* interceptor = service.server().interceptor()) {
    auto made = TemporaryFolder::make(exec.environment);
    if (!made) return failed(made.error());
    folder.emplace(std::move(*made));
    if (const auto published = publish(service.config(), interceptor->authority(), *folder, exec.environment, settings);
        !published) {
      return failed(published.error());
    }
  }
  ::signal(SIGCHLD, SIG_DFL);  // ignored, it would take the command's status with it
  Run run(service);
  const auto signals = Signals::take(service.loop(), {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2},
                                     [&run](const signalfd_siginfo& signal) { run.on_signal(signal); });
  if (!signals) return failed(signals.error());
  ChildProcess::Failure failure;
  auto child = ChildProcess::start(exec.command, tool_environment(settings), exec.inherited, failure);
  if (!child) return {failure.exit_status, failure.why};
  run.own(std::move(child));
  service.run();
  return {run.status(), {}};
}

}  // namespace backoffd::admin
