#include "inferencectl/drain/rolling.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"

namespace inference::ctl {
namespace {

using admin::v1::DrainRequest;
using admin::v1::DrainResponse;
using State = DrainView::State;
using std::chrono::milliseconds;

constexpr milliseconds kBetweenLooks{200};
constexpr std::chrono::seconds kBetweenWords{10};
/// The daemons measure the time limit; this is for their word to come.
constexpr std::chrono::seconds kGrace{3};

int64_t Since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun).count();
}

std::string Time(base::WallTime now) {
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch());
  return UtcTime(google::protobuf::util::TimeUtil::NanosecondsToTimestamp(nanos.count()), true);
}

std::string Join(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : "; ") + text;
  return out;
}

/// The shell's exit status, or -1 when it could not be run.
int RunShell(const std::string& command, const Target& target) {
  std::vector<std::string> texts;
  for (char** entry = environ; *entry != nullptr; ++entry) texts.emplace_back(*entry);
  texts.push_back("INFERENCE_ENDPOINT=" + target.name);
  texts.push_back("INFERENCE_NAMESPACE=" + target.ns);
  texts.push_back("INFERENCE_ADDRESS=" + target.address());
  std::vector<char*> environment;
  for (std::string& text : texts) environment.push_back(text.data());
  environment.push_back(nullptr);
  std::string shell = "sh", flag = "-c", text = command;
  char* const arguments[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments, environment.data()) != 0) return -1;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

DrainRequest RollingDrain::RequestFor(const Target& target) const {
  DrainRequest request = options_.request;
  FillKey(target, request.add_endpoints());
  return request;
}

DrainOutcome RollingDrain::End(const Active& active, const DrainView& view, ExitCode exit,
                               std::string what, std::string message) const {
  DrainOutcome out;
  out.target = active.target;
  out.last = view;
  out.last.target = active.target;
  out.exit = exit;
  out.what = std::move(what);
  out.message = std::move(message);
  out.duration_ms = Since(active.begun);
  return out;
}

// All of them are asked first whether they would: none begins what another one refuses.
std::optional<Status> RollingDrain::Propose(const Target& target) {
  DrainRequest request = RequestFor(target);
  request.set_dry_run(true);
  std::optional<Status> missing;
  bool answered = false;
  for (Replica& replica : replicas_) {
    const auto answer = replica.Ask<DrainResponse>(
        [&](admin::AdminClient& client) { return client.Drain(request); });
    if (answer.ok()) {
      if (!answered) {
        for (const auto& pool : answer->capacity()) {
          run_.Remark(fmt::format("capacity of pool {} after it: {} of {} ready{}", pool.pool(),
                                  pool.ready(), pool.total(),
                                  pool.has_saturation() ? fmt::format(", KV caches {:.0f} % full",
                                                                      100 * pool.saturation())
                                                        : ""));
        }
        for (const std::string& warning : answer->warnings()) run_.Remark("warning: " + warning);
      }
      answered = true;
      continue;
    }
    if (answer.status().code() == Code::kFailedPrecondition) return answer.status();
    if (!missing) missing = answer.status();
  }
  return answered ? std::nullopt : missing;
}

std::optional<DrainOutcome> RollingDrain::Begin(Active& active) {
  active.begun = Clock::now();
  active.next_word = active.begun;
  if (const auto refused = Propose(active.target)) {
    return End(active, {}, ExitCodeOf(refused->code()),
               refused->code() == Code::kFailedPrecondition ? "refused" : "failed",
               SafeForTerminal(refused->message()));
  }
  if (options_.request.dry_run()) {
    return End(active, {}, ExitCode::kOk, "dry-run", "would be drained");
  }
  const DrainRequest request = RequestFor(active.target);
  int accepted = 0;
  std::string failure;
  for (Replica& replica : replicas_) {
    const auto answer = replica.Ask<DrainResponse>(
        [&](admin::AdminClient& client) { return client.Drain(request); });
    const Code code = answer.ok() ? Code::kOk : answer.status().code();
    if (answer.ok()) {
      ++accepted;
    } else if (code == Code::kFailedPrecondition || code == Code::kPermissionDenied) {
      return End(active, {}, ExitCodeOf(code), "refused",
                 SafeForTerminal(answer.status().message()));
    } else {
      failure = SafeForTerminal(answer.status().message());
    }
  }
  const auto all = static_cast<int>(replicas_.size());
  run_.Remark(fmt::format("{}: accepted by {}/{}{}", active.target.name, accepted, all,
                          failure.empty() ? "" : "; " + failure));
  if (options_.wait) return std::nullopt;
  const DrainView view =
      Together(active.target, AskAll(replicas_), replicas_, options_.request.owner());
  return End(active, view, accepted == all ? ExitCode::kOk : ExitCode::kPartial, "accepted",
             fmt::format("accepted by {}/{}", accepted, all));
}

