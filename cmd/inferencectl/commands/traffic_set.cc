#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.h"
#include "inferencectl/changes/change_view.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"
#include "inferencectl/invocation.h"
#include "inferencectl/replicas.h"
#include "inferencectl/traffic/fleet.h"
#include "inferencectl/traffic/patch.h"
#include "inferencectl/traffic/split.h"
#include "inferencectl/traffic/weight_plan.h"
#include "inferencectl/whole_file.h"
#include "manifest/edit/splice.h"

namespace inference::ctl {
namespace {

using admin::v1::ChangeRequest;
using admin::v1::ChangeResponse;
using admin::v1::ListObjectsResponse;
using manifest::edit::TargetWeight;
using traffic::Listed;
using traffic::WeightPlan;
using traffic::Weights;

Answer Refuse(std::string message) {
  return {ExitCode::kRefused, Status(Code::kFailedPrecondition, std::move(message))};
}

bool SameWeights(const admin::v1::Split& split, const Weights& wanted) {
  size_t same = 0;
  for (const admin::v1::SplitTarget& target : split.targets()) {
    for (const TargetWeight& one : wanted) {
      same += one.name == target.name() && target.has_weight() && one.weight == target.weight();
    }
  }
  return same == wanted.size() && split.targets_size() == static_cast<int>(same);
}

/// How many of the daemons draw by these weights.
int CountInForce(std::vector<Replica>& replicas, const traffic::Target& target,
                 const Weights& wanted) {
  int n = 0;
  for (Replica& replica : replicas) {
    const auto list = replica.Ask<admin::v1::ListSplitsResponse>(
        [](admin::AdminClient& client) { return client.ListSplits(); });
    if (!list.ok()) continue;
    n += std::any_of(list->splits().begin(), list->splits().end(), [&](const auto& split) {
      return traffic::Is(split, target) && SameWeights(split, wanted);
    });
  }
  return n;
}

/// Until all daemons draw by these weights, for --timeout at most.
Answer WaitInForce(const Invocation& run, std::vector<Replica>& replicas,
                   const traffic::Target& target, const Weights& wanted) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + run.args.Duration("timeout");
  auto next_word = Clock::now() + std::chrono::seconds(10);
  const int want = static_cast<int>(replicas.size());
  while (true) {
    const int have = CountInForce(replicas, target, wanted);
    const std::string acknowledged = fmt::format("in force on {}/{}", have, want);
    if (have == want) {
      run.Remark(acknowledged);
      return ExitCode::kOk;
    }
    if (Clock::now() >= end) {
      return Status(Code::kDeadlineExceeded, "the change is written, but after --timeout it is " +
                                                 acknowledged +
                                                 " of the daemons: see inferencectl status");
    }
    if (Clock::now() >= next_word) {
      run.Remark("waiting: " + acknowledged);
      next_word += std::chrono::seconds(10);
    }
    if (const int signal = SleepUnlessInterrupted(std::chrono::milliseconds(50)); signal != 0) {
      run.world.err << "inferencectl: detached; the change stays\n";
      return static_cast<ExitCode>(128 + signal);
    }
  }
}

/// What was, or would be, done.
struct Done {
  std::string file;     // that was changed; empty: the daemons' stores
  int64_t applied = 0;  // generation of the first daemon's store
  int have = 0, want = 0;
  bool dry_run = false;
};

void TellWarnings(const Invocation& run, const WeightPlan& plan) {
  for (const std::string& warning : plan.warnings) {
    run.world.err << "inferencectl: " << SafeForTerminal(warning) << "\n";
  }
}

void Tell(const Invocation& run, const traffic::Target& target, const WeightPlan& plan,
          const Done& done) {
  TellWarnings(run, plan);
  if (run.WantsDocument()) {
    const auto list = [](const Weights& weights) {
      Json out = Json::array();
      for (const TargetWeight& one : weights) {
        out.push_back(
            {{"name", one.name}, {"weight", one.weight ? Json(*one.weight) : Json(nullptr)}});
      }
      return out;
    };
    Json out = Envelope("TrafficChange", run.world.clock.WallNow(), run.Server());
    out["item"] = {
        {"kind", target.kind},      {"namespace", target.ns},     {"name", target.name},
        {"rule", target.rule},      {"dryRun", done.dry_run},     {"changed", plan.changes()},
        {"before", list(plan.now)}, {"after", list(plan.wanted)}, {"removed", plan.removed}};
    const bool store = done.file.empty();
    out["item"]["file"] = store ? Json(nullptr) : Json(done.file);
    out["item"]["appliedGeneration"] = store ? Json(done.applied) : Json(nullptr);
    out["item"]["ack"] = store ? traffic::AckJson(done.have, done.want) : Json(nullptr);
    return run.PrintDocument(out);
  }
  run.Print(fmt::format("{}: {} -> {}{}\n", target.Title(), Listed(plan.now), Listed(plan.wanted),
                        !plan.changes() ? " (unchanged)"
                        : done.dry_run  ? " (dry run)"
                                        : ""));
}

/// --write: the file is changed, the daemons see that by themselves.
Answer SetInFile(const Invocation& run, const traffic::Target& target) {
  const std::string& path = run.args.Text("write");
  Result<std::string> text = manifest::ReadFile(path);
  if (!text) return {ExitCode::kBadInput, text.status()};
  const auto source = traffic::Parse(path, std::move(*text), target);
  if (!source) {
    return {source.status().code() == Code::kNotFound ? ExitCode::kNo : ExitCode::kBadInput,
            source.status()};
  }
  WeightPlan plan;
  if (Answer good = traffic::MakePlan(run, target, *source, plan); good.exit != ExitCode::kOk)
    return good;
  const bool dry_run = run.args.Text("dry-run") != "none";
  if (plan.changes()) {
    if (dry_run && !run.WantsDocument()) {
      run.Print(PaintDiff(manifest::edit::UnifiedDiff(path, source->text, plan.text), run.color));
    }
    if (!dry_run) {
      if (Status written = RewriteFile(path, plan.text); !written.ok()) {
        return {ExitCode::kUnreachable, written};
      }
    }
  }
  Tell(run, target, plan, {.file = path, .dry_run = dry_run});
  if (dry_run || !run.args.Switch("wait")) return ExitCode::kOk;
  std::vector<Replica> replicas = ReplicasOf(run);
  return WaitInForce(run, replicas, target, plan.wanted);
}

const admin::v1::Object* FindObject(const ListObjectsResponse& list,
                                    const traffic::Target& target) {
  for (const admin::v1::Object& object : list.objects()) {
    const auto& key = object.key();
    if (key.kind() == target.kind && key.namespace_() == target.ns && key.name() == target.name) {
      return &object;
    }
  }
  return nullptr;
}

Answer NoObject(const ListObjectsResponse& list, const traffic::Target& target) {
  std::vector<std::string> names;
  for (const admin::v1::Object& object : list.objects()) {
    if (object.key().kind() == target.kind) {
      names.push_back(object.key().namespace_() + "/" + object.key().name());
    }
  }
  const std::string wanted = target.ns + "/" + target.name;
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view meant = base::ClosestMatch(wanted, views);
  return {ExitCode::kNo,
          Status(Code::kNotFound,
                 fmt::format("the daemon has no {} {}{}", target.kind, wanted,
                             meant.empty() ? "" : fmt::format("; did you mean {}?", meant)))};
}

/// --emit-patch: the change for whoever else has the object. Nothing is changed here.
Answer EmitPatch(const Invocation& run, const traffic::Target& target) {
  std::vector<Replica> replicas = ReplicasOf(run);
  const auto list = replicas.front().Ask<ListObjectsResponse>(
      [](admin::AdminClient& client) { return client.ListObjects(); });
  if (!list.ok()) return list.status();
  const admin::v1::Object* object = FindObject(*list, target);
  if (object == nullptr) return NoObject(*list, target);
  const auto source = traffic::Parse("applied " + target.kind, object->text(), target);
  if (!source) return source.status();
  WeightPlan plan;
  if (Answer good = traffic::MakePlan(run, target, *source, plan); good.exit != ExitCode::kOk) {
    return good;
  }
  TellWarnings(run, plan);
  run.Print(traffic::PatchOf(*source, plan).dump(2) + "\n");
  run.Remark(fmt::format("{}: {} -> {}; nothing was changed here", target.Title(), Listed(plan.now),
                         Listed(plan.wanted)));
  return ExitCode::kOk;
}

/// What one daemon is asked to do.
struct Proposal {
  WeightPlan plan;
  ChangeRequest request;
  int64_t applied = 0;
};

Answer Propose(const Invocation& run, const traffic::Target& target,
               const ListObjectsResponse& list, Proposal& out) {
  const admin::v1::Object* object = FindObject(list, target);
  if (object == nullptr) return NoObject(list, target);
  const auto source = traffic::Parse("applied " + target.kind, object->text(), target);
  if (!source) return source.status();
  if (Answer good = traffic::MakePlan(run, target, *source, out.plan); good.exit != ExitCode::kOk) {
    return good;
  }
  out.applied = list.applied_generation();
  if (!out.plan.changes()) return ExitCode::kOk;
  if (!object->file().empty()) {
    return Refuse(fmt::format("{} is defined in {}:{}: --write changes it there", target.Title(),
                              object->file(), object->line()));
  }
  auto* manifest = out.request.add_manifests();
  manifest->set_file("applied " + target.Title());
  manifest->set_text(out.plan.text);
  out.request.set_verb("traffic set");
  out.request.set_reason(run.args.Text("reason"));
  out.request.set_expected_applied_generation(list.applied_generation());
  return ExitCode::kOk;
}

Answer Change(const Invocation& run, Replica& replica, Proposal& proposal, bool dry_run,
              bool tell_findings) {
  if (!proposal.plan.changes()) return ExitCode::kOk;
  proposal.request.set_dry_run(dry_run);
  const auto response = replica.Ask<ChangeResponse>(
      [&](admin::AdminClient& client) { return client.Change(proposal.request); });
  if (!response.ok()) return response.status();
  if (tell_findings) TellFindings(run, response->findings(), {});
  if (response->refusal() != ChangeResponse::NONE) return Refused(run, *response);
  proposal.applied = response->applied_generation();
  return ExitCode::kOk;
}

Answer At(const std::vector<Replica>& replicas, size_t i, Answer answer) {
  if (replicas.size() > 1 && !answer.failure.ok()) {
    answer.failure =
        Status(answer.failure.code(), replicas[i].address() + ": " + answer.failure.message());
  }
  return answer;
}

/// Asks all daemons what is, and whether they would: none begins what another one refuses.
Answer ProposeToAll(const Invocation& run, const traffic::Target& target,
                    std::vector<Replica>& replicas, std::vector<Proposal>& proposals) {
  for (size_t i = 0; i < replicas.size(); ++i) {
    const auto list = replicas[i].Ask<ListObjectsResponse>(
        [](admin::AdminClient& client) { return client.ListObjects(); });
    if (!list.ok()) return At(replicas, i, list.status());
    Answer good = Propose(run, target, *list, proposals[i]);
    if (good.exit == ExitCode::kOk && replicas.size() > 1) {
      good = Change(run, replicas[i], proposals[i], /*dry_run=*/true, /*tell_findings=*/false);
    }
    if (good.exit != ExitCode::kOk) return At(replicas, i, std::move(good));
    if (proposals[i].plan.wanted != proposals[0].plan.wanted) {
      return Refuse(fmt::format(
          "{} would become {} at {}, and {} at {}; nothing was changed: name all targets, or make "
          "the daemons the same first, one --server at a time",
          target.Title(), Listed(proposals[0].plan.wanted), replicas[0].address(),
          Listed(proposals[i].plan.wanted), replicas[i].address()));
    }
  }
  return ExitCode::kOk;
}

/// The applied object is changed in every daemon, unless somebody was faster.
Answer SetApplied(const Invocation& run, const traffic::Target& target) {
  std::vector<Replica> replicas = ReplicasOf(run);
  std::vector<Proposal> proposals(replicas.size());
  if (Answer good = ProposeToAll(run, target, replicas, proposals); good.exit != ExitCode::kOk) {
    return good;
  }
  Done done;
  done.want = static_cast<int>(replicas.size());
  done.dry_run = run.args.Text("dry-run") != "none";
  std::optional<Answer> failure;
  for (size_t i = 0; i < replicas.size(); ++i) {
    Answer as = At(replicas, i,
                   Change(run, replicas[i], proposals[i], done.dry_run, /*tell_findings=*/i == 0));
    if (as.exit == ExitCode::kOk) {
      ++done.have;
    } else {
      failure = std::move(as);
    }
  }
  if (done.have == 0) return *failure;
  done.applied = proposals[0].applied;
  const auto changed = std::find_if(proposals.begin(), proposals.end(),
                                    [](const Proposal& one) { return one.plan.changes(); });
  Tell(run, target, (changed == proposals.end() ? proposals.front() : *changed).plan, done);
  if (!done.dry_run) run.Remark(fmt::format("in force on {}/{}", done.have, done.want));
  if (!failure) return ExitCode::kOk;
  run.world.err << "inferencectl: " << SafeForTerminal(failure->failure.message())
                << "; the same command again changes the others only\n";
  return ExitCode::kPartial;
}

}  // namespace

Answer RunTrafficSet(Invocation& run) {
  const auto target = traffic::ParseTarget(run.args.operands().front(), run.args.Text("namespace"));
  if (!target) return {ExitCode::kUsage, target.status()};
  if (run.args.Switch("emit-patch")) {
    if (run.args.Text("write").empty() && !run.args.Switch("wait")) return EmitPatch(run, *target);
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument,
                   "--emit-patch changes nothing: it goes with neither --write nor --wait")};
  }
  return run.args.Text("write").empty() ? SetApplied(run, *target) : SetInFile(run, *target);
}

}  // namespace inference::ctl
