#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <condition_variable>
#include <mutex>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/drain/drain_view.h"
#include "inferencectl/drain/fleet.h"
#include "inferencectl/drain/rolling.h"
#include "inferencectl/drain/targets.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"

namespace inference::ctl {
namespace {

using State = DrainView::State;

Answer Usage(std::string message) {
  return {ExitCode::kUsage, Status(Code::kInvalidArgument, std::move(message))};
}

/// "alice@bastion", as the system knows who runs this.
std::string UsualOwner() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const passwd* entry = getpwuid(geteuid());
  const std::string user = entry != nullptr ? entry->pw_name : std::to_string(geteuid());
  return user + "@" + host.data();
}

std::string OwnerOf(const Invocation& run) {
  const std::string& given = run.args.Text("owner");
  return given.empty() ? UsualOwner() : given;
}

template <typename T>
bool ReadNumber(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

Status ReadGuards(const Invocation& run, admin::v1::DrainRequest& request) {
  if (std::string_view text = run.args.Text("min-ready"); !text.empty()) {
    int number = 0;
    const bool percent = text.ends_with('%');
    if (percent) text.remove_suffix(1);
    if (!ReadNumber(text, number) || number < 0 || (percent && number > 100)) {
      return {Code::kInvalidArgument, "--min-ready wants a number of endpoints, or a part as 80%"};
    }
    percent ? request.set_min_ready_percent(number) : request.set_min_ready(number);
  }
  if (const std::string& text = run.args.Text("max-saturation"); !text.empty()) {
    double number = 0;
    if (!ReadNumber(std::string_view(text), number) || !(number > 0 && number <= 1)) {
      return {Code::kInvalidArgument, "--max-saturation wants a number above 0, up to 1"};
    }
    request.set_max_saturation(number);
  }
  request.set_force_capacity(run.args.Switch("force-capacity"));
  return Status::Ok();
}

Result<DrainOptions> ReadOptions(const Invocation& run, bool wait) {
  const Arguments& args = run.args;
  DrainOptions options;
  admin::v1::DrainRequest& request = options.request;
  request.set_owner(OwnerOf(run));
  request.set_reason(args.Text("reason"));
  request.set_dry_run(args.Text("dry-run") == "server");
  request.set_settle_ms(args.Duration("settle").count());
  if (args.Switch("soft") && args.Switch("hard")) {
    return Status(Code::kInvalidArgument, "--soft and --hard exclude each other");
  }
  if (args.Given("soft-for") && args.Switch("hard")) {
    return Status(Code::kInvalidArgument, "--soft-for is for a soft drain");
  }
  if (args.Switch("soft") || args.Given("soft-for")) {
    request.set_soft_ms(args.Duration("soft-for").count());
  }
  if (args.Given("timeout") && args.Switch("no-timeout")) {
    return Status(Code::kInvalidArgument, "--timeout and --no-timeout exclude each other");
  }
  if (!args.Switch("no-timeout")) {
    options.timeout = args.Given("timeout") ? args.Duration("timeout") : std::chrono::minutes(10);
    request.set_timeout_ms(options.timeout->count());
  }
  const std::string& then = args.Text("on-timeout");
  request.set_on_deadline(then == "undo"    ? admin::v1::Lease::UNDO
                          : then == "force" ? admin::v1::Lease::FORCE
                                            : admin::v1::Lease::LEAVE);
  if (const Status guards = ReadGuards(run, request); !guards.ok()) return guards;
  int parallel = 0;
  if (!ReadNumber(std::string_view(args.Text("max-parallel")), parallel) || parallel < 1) {
    return Status(Code::kInvalidArgument, "--max-parallel wants a number from 1");
  }
  options.max_parallel = static_cast<size_t>(parallel);
  options.allow_unverified = args.Switch("allow-unverified");
  options.exec = args.Text("exec");
  options.wait = wait;
  return options;
}

Answer DrainTargets(Invocation& run, bool wait) {
  if (const Status choice = CheckChoice(run, run.args.operands()); !choice.ok())
    return {ExitCode::kUsage, choice};
  auto options = ReadOptions(run, wait);
  if (!options.ok()) return {ExitCode::kUsage, options.status()};
  std::vector<Replica> replicas = ReplicasOf(run);
  const auto targets = FindTargets(run, replicas, run.args.operands(), true);
  if (!targets.ok()) return targets.status();
  if (targets->empty()) {
    if (run.args.Switch("allow-empty")) return ExitCode::kOk;
    return Status(Code::kNotFound, "no endpoint has those labels");
  }
  RollingDrain rolling(run, replicas, *std::move(options));
  const std::vector<DrainOutcome> outcomes = rolling.Run(*targets);
  ExitCode exit = ExitCode::kOk;
  for (const DrainOutcome& outcome : outcomes) exit = FirstOf(exit, outcome.exit);
  if (rolling.signal() != 0) exit = static_cast<ExitCode>(128 + rolling.signal());
  if (run.WantsDocument()) {
    Json out = Envelope("DrainResult", run.world.clock.WallNow(), run.Server());
    out["items"] = Json::array();
    for (const DrainOutcome& outcome : outcomes) out["items"].push_back(OutcomeJson(outcome));
    run.PrintDocument(out);
  }
  return exit;
}

ExitCode ExitOf(const DrainView& view, bool allow_unverified) {
  switch (view.state) {
    case State::kNone:
    case State::kWarming:
      return ExitCode::kNo;
    case State::kDrained:
    case State::kGone:
      return ExitCode::kOk;
    case State::kUnverified:
      return allow_unverified ? ExitCode::kOk : ExitCode::kPartial;
    case State::kOverdue:
      return ExitCode::kTimeout;
    case State::kDraining:
      return ExitCode::kPending;
  }
  return ExitCode::kPending;
}

struct Look {
  std::vector<DrainView> views;
  ExitCode exit = ExitCode::kOk;
  bool pending = false;
};

Look LookAt(const Invocation& run, std::vector<Replica>& replicas,
            const std::vector<Target>* named) {
  Look out;
  const DrainLists lists = AskAll(replicas);
  for (const Target& target : named != nullptr ? *named : AllDrained(lists)) {
    out.views.push_back(Together(target, lists, replicas, ""));
    const DrainView& view = out.views.back();
    const bool warming = view.state == State::kWarming && named == nullptr;
    const ExitCode exit =
        warming ? ExitCode::kOk : ExitOf(view, run.args.Switch("allow-unverified"));
    out.exit = FirstOf(out.exit, exit);
    out.pending = out.pending || view.state == State::kDraining || view.state == State::kOverdue;
  }
  for (const auto& list : lists) {
    if (!list) out.exit = FirstOf(out.exit, ExitCode::kPartial);
  }
  return out;
}

void Print(const Invocation& run, const Look& look, bool headers) {
  if (run.format() == "jsonl") {
    for (const DrainView& view : look.views) run.Print(ToText(DrainJson(view), /*compact=*/true));
  } else if (run.WantsDocument()) {
    Json out = Envelope("DrainList", run.world.clock.WallNow(), run.Server());
    out["items"] = Json::array();
    for (const DrainView& view : look.views) out["items"].push_back(DrainJson(view));
    run.PrintDocument(out);
  } else if (look.views.empty()) {
    run.Remark("nothing is drained");
  } else {
    run.Print(DrainTable(look.views).Render(headers, run.color));
  }
  run.world.out.flush();
}

Answer WatchDrains(const Invocation& run, std::vector<Replica>& replicas,
                   const std::vector<Target>* named) {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;  // guarded by mutex
  const Interrupt interrupt([&] {
    const std::lock_guard lock(mutex);
    stop = true;
    changed.notify_all();
  });
  for (bool first = true;; first = false) {
    const Look look = LookAt(run, replicas, named);
    Print(run, look, first && !run.args.Switch("no-headers"));
    if (!look.pending && look.exit != ExitCode::kPartial) return look.exit;
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(1), [&] { return stop; });
    if (stop) return static_cast<ExitCode>(128 + interrupt.signal());
  }
}

}  // namespace

