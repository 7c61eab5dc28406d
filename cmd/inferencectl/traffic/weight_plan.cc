#include "inferencectl/traffic/weight_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "inferencectl/format.h"
#include "inferencectl/traffic/removed.h"
#include "manifest/edit/annotation.h"

namespace inference::ctl::traffic {
namespace {

using manifest::edit::TargetWeight;

Answer Usage(Status status) {
  return {ExitCode::kUsage, std::move(status)};
}
Answer Refuse(std::string message) {
  return {ExitCode::kRefused, Status(Code::kFailedPrecondition, std::move(message))};
}

std::string_view Text(const manifest::Node& map, std::string_view key) {
  for (const manifest::NodeMember& member : map.members) {
    if (member.key == key) return member.value.text;
  }
  return {};
}

bool IsObject(const manifest::Node& document, const Target& target) {
  if (Text(document, "kind") != target.kind) return false;
  for (const manifest::NodeMember& member : document.members) {
    if (member.key != "metadata") continue;
    const std::string_view ns = Text(member.value, "namespace");
    return Text(member.value, "name") == target.name && (ns.empty() ? "default" : ns) == target.ns;
  }
  return false;
}

/// The same target as people name it: a pool may go without its namespace.
bool Same(const Target& of, const std::string& given, const std::string& full) {
  return given == full || (of.kind == "HTTPRoute" && of.ns + "/" + given == full);
}

std::string Names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : " ") + name;
  return SafeForTerminal(out);
}

double WeightOf(const TargetWeight& target) {
  return target.weight ? static_cast<double>(*target.weight) : 1;
}

/// `values`: as given, below 0 when not named. Whole percents, or tenths when one isn't whole.
Answer ApplyPercentages(std::vector<double>& values, Weights& wanted) {
  double sum = 0;
  for (double& value : values) {
    if (value < 0) value = 0;
    sum += value;
  }
  if (std::abs(sum - 100) > 0.05) {
    return Usage(Status(Code::kInvalidArgument,
                        fmt::format("the percentages add up to {:g}, not to 100", sum)));
  }
  const bool fine = std::any_of(values.begin(), values.end(), [](double value) {
    return std::abs(value - std::round(value)) > 1e-9;
  });
  const auto numbers = LargestRemainder(values, fine ? 1000 : 100);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (values[i] > 0 && numbers[i] == 0) {
      return Usage(Status(Code::kInvalidArgument,
                          fmt::format("{:g} % of \"{}\" would become nothing: percentages are "
                                      "set in steps of 0.1",
                                      values[i], base::Printable(wanted[i].name, 80))));
    }
    wanted[i].weight = numbers[i];
  }
  return ExitCode::kOk;
}

/// The same for weights as they are written.
Answer ApplyNumbers(const std::vector<double>& values, Weights& wanted) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (values[i] >= 0 && values[i] != std::floor(values[i])) {
      return Usage(
          Status(Code::kInvalidArgument,
                 fmt::format("weights are whole numbers, not {:g}; see --percent", values[i])));
    }
    if (values[i] >= 0) wanted[i].weight = static_cast<int64_t>(values[i]);
    if (!wanted[i].weight) {
      return Usage(
          Status(Code::kInvalidArgument, fmt::format("\"{}\" has no weight yet: give it one too",
                                                     base::Printable(wanted[i].name, 80))));
    }
  }
  return ExitCode::kOk;
}

bool WasRemoved(const WeightPlan& plan, const std::string& name) {
  return std::count(plan.removed.begin(), plan.removed.end(), name) > 0;
}

/// `name` is no target, and none that left.
Answer NoTarget(const Target& target, const std::string& name, const WeightPlan& plan,
                std::string_view advice) {
  std::vector<std::string_view> names(plan.removed.begin(), plan.removed.end());
  for (const TargetWeight& one : plan.now) names.push_back(one.name);
  const std::string_view meant = base::ClosestMatch(name, names);
  std::string message = fmt::format(
      "{} has no target \"{}\"{}; it has {}{}{}", target.Title(), base::Printable(name, 80),
      meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant), Listed(plan.now),
      plan.removed.empty() ? "" : ", and had " + Names(plan.removed), advice);
  for (const std::string& warning : plan.warnings) message += "; " + warning;
  return {ExitCode::kNo, Status(Code::kNotFound, std::move(message))};
}

/// Is it as --expect says? Shares are compared when percentages are given. `given`: the weights
/// asked for; a name that is to be added is 0 now.
Answer CheckExpected(const Invocation& run, const Target& target, const WeightPlan& plan,
                     const Shares& given) {
  const Weights& now = plan.now;
  const auto expected = ParseShares(run.args.List("expect"), "--expect");
  if (!expected) return Usage(expected.status());
  double total = 0;
  for (const TargetWeight& one : now) total += WeightOf(one);
  for (const auto& [name, share] : *expected) {
    const auto found = std::find_if(now.begin(), now.end(), [&, &name = name](const auto& one) {
      return Same(target, name, one.name);
    });
    const bool comes = std::any_of(given.begin(), given.end(), [&, &name = name](const auto& one) {
      return one.first == name;
    });
    if (found == now.end() && !comes && !WasRemoved(plan, name)) {
      return NoTarget(target, name, plan, "");
    }
    const double is = found == now.end() ? 0 : WeightOf(*found);
    // A single target has everything, whatever its number.
    const bool percent = run.args.Switch("percent") || now.size() == 1;
    const double shown = percent && total > 0 ? is / total * 100 : is;
    if (std::abs(shown - share) > 0.05) {
      return Refuse(fmt::format("{} is {} now, not {}={:g}; nothing was changed", target.Title(),
                                Listed(now), base::Printable(name, 80), share));
    }
  }
  return ExitCode::kOk;
}

