#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "api/codes.h"
#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/invocation.h"
#include "inferencectl/validation/configurations.h"
#include "inferencectl/validation/earlier.h"
#include "inferencectl/validation/fixing.h"
#include "inferencectl/validation/inputs.h"
#include "inferencectl/validation/outputs.h"
#include "inferencectl/whole_file.h"
#include "manifest/lint/lint.h"

namespace inference::ctl {
namespace {

namespace lint = manifest::lint;

Status Usage(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

bool IsRelease(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 == text.size()) return false;
  return text.find_first_not_of("0123456789.") == std::string_view::npos &&
         text.find('.', dot + 1) == std::string_view::npos;
}

// Where the option's values come from, for messages.
std::string Place(const Arguments& args, const std::string& option) {
  const std::string origin = args.Origin(option);
  const bool file = origin.find(':') != std::string::npos;
  return file ? origin : "--" + option;
}

Result<std::string> CodeOf(const std::string& place, std::string_view text) {
  if (const auto* info = api::codes::Find(text)) return std::string(info->code);
  std::vector<std::string_view> known;
  for (const auto& info : api::codes::All()) {
    known.push_back(info.code);
    known.push_back(info.name);
  }
  const std::string_view meant = base::ClosestMatch(text, known);
  return Usage(fmt::format("{}: \"{}\" is no code of a finding{}", place, base::Printable(text),
                           meant.empty() ? "; see inferencectl explain codes"
                                         : fmt::format("; did you mean \"{}\"?", meant)));
}

std::optional<api::Severity> LevelNamed(std::string_view text) {
  if (text == "error") return api::Severity::kError;
  if (text == "warning") return api::Severity::kWarning;
  if (text == "info") return api::Severity::kInfo;
  return std::nullopt;
}

// --severity, --disable, --enable: the later of these wins over the earlier.
Status ReadLevels(const Arguments& args, lint::Options& options) {
  for (const std::string& each : args.List("severity")) {
    const size_t equals = std::min(each.find('='), each.size());
    const auto code = CodeOf(Place(args, "severity"), std::string_view(each).substr(0, equals));
    if (!code) return code.status();
    const auto level = LevelNamed(std::string_view(each).substr(std::min(equals + 1, each.size())));
    if (!level) {
      return Usage(fmt::format("--severity wants CODE=error, CODE=warning or CODE=info, not \"{}\"",
                               base::Printable(each)));
    }
    options.levels[*code] = *level;
  }
  for (const std::string& each : args.List("disable")) {
    const auto code = CodeOf(Place(args, "disable"), each);
    if (!code) return code.status();
    options.levels[*code] = std::nullopt;
  }
  for (const std::string& each : args.List("enable")) {
    const auto code = CodeOf("--enable", each);
    if (!code) return code.status();
    const auto known = options.levels.find(*code);
    if (known != options.levels.end() && !known->second) options.levels.erase(known);
  }
  return Status::Ok();
}

Result<lint::Options> OptionsOf(const Arguments& args) {
  lint::Options options;
  options.release = args.Text("gie-version");
  if (!options.release.empty() && !IsRelease(options.release)) {
    return Usage("--gie-version wants a release as 1.3, not \"" + base::Printable(options.release) +
                 "\"");
  }
  if (Status status = ReadLevels(args, options); !status.ok()) return status;
  options.allow_empty = args.Switch("allow-empty");
  options.check_configurations = CheckConfigurations;
  return options;
}

/// What the command line asks for.
struct Wanted {
  std::vector<std::string> paths;
  std::vector<Output> outputs;
  lint::Options options;
  std::string fix;  // "", "write", "dry"
  std::string baseline, write_baseline, against, since;
  std::string fail_on;