void RollingDrain::Renew(const Target& target, const DrainLists& lists) {
  DrainRequest request = RequestFor(target);
  request.set_force_capacity(true);  // it was weighed when it began
  for (size_t i = 0; i < lists.size(); ++i) {
    if (!lists[i]) continue;
    const DrainView alone = Together(target, {lists[i]}, replicas_, options_.request.owner());
    if (alone.have > 0) continue;
    const auto ignored = replicas_[i].Ask<DrainResponse>(
        [&](admin::AdminClient& client) { return client.Drain(request); });
    static_cast<void>(ignored);  // the next look tells
  }
}

std::optional<DrainOutcome> RollingDrain::Judge(const Active& active, const DrainView& view) {
  const std::string took = HumanMillis(Since(active.begun));
  switch (view.state) {
    case State::kDrained:
      return End(active, view, ExitCode::kOk, "drained",
                 fmt::format("drained after {}; the server confirms 0 running, 0 waiting", took));
    case State::kUnverified:
      return End(active, view, options_.allow_unverified ? ExitCode::kOk : ExitCode::kPartial,
                 "unverified",
                 "drained (unverified) after " + took + ": the server's metrics tell nothing");
    case State::kGone:
      if (view.lost == 0) {
        return End(active, view, ExitCode::kOk, "gone", "gone, with nothing in flight");
      }
      return End(active, view, ExitCode::kNo, "lost",
                 fmt::format("gone; lost: {} request{}", view.lost, view.lost == 1 ? "" : "s"));
    default:
      return JudgeTime(active, view);
  }
}

std::optional<DrainOutcome> RollingDrain::JudgeTime(const Active& active,
                                                    const DrainView& view) const {
  using admin::v1::Lease;
  const auto passed = Clock::now() - active.begun;
  const bool late = options_.timeout && passed >= *options_.timeout + kGrace;
  const auto all_are = [&](auto... codes) {
    return !view.codes.empty() &&
           std::all_of(view.codes.begin(), view.codes.end(),
                       [&](const std::string& code) { return ((code == codes) || ...); });
  };
  if (view.state == State::kOverdue && view.acknowledged()) {
    const bool force = options_.request.on_deadline() == Lease::FORCE;
    return End(active, view, ExitCode::kTimeout, force ? "timeout-force" : "timeout-leave",
               "not drained in time: " + Join(view.blockers));
  }
  if (active.accepted && view.have == 0 && all_are("lease")) {
    const bool in_time = !options_.timeout || passed < *options_.timeout;
    if (!in_time && options_.request.on_deadline() == Lease::UNDO) {
      return End(active, view, ExitCode::kTimeout, "timeout-undo",
                 "not drained in time; it takes requests again");
    }
    return End(active, view, ExitCode::kNo, "undone", "somebody undid the drain");
  }
  const bool only_replicas = all_are("replica", "lease");
  if (!late) return std::nullopt;
  return End(active, view, only_replicas ? ExitCode::kPartial : ExitCode::kTimeout,
             only_replicas ? "unacknowledged" : "timeout-leave",
             fmt::format("not drained in time, acknowledged by {}/{}: {}", view.have, view.want,
                         Join(view.blockers)));
}

