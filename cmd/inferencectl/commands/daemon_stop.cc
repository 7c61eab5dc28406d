#include <fmt/format.h>

#include <chrono>
#include <future>
#include <optional>
#include <utility>

#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {
namespace {

using admin::v1::StopResponse;

constexpr std::chrono::seconds kBetweenWords(10);

/// A watch that ends with the daemon. To connect again and again instead would have a service
/// manager that holds the socket start the next daemon.
class EndOfDaemon {
 public:
  explicit EndOfDaemon(std::unique_ptr<admin::AdminClient> client) : client_(std::move(client)) {
    std::promise<void> begun;
    std::future<void> has_begun = begun.get_future();
    ended_ = std::async(std::launch::async, [this, begun = std::move(begun)]() mutable {
      bool first = true;
      admin::v1::WatchEventsRequest request;
      request.set_follow(true);
      const auto each = [&](const admin::v1::WatchEventsResponse&) {
        if (std::exchange(first, false)) begun.set_value();
        return true;
      };
      static_cast<void>(client_->WatchEvents(request, each));  // it ends in one way only
      if (first) begun.set_value();
    });
    has_begun.wait();
  }
  /// The future waits for the watch.
  ~EndOfDaemon() { client_->Cancel(); }
  EndOfDaemon(const EndOfDaemon&) = delete;
  EndOfDaemon& operator=(const EndOfDaemon&) = delete;

  bool Within(std::chrono::milliseconds time) const {
    return ended_.wait_for(time) == std::future_status::ready;
  }

 private:
  const std::unique_ptr<admin::AdminClient> client_;
  std::future<void> ended_;
};

Answer Await(const Invocation& run, const EndOfDaemon& end) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kBetweenLooks(50);
  const Interrupt interrupt([] {});
  const auto begin = Clock::now();
  const auto until = begin + run.args.Duration("timeout");
  auto next_word = begin + kBetweenWords;
  const auto millis = [](auto time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  while (!end.Within(kBetweenLooks)) {
    const auto now = Clock::now();
    if (interrupt.signal() != 0) {
      run.world.err << "inferencectl: detached; the daemon goes on stopping\n";
      return static_cast<ExitCode>(128 + interrupt.signal());
    }
    if (now >= until) {
      return Status(Code::kDeadlineExceeded,
                    "after --timeout the daemon still ends its requests; it has drainTimeout for "
                    "them");
    }
    if (now < next_word) continue;
    run.Remark(fmt::format("waiting: the daemon ends its requests; {} left",
                           HumanMillis(millis(until - now))));
    next_word = now + kBetweenWords;
  }
  run.Remark(fmt::format("stopped after {}", HumanMillis(millis(Clock::now() - begin))));
  return ExitCode::kOk;
}

void PrintResult(const Invocation& run, const StopResponse& response, bool dry_run, bool stopped) {
  Json out = Envelope("StopResult", run.world.clock.WallNow(), run.Server());
  out["dryRun"] = dry_run;
  out["refused"] = response.refused();
  out["message"] = response.message().empty() ? Json(nullptr) : Json(response.message());
  out["stopped"] = stopped;
  out["pid"] = response.pid();
  out["exposed"] = Json::array();
  for (const auto& one : response.exposed()) {
    const auto& owners = one.owners();
    out["exposed"].push_back({{"pool", one.pool()},
                              {"endpoint", one.endpoint()},
                              {"owners", std::vector<std::string>(owners.begin(), owners.end())}});
  }
  run.PrintDocument(out);
}

void TellExposed(const Invocation& run, const StopResponse& response) {
  for (const auto& one : response.exposed()) {
    std::string owners;
    for (const std::string& owner : one.owners()) owners += (owners.empty() ? "" : ", ") + owner;
    run.Remark(fmt::format("{} in {}, drained by {}, is exposed while no picker answers",
                           one.endpoint(), one.pool(), SafeForTerminal(owners)));
  }
}

}  // namespace

Answer RunDaemonStop(Invocation& run) {
  auto client = run.Connect();
  if (!client) return client.status();
  admin::v1::StopRequest request;
  request.set_reason(run.args.Text("reason"));
  request.set_force(run.args.Switch("force"));
  request.set_dry_run(run.args.Text("dry-run") == "server");
  std::optional<EndOfDaemon> end;
  if (run.args.Switch("wait") && !request.dry_run()) {
    auto watching = run.Connect();
    if (!watching) return watching.status();
    end.emplace(std::move(*watching));
  }
  const auto response = (*client)->Stop(request);
  if (!response) return response.status();
  TellExposed(run, *response);
  Answer answer = ExitCode::kOk;
  if (response->refused()) {
    run.world.err << "inferencectl: " << SafeForTerminal(response->message())
                  << "; undrain, or stop it all the same with --force\n";
    answer = ExitCode::kRefused;
  } else if (end) {
    answer = Await(run, *end);
  } else if (request.dry_run()) {
    run.Remark("it would stop");
  } else {
    run.Remark(fmt::format("process {} stops when its requests have ended", response->pid()));
  }
  if (run.WantsDocument() && answer.failure.ok()) {
    PrintResult(run, *response, request.dry_run(), end && answer.exit == ExitCode::kOk);
  }
  return answer;
}

}  // namespace inference::ctl
