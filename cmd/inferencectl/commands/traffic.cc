#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"
#include "inferencectl/invocation.h"
#include "inferencectl/replicas.h"
#include "inferencectl/table.h"
#include "inferencectl/traffic/fleet.h"
#include "inferencectl/traffic/removed_view.h"
#include "inferencectl/traffic/split.h"

// traffic get and traffic verify; traffic_set.cc has the third.
namespace inference::ctl {
namespace {

using admin::v1::ListSplitsResponse;
using admin::v1::Split;
using admin::v1::SplitTarget;

std::string WeightText(const SplitTarget& target) {
  return target.has_weight() ? std::to_string(target.weight()) : "-";
}

std::string Percent(double share, int decimals = 1) {
  return fmt::format("{:.{}f} %", share * 100, decimals);
}

/// Those that the operands name, or all. An error names what there is instead.
Result<std::vector<Split>> Chosen(const Invocation& run, const ListSplitsResponse& list) {
  std::vector<Split> out;
  if (run.args.operands().empty())
    return std::vector<Split>(list.splits().begin(), list.splits().end());
  for (const std::string& word : run.args.operands()) {
    const auto target = traffic::ParseTarget(word, run.args.Text("namespace"));
    if (!target) return target.status();
    const auto found = std::find_if(list.splits().begin(), list.splits().end(),
                                    [&](const Split& s) { return traffic::Is(s, *target); });
    if (found != list.splits().end()) {
      out.push_back(*found);
      continue;
    }
    std::vector<std::string> names;
    for (const Split& split : list.splits()) names.push_back(traffic::NameOf(split));
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string_view meant = base::ClosestMatch(word, views);
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    return Status(Code::kNotFound,
                  "no weighted choice " + target->Title() + " is in force" +
                      (names.empty()   ? "; there is none"
                       : meant.empty() ? "; there are " + all
                                       : "; did you mean " + std::string(meant) + "?"));
  }
  return out;
}

Answer Missing(const Status& status) {
  return {status.code() == Code::kNotFound ? ExitCode::kNo : ExitCode::kUsage, status};
}

void PrintSplits(const Invocation& run, const std::vector<Split>& splits,
                 const traffic::RemovedView& removed) {
  Table table;
  table.AddColumn("TARGET");
  table.AddColumn("POOL");
  table.AddColumn("FOR");
  table.AddColumn("TO");
  table.AddColumn("WEIGHT", Table::Align::kRight);
  table.AddColumn("SHARE", Table::Align::kRight);
  table.AddColumn("REQUESTS", Table::Align::kRight);
  table.AddColumn("SINCE");
  for (const Split& split : splits) {
    std::string models;
    for (const std::string& model : split.models()) models += (models.empty() ? "" : ",") + model;
    bool first = true;
    for (const SplitTarget& target : split.targets()) {
      const bool route = split.pool().empty();
      table.AddRow({first ? traffic::NameOf(split) : "", first && !route ? split.pool() : "",
                    !first || route  ? ""
                    : models.empty() ? "(all)"
                                     : SafeForTerminal(models),
                    SafeForTerminal(target.name()), WeightText(target), Percent(target.fraction()),
                    std::to_string(target.requests()), first ? UtcTime(split.since()) : ""});
      first = false;
    }
    for (const std::string& name : removed.Of(split)) {
      table.AddRow(
          {"", "", "", SafeForTerminal(name), "0", Cell("removed", Style::kFaint), "", ""});
    }
  }
  run.Print(table.Render(!run.args.Switch("no-headers"), run.color));
}

/// The requests of each target that came after `before`, which may be empty.
std::vector<uint64_t> Requests(const Split& now, const Split* before) {
  std::vector<uint64_t> out;
  for (int i = 0; i < now.targets_size(); ++i) {
    uint64_t requests = now.targets(i).requests();
    if (before != nullptr) requests -= std::min(requests, before->targets(i).requests());
    out.push_back(requests);
  }
  return out;
}

/// 7 when the daemons don't all say the same.
Answer TellDifferences(const Invocation& run, const traffic::FleetSplits& fleet) {
  for (const std::string& difference : fleet.differences) {
    run.world.err << "inferencectl: " << difference << "\n";
  }
  return fleet.differences.empty() ? ExitCode::kOk : ExitCode::kPartial;
}

}  // namespace

Answer RunTrafficGet(Invocation& run) {
  std::vector<Replica> replicas = ReplicasOf(run);
  const auto fleet = traffic::AskSplits(replicas);
  if (!fleet) return fleet.status();
  const auto chosen = Chosen(run, fleet->together);
  if (!chosen) return Missing(chosen.status());
  const traffic::RemovedView removed = traffic::AskRemoved(run, replicas);
  if (run.WantsDocument()) {
    Json out = Envelope("TrafficList", run.world.clock.WallNow(), run.Server());
    out["ack"] = traffic::AckJson(fleet->have, fleet->want);
    out["items"] = Json::array();
    for (const Split& split : *chosen) {
      Json item = traffic::SplitJson(split);
      item["removed"] = removed.Of(split);
      out["items"].push_back(std::move(item));
    }
    run.PrintDocument(out);
  } else if (chosen->empty()) {
    run.Remark("no rule chooses by weight");
  } else {
    PrintSplits(run, *chosen, removed);
  }
  return TellDifferences(run, *fleet);
}

namespace {

/// How far observed shares may be from the weights, and from how many requests on.
struct Limits {
  double tolerance = 0;
  uint64_t min_requests = 0;
};

Result<Limits> ReadLimits(const Invocation& run) {
  Limits limits;
  std::string tolerance = run.args.Text("tolerance");
  if (tolerance.ends_with("pp")) tolerance.resize(tolerance.size() - 2);
  const auto points = traffic::ParseShares({"x=" + tolerance}, "--tolerance");
  if (!points || points->front().second > 100) {
    return Status(Code::kInvalidArgument, "--tolerance wants percentage points, as 2pp, not \"" +
                                              base::Printable(run.args.Text("tolerance")) + "\"");
  }
  limits.tolerance = points->front().second / 100;
  const auto least = traffic::ParseShares({"x=" + run.args.Text("min-requests")}, "--min-requests");
  if (!least) {
    return Status(Code::kInvalidArgument, "--min-requests wants a number, not \"" +
                                              base::Printable(run.args.Text("min-requests")) +
                                              "\"");
  }
  limits.min_requests = static_cast<uint64_t>(least->front().second);
  return limits;
}

/// The choice now; with --window that long ago in `before` as well. `fleet`: what all daemons said
/// last.
Answer Sample(const Invocation& run, std::optional<Split>& before, Split& now,
              traffic::FleetSplits& fleet) {
  std::vector<Replica> replicas = ReplicasOf(run);
  const bool window = !run.args.Text("window").empty();
  for (bool last : {false, true}) {
    if (!last && !window) continue;
    auto asked = traffic::AskSplits(replicas);
    if (!asked) return asked.status();
    fleet = *std::move(asked);
    const auto chosen = Chosen(run, fleet.together);
    if (!chosen) return Missing(chosen.status());
    const std::string name = traffic::NameOf(chosen->front());
    if (std::find(fleet.differing.begin(), fleet.differing.end(), name) != fleet.differing.end()) {
      static_cast<void>(TellDifferences(run, fleet));
      return {ExitCode::kRefused, Status(Code::kFailedPrecondition,
                                         "the daemons draw " + name + " by different weights")};
    }
    if (last) {
      now = chosen->front();
      break;
    }
    before = chosen->front();
    run.Remark("watching for " + run.args.Text("window"));
    if (const int signal = SleepUnlessInterrupted(run.args.Duration("window")); signal != 0) {
      return static_cast<ExitCode>(128 + signal);
    }
  }
  if (before && before->since().SerializeAsString() != now.since().SerializeAsString()) {
    return {ExitCode::kRefused,
            Status(Code::kFailedPrecondition, "the weights were changed while they were watched")};
  }
  return ExitCode::kOk;
}

struct Verdict {
  std::vector<uint64_t> requests;
  std::vector<traffic::Judged> judged;
  uint64_t total = 0;
  bool fits = true;
};

Verdict JudgeAll(const Split& now, const Split* before, const Limits& limits) {
  Verdict verdict;
  verdict.requests = Requests(now, before);
  for (const uint64_t n : verdict.requests) verdict.total += n;
  for (int i = 0; i < now.targets_size(); ++i) {
    verdict.judged.push_back(traffic::Judge(now.targets(i).fraction(),
                                            verdict.requests[static_cast<size_t>(i)], verdict.total,
                                            limits.tolerance));
    verdict.fits = verdict.fits && verdict.judged.back().fits;
  }
  return verdict;
}

void PrintVerdict(const Invocation& run, const Split& now, const Verdict& verdict, bool enough) {
  Table table;
  table.AddColumn("TO");
  table.AddColumn("WEIGHT", Table::Align::kRight);
  table.AddColumn("WANT", Table::Align::kRight);
  table.AddColumn("OBSERVED", Table::Align::kRight);
  table.AddColumn("MAY DIFFER BY", Table::Align::kRight);
  table.AddColumn("REQUESTS", Table::Align::kRight);
  table.AddColumn("OK");
  for (int i = 0; i < now.targets_size(); ++i) {
    const traffic::Judged& judged = verdict.judged[static_cast<size_t>(i)];
    table.AddRow({SafeForTerminal(now.targets(i).name()), WeightText(now.targets(i)),
                  Percent(now.targets(i).fraction()), Percent(judged.observed),
                  fmt::format("{:.1f} pp", judged.allowed * 100),
                  std::to_string(verdict.requests[static_cast<size_t>(i)]),
                  !enough       ? Cell("?", Style::kFaint)
                  : judged.fits ? Cell("yes", Style::kGood)
                                : Cell("no", Style::kBad)});
  }
  run.Print(table.Render(!run.args.Switch("no-headers"), run.color));
}

}  // namespace

Answer RunTrafficVerify(Invocation& run) {
  const auto limits = ReadLimits(run);
  if (!limits) return {ExitCode::kUsage, limits.status()};
  std::optional<Split> before;
  Split now;
  traffic::FleetSplits fleet;
  if (Answer sampled = Sample(run, before, now, fleet); sampled.exit != ExitCode::kOk) {
    return sampled;
  }
  const Verdict verdict = JudgeAll(now, before ? &*before : nullptr, *limits);
  const bool enough = verdict.total > 0 && verdict.total >= limits->min_requests;
  if (run.WantsDocument()) {
    Json out = Envelope("TrafficVerification", run.world.clock.WallNow(), run.Server());
    Json item = traffic::SplitJson(now);
    item["requests"] = verdict.total;
    item["enough"] = enough;
    item["fits"] = enough ? Json(verdict.fits) : Json(nullptr);
    for (int i = 0; i < now.targets_size(); ++i) {
      const auto at = static_cast<size_t>(i);
      Json& target = item["targets"][at];
      target["requests"] = verdict.requests[at];
      target["observed"] = verdict.total == 0 ? Json(nullptr) : Json(verdict.judged[at].observed);
      target["allowed"] = verdict.judged[at].allowed;
    }
    out["item"] = std::move(item);
    out["ack"] = traffic::AckJson(fleet.have, fleet.want);
    run.PrintDocument(out);
  } else {
    PrintVerdict(run, now, verdict, enough);
  }
  if (!enough) {
    run.Remark(fmt::format("{} requests, and --min-requests is {}: too few to judge", verdict.total,
                           limits->min_requests));
    return ExitCode::kPending;
  }
  run.Remark(fmt::format("{} requests {}, as {}/{} daemons counted them; each is drawn by itself",
                         verdict.total,
                         before ? "in " + run.args.Text("window") : "since " + UtcTime(now.since()),
                         fleet.have, fleet.want));
  if (!verdict.fits) return ExitCode::kNo;
  if (fleet.acknowledged()) return ExitCode::kOk;
  return TellDifferences(run, fleet);  // those that answer do as they should
}

}  // namespace inference::ctl