Answer RunDrain(Invocation& run) {
  return DrainTargets(run, !run.args.Switch("no-wait"));
}

Answer RunCordon(Invocation& run) {
  return DrainTargets(run, false);
}

Answer RunDrainStatus(Invocation& run) {
  if (run.args.Switch("watch") && run.WantsDocument()) {
    return Usage("-o " + run.format() + " is one document; with --watch use -o jsonl");
  }
  std::vector<Replica> replicas = ReplicasOf(run);
  const std::vector<std::string>& operands = run.args.operands();
  std::vector<Target> named;
  if (!operands.empty()) {
    auto found = FindTargets(run, replicas, operands, true);
    if (!found.ok()) return found.status();
    named = *std::move(found);
  }
  const std::vector<Target>* const only = operands.empty() ? nullptr : &named;
  if (run.args.Switch("watch")) return WatchDrains(run, replicas, only);
  auto first = replicas.front().Ask<admin::v1::ListDrainsResponse>(
      [](admin::AdminClient& client) { return client.ListDrains(); });
  if (!first.ok() && replicas.size() == 1) return first.status();
  const Look look = LookAt(run, replicas, only);
  Print(run, look, !run.args.Switch("no-headers"));
  return look.exit;
}

Answer RunUndrain(Invocation& run) {
  if (const Status choice = CheckChoice(run, run.args.operands()); !choice.ok())
    return {ExitCode::kUsage, choice};
  const bool all_owners = run.args.Switch("all-owners");
  if (all_owners && !run.args.Switch("yes")) {
    return {ExitCode::kRefused,
            Status(Code::kFailedPrecondition,
                   "--all-owners takes away what others asked for; say --yes as well")};
  }
  std::vector<Replica> replicas = ReplicasOf(run);
  const auto targets = FindTargets(run, replicas, run.args.operands(), true);
  if (!targets.ok()) return targets.status();
  if (targets->empty()) return Status(Code::kNotFound, "no endpoint has those labels");
  admin::v1::UndrainRequest request;
  for (const Target& target : *targets) FillKey(target, request.add_endpoints());
  request.set_owner(OwnerOf(run));
  request.set_all_owners(all_owners);
  request.set_reason(run.args.Text("reason"));
  request.set_dry_run(run.args.Text("dry-run") == "server");
  if (run.args.Given("ramp")) request.set_ramp_ms(run.args.Duration("ramp").count());
  int done = 0;
  std::optional<Status> failure;
  for (Replica& replica : replicas) {
    const auto answer = replica.Ask<admin::v1::DrainResponse>(
        [&](admin::AdminClient& client) { return client.Undrain(request); });
    if (!answer.ok()) {
      failure = answer.status();
      if (replicas.size() > 1) {
        run.world.err << "inferencectl: " << replica.address() << ": "
                      << SafeForTerminal(answer.status().message()) << "\n";
      }
      continue;
    }
    ++done;
    for (const std::string& warning : answer->warnings()) {
      run.Remark(SafeForTerminal(warning));
    }
  }
  if (done == 0) return *failure;
  const DrainLists lists = AskAll(replicas);
  Look look;
  for (const Target& target : *targets) {
    look.views.push_back(Together(target, lists, replicas, ""));
  }
  if (run.WantsDocument()) {
    Print(run, look, true);
  } else {
    for (const DrainView& view : look.views) {
      run.Print(fmt::format("{} {}\n", view.target.name, NameOf(view.state)));
    }
  }
  return failure ? ExitCode::kPartial : ExitCode::kOk;
}

}  // namespace inference::ctl