/// The weights that are to be, into `plan`. An error names what is wrong with the words given.
Answer Wanted(const Invocation& run, const Target& target, const Shares& given, bool takes_zero,
              WeightPlan& plan) {
  const Weights& now = plan.now;
  Weights& wanted = plan.wanted;
  wanted = now;
  std::vector<double> values(now.size(), -1);  // below 0: not named
  for (const auto& [name, share] : given) {
    const auto found = std::find_if(
        wanted.begin(), wanted.end(),
        [&, &given = name](const TargetWeight& one) { return Same(target, given, one.name); });
    if (found != wanted.end()) {
      values[static_cast<size_t>(found - wanted.begin())] = share;
      continue;
    }
    if (!WasRemoved(plan, name) && !run.args.Switch("allow-new")) {
      return NoTarget(target, name, plan, ". --allow-new adds it");
    }
    const bool short_name = target.kind == "HTTPRoute" && name.find('/') == std::string::npos;
    wanted.push_back({short_name ? target.ns + "/" + name : name, std::nullopt});
    values.push_back(share);
  }
  const Answer applied =
      run.args.Switch("percent") ? ApplyPercentages(values, wanted) : ApplyNumbers(values, wanted);
  if (applied.exit != ExitCode::kOk) return applied;
  const bool any = std::any_of(wanted.begin(), wanted.end(),
                               [](const TargetWeight& one) { return *one.weight > 0; });
  if (!any) return Refuse("with these weights no target would be left; nothing was changed");
  if (!takes_zero) std::erase_if(wanted, [](const TargetWeight& one) { return *one.weight == 0; });
  return ExitCode::kOk;
}

std::vector<std::string> NamesIn(const Weights& weights) {
  std::vector<std::string> out;
  for (const TargetWeight& target : weights) out.push_back(target.name);
  return out;
}

/// The plan's text, with `removed` remembered in it.
Result<std::string> Remember(const Source& source, const WeightPlan& plan,
                             const RemovedTargets& removed) {
  const auto value = WriteRemoved(removed);
  if (!value) return value.status();
  api::Diagnostics none;  // SetWeights has read it again already
  const auto documents = manifest::ParseDocuments(source.path, plan.text, none, {});
  return manifest::edit::SetAnnotation(source.path, plan.text, documents, source.document,
                                       kRemovedTargets,
                                       value->empty() ? std::nullopt : std::optional(*value));
}

/// What leaves is remembered, what comes back is not any more. Weights don't wait for that.
void UpdateRemoved(const Target& target, const Source& source, RemovedTargets removed,
                   WeightPlan& plan) {
  const RemovedTargets before = removed;
  const std::vector<std::string> known = plan.removed;
  for (const TargetWeight& one : plan.now) plan.removed.push_back(one.name);
  removed[target.rule] = std::move(plan.removed);
  removed[target.rule] = plan.removed = RemovedFrom(removed, target.rule, NamesIn(plan.wanted));
  if (plan.removed.empty()) removed.erase(target.rule);
  if (removed == before) return;
  auto text = Remember(source, plan, removed);
  if (text) {
    plan.text = std::move(*text);
    return;
  }
  plan.removed = known;
  plan.warnings.push_back(fmt::format("{} in {} stays as it is: {}", kRemovedTargets,
                                      target.Title(), text.status().message()));
}

}  // namespace

std::string Listed(const Weights& weights) {
  std::string out;
  for (const TargetWeight& target : weights) {
    out += (out.empty() ? "" : " ") + target.name +
           (target.weight ? "=" + std::to_string(*target.weight) : "");
  }
  return SafeForTerminal(out);
}

Result<Source> Parse(const std::string& path, std::string text, const Target& target) {
  Source source{path, std::move(text), {}, 0};
  api::Diagnostics findings;
  source.documents = manifest::ParseDocuments(path, source.text, findings, {});
  if (api::HasErrors(findings)) {
    return Status(Code::kInvalidArgument, findings.front().ToString());
  }
  for (size_t i = 0; i < source.documents.size(); ++i) {
    if (!IsObject(source.documents[i], target)) continue;
    source.document = i;
    return source;
  }
  return Status(Code::kNotFound,
                fmt::format("{} has no {} {}/{}", path, target.kind, target.ns, target.name));
}

Answer MakePlan(const Invocation& run, const Target& target, const Source& source,
                WeightPlan& plan) {
  const std::vector<std::string>& words = run.args.operands();
  const auto given = ParseShares({words.begin() + 1, words.end()}, "traffic set");
  if (!given) return Usage(given.status());
  const manifest::Node& document = source.documents[source.document];
  auto now = manifest::edit::WeightsOf(document, target.rule);
  if (!now) return {ExitCode::kNo, now.status()};
  plan.now = std::move(*now);
  const bool takes_zero = manifest::edit::TakesZero(document);
  RemovedTargets removed;
  if (!takes_zero) {
    if (auto read = ReadRemoved(document)) {
      removed = std::move(*read);
    } else {
      plan.warnings.emplace_back(read.status().message());
    }
  }
  plan.removed = RemovedFrom(removed, target.rule, NamesIn(plan.now));
  if (Answer as = CheckExpected(run, target, plan, *given); as.exit != ExitCode::kOk) return as;
  const Answer good = Wanted(run, target, *given, takes_zero, plan);
  if (good.exit != ExitCode::kOk || !plan.changes()) return good;
  auto text = manifest::edit::SetWeights(source.path, source.text, source.documents,
                                         source.document, target.rule, plan.wanted);
  if (!text) return {ExitCode::kBadInput, text.status()};
  plan.text = std::move(*text);
  if (!takes_zero) UpdateRemoved(target, source, std::move(removed), plan);
  return ExitCode::kOk;
}

}  // namespace inference::ctl::traffic