void RollingDrain::Tell(Active& active, const DrainView& view) {
  const std::string now = CountsText(view) + "|" + Join(view.codes);
  const bool due = Clock::now() >= active.next_word;
  if (now == active.told && !due) return;
  active.told = now;
  active.next_word = Clock::now() + kBetweenWords;
  std::string left;
  if (options_.timeout) {
    left = "; " +
           HumanMillis(std::max<int64_t>(0, options_.timeout->count() - Since(active.begun))) +
           " left";
  }
  run_.Remark(fmt::format("{}: {}{}{}", active.target.name, CountsText(view),
                          view.blockers.empty() ? "" : "; waiting: " + Join(view.blockers), left));
  if (run_.format() != "jsonl") return;
  Json out{{"type", "progress"}, {"time", Time(run_.world.clock.WallNow())}};
  out.update(DrainJson(view));
  run_.Print(ToText(out, /*compact=*/true));
  run_.world.out.flush();
}

DrainOutcome RollingDrain::Execute(DrainOutcome outcome) const {
  const bool go = outcome.exit == ExitCode::kOk || outcome.what == "timeout-force";
  if (options_.exec.empty() || !go || !options_.wait || outcome.what == "dry-run") return outcome;
  run_.world.out.flush();
  const int status = RunShell(options_.exec, outcome.target);
  if (status == 0) return outcome;
  outcome.exit = FirstOf(outcome.exit, ExitCode::kNo);
  outcome.message += fmt::format("; --exec ended with {}", status);
  return outcome;
}

void RollingDrain::Finish(DrainOutcome outcome) {
  outcome = Execute(std::move(outcome));
  if (run_.format() == "jsonl") {
    Json out{{"type", "result"}, {"time", Time(run_.world.clock.WallNow())}};
    out.update(OutcomeJson(outcome));
    run_.Print(ToText(out, /*compact=*/true));
  } else if (run_.format() == "text") {
    run_.Print(fmt::format("{} {}\n", outcome.target.name, outcome.message));
  }
  run_.world.out.flush();
  outcomes_.push_back(std::move(outcome));
}

std::vector<DrainOutcome> RollingDrain::Run(const std::vector<Target>& targets) {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;  // guarded by mutex
  const Interrupt interrupt([&] {
    const std::lock_guard lock(mutex);
    stop = true;
    changed.notify_all();
  });
  std::vector<Target> waiting(targets.rbegin(), targets.rend());
  std::vector<Active> active;
  bool failed = false;
  const auto finish = [&](DrainOutcome outcome) {
    Finish(std::move(outcome));
    const ExitCode exit = outcomes_.back().exit;
    failed = failed || exit != ExitCode::kOk;
  };
  while (true) {
    while (!failed && active.size() < options_.max_parallel && !waiting.empty()) {
      Active next;
      next.target = waiting.back();
      waiting.pop_back();
      if (auto ended = Begin(next)) {
        finish(*std::move(ended));
      } else {
        active.push_back(std::move(next));
      }
    }
    if (active.empty()) break;
    const DrainLists lists = AskAll(replicas_);
    std::vector<Active> still;
    for (Active& each : active) {
      const DrainView view = Together(each.target, lists, replicas_, options_.request.owner());
      each.accepted = each.accepted || view.acknowledged();
      if (auto ended = Judge(each, view)) {
        finish(*std::move(ended));
        continue;
      }
      Tell(each, view);
      if (!each.accepted) Renew(each.target, lists);
      still.push_back(std::move(each));
    }
    active = std::move(still);
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kBetweenLooks, [&] { return stop; });
    if (!stop) continue;
    signal_ = interrupt.signal();
    for (const Active& each : active) {
      run_.world.err << "inferencectl: detached; the drain goes on. Resume: inferencectl drain "
                        "status "
                     << each.target.name << " -w; undo: inferencectl undrain " << each.target.name
                     << "\n";
    }
    break;
  }
  for (const Target& target : waiting) {
    Active never;
    never.target = target;
    never.begun = Clock::now();
    Finish(End(never, {}, ExitCode::kPartial, "not-begun", "not begun"));
  }
  return std::move(outcomes_);
}

}  // namespace inference::ctl