  bool compares() const { return !baseline.empty() || !against.empty(); }
};

Status CheckTogether(const Wanted& wanted) {
  if (wanted.paths.empty()) return Usage("validate needs a file or a folder: -f PATH");
  if (!wanted.baseline.empty() && !wanted.against.empty()) {
    return Usage("--baseline and --against are two earlier states; give one of them");
  }
  if (wanted.fail_on.starts_with("new-") && !wanted.compares()) {
    return Usage("--fail-on " + wanted.fail_on + " needs --baseline or --against");
  }
  if (wanted.against.empty()) return Status::Ok();
  if (wanted.against == "git:") return Usage("--against git: lacks the commit, as git:origin/main");
  return Status::Ok();
}

Result<Wanted> Read(const Invocation& run) {
  const Arguments& args = run.args;
  Wanted wanted;
  wanted.paths = PathsOf(args);
  wanted.fix = args.Text("fix");
  wanted.baseline = args.Text("baseline");
  wanted.write_baseline = args.Text("write-baseline");
  wanted.against = args.Text("against");
  wanted.since = args.Text("git-diff");
  wanted.fail_on = args.Text("fail-on");
  if (wanted.compares() && args.Origin("fail-on") == "default") wanted.fail_on = "new-error";
  if (Status status = CheckTogether(wanted); !status.ok()) return status;
  const bool from_stdin =
      std::find(wanted.paths.begin(), wanted.paths.end(), "-") != wanted.paths.end();
  if (wanted.fix == "write" && from_stdin) {
    return Usage("standard input can't be fixed in place; --fix=dry prints the changes");
  }
  auto outputs = OutputsOf(run, wanted.fix == "dry");
  if (!outputs) return outputs.status();
  wanted.outputs = std::move(*outputs);
  auto options = OptionsOf(args);
  if (!options) return options.status();
  wanted.options = std::move(*options);
  return wanted;
}

/// What the daemon serves, of its files and applied.
Result<Sources> DaemonSources(const Invocation& run) {
  auto client = run.Connect();
  if (!client) return client.status();
  const auto list = (*client)->ListObjects();
  if (!list) return list.status();
  Sources out;
  for (const admin::v1::Object& object : list->objects()) {
    const auto& key = object.key();
    out.push_back(
        {fmt::format("{} {}/{}", key.kind(), key.namespace_(), key.name()), object.text()});
  }
  return out;
}

/// What findings are compared with.
struct Earlier {
  std::optional<lint::Verdict> state;  // empty: a baseline, which has findings only
  std::vector<EarlierFinding> findings;
};

Result<Earlier> EarlierOf(const Invocation& run, const Wanted& wanted) {
  Earlier earlier;
  if (!wanted.baseline.empty()) {
    auto findings = ReadBaseline(wanted.baseline);
    if (!findings) return findings.status();
    earlier.findings = std::move(*findings);
  } else if (!wanted.against.empty()) {
    auto sources = wanted.against == "daemon" ? DaemonSources(run)
                                              : EarlierSources(wanted.against, wanted.paths);
    if (!sources) return sources.status();
    earlier.state = lint::Run(std::move(*sources), wanted.options);
    earlier.findings = EarlierFindings(*earlier.state);
  }
  return earlier;
}

// Compares with the earlier state and leaves out what is not asked for.
Status Narrow(const Wanted& wanted, const Sources& sources, const Earlier& earlier,
              Assessment& assessment) {
  if (wanted.compares()) assessment.Compare(earlier.findings);
  if (!wanted.since.empty()) {
    const auto changed = ChangedSince(sources, wanted.since);
    if (!changed) return changed.status();
    assessment.KeepOnly(*changed);
  }
  return Status::Ok();
}

// Fixes what can be fixed, and says what was; the verdict is that of the files as they are then.
Result<lint::Verdict> JudgeAndFix(const Invocation& run, const Wanted& wanted,
                                  const Sources& sources) {
  const auto judge = [&](const Sources& files) { return lint::Run(files, wanted.options); };
  if (wanted.fix.empty()) return judge(sources);
  Fixed fixed = FixUntilDone(sources, judge);
  if (wanted.fix == "dry") {
    run.Print(DiffOf(sources, fixed.changed));
  } else if (Status status = WriteChanged(fixed.changed); !status.ok()) {
    return status;
  }
  for (const std::string& title : fixed.titles) {
    run.Remark((wanted.fix == "dry" ? "would fix " : "fixed ") + base::Printable(title, 400));
  }
  return std::move(fixed.verdict);
}

Status Tell(Invocation& run, const Wanted& wanted, const Assessment& assessment) {
  const base::WallTime now = run.world.clock.WallNow();
  for (const Output& output : wanted.outputs) {
    const std::string text =
        ReportIn(output.format, assessment, run.color && output.path.empty(), now);
    if (output.path.empty()) {
      run.Print(text);
    } else if (Status status = WriteWhole(output.path, text); !status.ok()) {
      return status;
    }
  }
  AddJobSummary(run, wanted.outputs, assessment);
  // The diff has standard output for itself; what is left is told beside it.
  if (wanted.fix == "dry") run.Remark(ReportIn("text", assessment, false, now));
  if (wanted.write_baseline.empty()) return Status::Ok();
  return WriteWhole(wanted.write_baseline, BaselineText(assessment));
}

bool Fails(const Wanted& wanted, const Assessment& assessment) {
  std::string_view level = wanted.fail_on;
  const bool only_new = level.starts_with("new-");
  if (only_new) level.remove_prefix(4);
  // With a baseline being written, what it holds is accepted.
  if (!wanted.write_baseline.empty()) return false;
  return assessment.Count(*LevelNamed(level), only_new) > 0;
}

Answer Validate(Invocation& run, Result<Wanted> wanted) {
  if (!wanted) return {ExitCode::kUsage, wanted.status()};
  const auto earlier = EarlierOf(run, *wanted);
  if (!earlier) return earlier.status();
  if (earlier->state) wanted->options.before = &earlier->state->workspace;
  const Sources sources = ReadInputs(wanted->paths, run.world.in);
  const auto verdict = JudgeAndFix(run, *wanted, sources);
  if (!verdict) return {ExitCode::kUnreachable, verdict.status()};
  Assessment assessment(*verdict);
  assessment.show_suppressed = run.args.Switch("show-suppressed");
  // What makes it fail is always told.
  assessment.show_unchanged = assessment.show_suppressed || !wanted->fail_on.starts_with("new-");
  if (Status status = Narrow(*wanted, sources, *earlier, assessment); !status.ok()) {
    return status;
  }
  if (Status status = Tell(run, *wanted, assessment); !status.ok()) {
    return {ExitCode::kUnreachable, status};
  }
  run.Remark(SummaryOf(assessment));
  if (verdict->unusable) return ExitCode::kBadInput;
  return Fails(*wanted, assessment) ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace

Answer RunValidate(Invocation& run) {
  return Validate(run, Read(run));
}

Answer RunConfigCheck(Invocation& run) {
  Result<Wanted> wanted = Read(run);
  if (wanted.ok() && run.args.Text("for") == "inferenced") {
    // Here it is no remark that only another picker has them.
    for (const std::string_view code :
         {api::codes::kPluginNotAvailable, api::codes::kFieldNotActedOn}) {
      wanted->options.levels.emplace(std::string(code), api::Severity::kError);
    }
  }
  return Validate(run, std::move(wanted));
}

}  // namespace inference::ctl
