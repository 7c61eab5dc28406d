#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "inferencectl/changes/change_view.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"
#include "inferencectl/invocation.h"
#include "inferencectl/traffic/split.h"
#include "inferencectl/whole_file.h"
#include "manifest/edit/splice.h"
#include "manifest/edit/weights.h"

namespace inference::ctl {
namespace {

using admin::v1::ChangeRequest;
using admin::v1::ChangeResponse;
using manifest::edit::TargetWeight;
using Weights = std::vector<TargetWeight>;

Answer Usage(Status status) {
  return {ExitCode::kUsage, std::move(status)};
}
Answer Refuse(std::string message) {
  return {ExitCode::kRefused, Status(Code::kFailedPrecondition, std::move(message))};
}

/// One text with the object in it.
struct Source {
  std::string path;  // what messages show
  std::string text;
  std::vector<manifest::Node> documents;
  size_t document = 0;
};

std::string_view Text(const manifest::Node& map, std::string_view key) {
  for (const manifest::NodeMember& member : map.members) {
    if (member.key == key) return member.value.text;
  }
  return {};
}

bool IsObject(const manifest::Node& document, const traffic::Target& target) {
  if (Text(document, "kind") != target.kind) return false;
  for (const manifest::NodeMember& member : document.members) {
    if (member.key != "metadata") continue;
    const std::string_view ns = Text(member.value, "namespace");
    return Text(member.value, "name") == target.name && (ns.empty() ? "default" : ns) == target.ns;
  }
  return false;
}

Result<Source> Parse(const std::string& path, std::string text, const traffic::Target& target) {
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

/// The same target as people name it: a pool may go without its namespace.
bool Same(const traffic::Target& of, const std::string& given, const std::string& full) {
  return given == full || (of.kind == "HTTPRoute" && of.ns + "/" + given == full);
}

std::string Listed(const Weights& weights) {
  std::string out;
  for (const TargetWeight& target : weights) {
    out += (out.empty() ? "" : " ") + target.name +
           (target.weight ? "=" + std::to_string(*target.weight) : "");
  }
  return SafeForTerminal(out);
}

double WeightOf(const TargetWeight& target) {
  return target.weight ? static_cast<double>(*target.weight) : 1;
}

/// Is it as --expect says? Shares are compared when percentages are given.
Answer CheckExpected(const Invocation& run, const traffic::Target& target, const Weights& now) {
  const auto expected = traffic::ParseShares(run.args.List("expect"), "--expect");
  if (!expected) return Usage(expected.status());
  double total = 0;
  for (const TargetWeight& one : now) total += WeightOf(one);
  for (const auto& [name, share] : *expected) {
    const auto found = std::find_if(now.begin(), now.end(), [&, &given = name](const auto& one) {
      return Same(target, given, one.name);
    });
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

/// The weights that are to be. An error names what is wrong with the words given.
Answer Wanted(const Invocation& run, const traffic::Target& target, const Weights& now,
              bool takes_zero, Weights& wanted) {
  const std::vector<std::string>& words = run.args.operands();
  const auto shares = traffic::ParseShares({words.begin() + 1, words.end()}, "traffic set");
  if (!shares) return Usage(shares.status());
  wanted = now;
  std::vector<double> values(now.size(), -1);  // below 0: not named
  for (const auto& [name, share] : *shares) {
    const auto found = std::find_if(
        wanted.begin(), wanted.end(),
        [&, &given = name](const TargetWeight& one) { return Same(target, given, one.name); });
    if (found != wanted.end()) {
      values[static_cast<size_t>(found - wanted.begin())] = share;
      continue;
    }
    if (!run.args.Switch("allow-new")) {
      std::vector<std::string_view> names;
      for (const TargetWeight& one : now) names.push_back(one.name);
      const std::string_view meant = base::ClosestMatch(name, names);
      return {ExitCode::kNo,
              Status(Code::kNotFound,
                     fmt::format("{} has no target \"{}\"{}; it has {}. --allow-new adds it",
                                 target.Title(), base::Printable(name, 80),
                                 meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant),
                                 Listed(now)))};
    }
    const bool short_name = target.kind == "HTTPRoute" && name.find('/') == std::string::npos;
    wanted.push_back({short_name ? target.ns + "/" + name : name, std::nullopt});
    values.push_back(share);
  }
  if (run.args.Switch("percent")) {
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
    const auto numbers = traffic::LargestRemainder(values, fine ? 1000 : 100);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i].weight = numbers[i];
  } else {
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
  }
  const bool any = std::any_of(wanted.begin(), wanted.end(),
                               [](const TargetWeight& one) { return *one.weight > 0; });
  if (!any) return Refuse("with these weights no target would be left; nothing was changed");
  if (!takes_zero) std::erase_if(wanted, [](const TargetWeight& one) { return *one.weight == 0; });
  return ExitCode::kOk;
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

/// Until the daemon draws by these weights, for --timeout at most.
Answer WaitInForce(const Invocation& run, admin::AdminClient& client, const traffic::Target& target,
                   const Weights& wanted) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + run.args.Duration("timeout");
  auto next_word = Clock::now() + std::chrono::seconds(10);
  while (true) {
    const auto list = client.ListSplits();
    if (!list) return list.status();
    for (const admin::v1::Split& split : list->splits()) {
      if (!traffic::Is(split, target) || !SameWeights(split, wanted)) continue;
      run.Remark(fmt::format("in force as generation {}", list->generation()));
      return ExitCode::kOk;
    }
    if (Clock::now() >= end) {
      return Status(Code::kDeadlineExceeded,
                    "the file is changed, but the daemon does not draw by it after --timeout: see "
                    "inferencectl status");
    }
    if (Clock::now() >= next_word) {
      run.Remark("waiting for the daemon to take the file");
      next_word += std::chrono::seconds(10);
    }
    if (const int signal = SleepUnlessInterrupted(std::chrono::milliseconds(50)); signal != 0) {
      run.world.err << "inferencectl: detached; the change stays\n";
      return static_cast<ExitCode>(128 + signal);
    }
  }
}

void Tell(const Invocation& run, const traffic::Target& target, const Weights& before,
          const Weights& after, const std::string& where, int64_t applied, bool dry_run) {
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
    out["item"] = {{"kind", target.kind},    {"namespace", target.ns}, {"name", target.name},
                   {"rule", target.rule},    {"dryRun", dry_run},      {"changed", before != after},
                   {"before", list(before)}, {"after", list(after)}};
    out["item"]["file"] = where.empty() ? Json(nullptr) : Json(where);
    out["item"]["appliedGeneration"] = where.empty() ? Json(applied) : Json(nullptr);
    run.PrintDocument(out);
    return;
  }
  run.Print(fmt::format("{}: {} -> {}{}\n", target.Title(), Listed(before), Listed(after),
                        before == after ? " (unchanged)"
                        : dry_run       ? " (dry run)"
                                        : ""));
}

/// What a text's weights are, what they are to be, and the text with those.
struct Plan {
  Weights now, wanted;
  std::string text;
  bool changes() const { return now != wanted; }
};

Answer MakePlan(const Invocation& run, const traffic::Target& target, const Source& source,
                Plan& plan) {
  const manifest::Node& document = source.documents[source.document];
  auto now = manifest::edit::WeightsOf(document, target.rule);
  if (!now) return {ExitCode::kNo, now.status()};
  plan.now = std::move(*now);
  if (Answer as = CheckExpected(run, target, plan.now); as.exit != ExitCode::kOk) return as;
  const bool takes_zero = manifest::edit::TakesZero(document);
  const Answer good = Wanted(run, target, plan.now, takes_zero, plan.wanted);
  if (good.exit != ExitCode::kOk || !plan.changes()) return good;
  auto text = manifest::edit::SetWeights(source.path, source.text, source.documents,
                                         source.document, target.rule, plan.wanted);
  if (!text) return {ExitCode::kBadInput, text.status()};
  plan.text = std::move(*text);
  return ExitCode::kOk;
}

/// --write: the file is changed, the daemon sees that by itself.
Answer SetInFile(const Invocation& run, const traffic::Target& target) {
  const std::string& path = run.args.Text("write");
  Result<std::string> text = manifest::ReadFile(path);
  if (!text) return {ExitCode::kBadInput, text.status()};
  const auto source = Parse(path, std::move(*text), target);
  if (!source) {
    return {source.status().code() == Code::kNotFound ? ExitCode::kNo : ExitCode::kBadInput,
            source.status()};
  }
  Plan plan;
  if (Answer good = MakePlan(run, target, *source, plan); good.exit != ExitCode::kOk) return good;
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
  Tell(run, target, plan.now, plan.wanted, path, 0, dry_run);
  if (dry_run || !run.args.Switch("wait")) return ExitCode::kOk;
  auto client = run.Connect();
  if (!client) return client.status();
  return WaitInForce(run, **client, target, plan.wanted);
}

const admin::v1::Object* FindObject(const admin::v1::ListObjectsResponse& list,
                                    const traffic::Target& target) {
  for (const admin::v1::Object& object : list.objects()) {
    const auto& key = object.key();
    if (key.kind() == target.kind && key.namespace_() == target.ns && key.name() == target.name) {
      return &object;
    }
  }
  return nullptr;
}

Answer NoObject(const admin::v1::ListObjectsResponse& list, const traffic::Target& target) {
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

/// The applied object is changed, unless somebody was faster.
Answer SetApplied(const Invocation& run, const traffic::Target& target) {
  auto client = run.Connect();
  if (!client) return client.status();
  const auto list = (*client)->ListObjects();
  if (!list) return list.status();
  const admin::v1::Object* object = FindObject(*list, target);
  if (object == nullptr) return NoObject(*list, target);
  const auto source = Parse("applied " + target.kind, object->text(), target);
  if (!source) return source.status();
  Plan plan;
  if (Answer good = MakePlan(run, target, *source, plan); good.exit != ExitCode::kOk) return good;
  const bool dry_run = run.args.Text("dry-run") != "none";
  int64_t applied = list->applied_generation();
  if (plan.changes()) {
    if (!object->file().empty()) {
      return Refuse(fmt::format("{} is defined in {}:{}: --write changes it there", target.Title(),
                                object->file(), object->line()));
    }
    ChangeRequest request;
    auto* manifest = request.add_manifests();
    manifest->set_file("applied " + target.Title());
    manifest->set_text(plan.text);
    request.set_verb("traffic set");
    request.set_reason(run.args.Text("reason"));
    request.set_expected_applied_generation(list->applied_generation());
    request.set_dry_run(dry_run);
    const auto response = (*client)->Change(request);
    if (!response) return response.status();
    TellFindings(run, response->findings(), {});
    if (response->refusal() != ChangeResponse::NONE) return Refused(run, *response);
    applied = response->applied_generation();
  }
  Tell(run, target, plan.now, plan.wanted, {}, applied, dry_run);
  if (!dry_run) run.Remark(fmt::format("applied generation {}, in force", applied));
  return ExitCode::kOk;
}

}  // namespace

Answer RunTrafficSet(Invocation& run) {
  const auto target = traffic::ParseTarget(run.args.operands().front(), run.args.Text("namespace"));
  if (!target) return Usage(target.status());
  return run.args.Text("write").empty() ? SetApplied(run, *target) : SetInFile(run, *target);
}

}  // namespace inference::ctl
