#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/drain/targets.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/replicas.h"

namespace inference::ctl {
namespace {

using admin::v1::SetWeightRequest;
using admin::v1::SetWeightResponse;

constexpr uint32_t kFull = 1000;

/// "50%" or "12.5%", in permille.
Result<uint32_t> ReadWeight(std::string_view text) {
  double percent = 0;
  const std::string_view number = text.substr(0, text.size() - (text.ends_with('%') ? 1 : 0));
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), percent,
                                            std::chars_format::fixed);
  const double permille = std::round(percent * 10);
  const bool good = text.ends_with('%') && error == std::errc() &&
                    end == number.data() + number.size() && percent <= 100 &&
                    std::abs(permille - percent * 10) < 1e-6;
  if (good && permille >= 1) return static_cast<uint32_t>(permille);
  if (good && percent == 0) {
    return Status(Code::kInvalidArgument,
                  "0% is a drain, which is proven and has an owner: inferencectl cordon, or drain");
  }
  return Status(Code::kInvalidArgument, "a weight is 0.1% to 100%, in steps of 0.1%, not \"" +
                                            base::Printable(text) + "\"");
}

std::string PercentText(uint32_t permille) {
  return fmt::format("{:g} %", permille / 10.0);
}

Json RowJson(const SetWeightResponse::Row& row) {
  const Target target = TargetOf(row.endpoint());
  return {{"name", target.name},
          {"namespace", target.ns},
          {"address", target.address()},
          {"before", row.before_permille() / 1000.0},
          {"after", row.after_permille() / 1000.0}};
}

/// The endpoints and, last, the weight; with --selector the weight alone.
Status ReadOperands(const Invocation& run, std::vector<std::string>& names, uint32_t& permille) {
  names = run.args.operands();
  if (names.empty()) {
    return {Code::kInvalidArgument, "which weight? inferencectl endpoint weight gpu-1 50%"};
  }
  const auto weight = ReadWeight(names.back());
  if (!weight.ok()) return weight.status();
  permille = *weight;
  names.pop_back();
  return CheckChoice(run, names);
}

void Print(const Invocation& run, const SetWeightResponse& answer, bool dry_run) {
  if (run.WantsDocument()) {
    Json out = Envelope("WeightResult", run.world.clock.WallNow(), run.Server());
    out["dryRun"] = dry_run;
    out["items"] = Json::array();
    for (const auto& row : answer.endpoints()) out["items"].push_back(RowJson(row));
    return run.PrintDocument(out);
  }
  for (const auto& row : answer.endpoints()) {
    const std::string step =
        row.before_permille() == row.after_permille()
            ? PercentText(row.after_permille()) + ", as before"
            : PercentText(row.before_permille()) + " -> " + PercentText(row.after_permille());
    run.Print(fmt::format("{}  weight {}{}\n", SafeForTerminal(row.endpoint().name()), step,
                          dry_run ? " (dry run)" : ""));
  }
}

}  // namespace

Answer RunEndpointWeight(Invocation& run) {
  std::vector<std::string> names;
  uint32_t permille = kFull;
  if (const Status read = ReadOperands(run, names, permille); !read.ok()) {
    return {ExitCode::kUsage, read};
  }
  std::vector<Replica> replicas = ReplicasOf(run);
  const auto targets = FindTargets(run, replicas, names, false);
  if (!targets.ok()) return targets.status();
  if (targets->empty()) return Status(Code::kNotFound, "no endpoint has those labels");
  SetWeightRequest request;
  for (const Target& target : *targets) FillKey(target, request.add_endpoints());
  request.set_weight_permille(permille);
  request.set_reason(run.args.Text("reason"));
  request.set_dry_run(run.args.Text("dry-run") == "server");
  std::optional<Status> failure;
  std::optional<SetWeightResponse> done;
  for (Replica& replica : replicas) {
    const auto answer = replica.Ask<SetWeightResponse>(
        [&](admin::AdminClient& client) { return client.SetWeight(request); });
    if (answer.ok()) {
      done = *answer;
      continue;
    }
    failure = answer.status();
    if (replicas.size() == 1) break;
    run.world.err << "inferencectl: " << replica.address() << ": "
                  << SafeForTerminal(answer.status().message()) << "\n";
  }
  if (!done) return *failure;
  Print(run, *done, request.dry_run());
  return failure ? ExitCode::kPartial : ExitCode::kOk;
}

}  // namespace inference::ctl
