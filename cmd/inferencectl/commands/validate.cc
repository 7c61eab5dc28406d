#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "api/codes.h"
#include "api/kinds.h"
#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "inferencectl/reports/reports.h"
#include "inferencectl/whole_file.h"
#include "manifest/lint/lint.h"
#include "manifest/reader.h"
#include "metrics/engine_maps.h"
#include "scheduling/scheduler.h"

namespace inference::ctl {
namespace {

/// Everything that was given, judged as one whole.
struct Judged {
  manifest::lint::Verdict verdict;
  std::map<std::string_view, std::string_view> texts;  // by path, for the lines shown
};

// What the plugins and the readers of metrics themselves say. A plugin that this build lacks is a
// mistake only where inferenced is to have it; else the file may be the reference picker's.
void CheckConfigurations(const manifest::lint::Configurations& configurations,
                         api::Diagnostics& out) {
  scheduling::PluginRegistry registry;
  scheduling::RegisterBuiltins(registry);
  api::Diagnostics found;
  for (const api::EndpointPickerConfig& config : configurations.pickers) {
    // Null comes with diagnostics; the scheduler itself isn't needed.
    static_cast<void>(scheduling::Compile(config, registry, found));
  }
  for (api::Diagnostic& d : found) {
    const bool other_picker =
        d.code == api::codes::kPluginNotAvailable || d.code == api::codes::kFieldNotActedOn;
    if (other_picker && configurations.daemons.empty()) {
      d.severity = api::Severity::kInfo;
      d.note = "the reference picker has it; inferenced refuses the configuration";
    }
    out.push_back(std::move(d));
  }
  for (const api::DaemonConfig& config : configurations.daemons) {
    static_cast<void>(metrics::EngineMaps::Make(config.engines, out));
  }
}

// What cannot be read is a finding like any other; the rest is judged all the same.
std::vector<manifest::lint::SourceText> ReadSources(const std::vector<std::string>& paths) {
  std::vector<manifest::lint::SourceText> sources;
  std::set<std::string> seen;
  for (const std::string& given : paths) {
    const auto files = manifest::ExpandPaths({given}, "", manifest::Folders::kRecursive);
    if (!files) {
      sources.push_back({given, "", files.status()});
      continue;
    }
    for (const std::string& path : *files) {
      if (!seen.insert(path).second) continue;
      auto text = manifest::ReadFile(path);
      sources.push_back(text ? manifest::lint::SourceText{path, std::move(*text)}
                             : manifest::lint::SourceText{path, "", text.status()});
    }
  }
  return sources;
}

Judged Judge(const std::vector<std::string>& paths, const std::string& release, bool allow_empty) {
  manifest::lint::Options options;
  options.release = release;
  options.allow_empty = allow_empty;
  options.check_configurations = CheckConfigurations;
  Judged judged{manifest::lint::Run(ReadSources(paths), options), {}};
  for (const auto& file : judged.verdict.workspace.files()) {
    judged.texts.emplace(file.path, file.text);
  }
  return judged;
}

bool IsRelease(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 == text.size()) return false;
  return text.find_first_not_of("0123456789.") == std::string_view::npos &&
         text.find('.', dot + 1) == std::string_view::npos;
}

std::string CountText(size_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string TextOf(const Judged& judged, bool color) {
  std::string out;
  for (const api::Diagnostic& d : judged.verdict.findings) {
    const auto text = d.origin.file ? judged.texts.find(*d.origin.file) : judged.texts.end();
    out += DiagnosticText(d, text == judged.texts.end() ? std::string_view() : text->second, color);
  }
  return out;
}

std::string ShortOf(const Judged& judged) {
  std::string out;
  for (const api::Diagnostic& d : judged.verdict.findings) {
    out += SafeForTerminal(d.ToString()) + "\n";
  }
  return out;
}

std::string ReportIn(std::string_view format, const Judged& judged, bool color,
                     base::WallTime now) {
  const manifest::lint::Verdict& verdict = judged.verdict;
  if (format == "short") return ShortOf(judged);
  if (format == "json") return ToText(ValidationJson(verdict, now));
  if (format == "yaml") return ToYaml(ValidationJson(verdict, now));
  if (format == "jsonl") return ValidationJsonLines(verdict);
  if (format == "junit") return JunitReport(verdict);
  if (format == "sarif") return SarifReport(verdict);
  if (format == "github") return GithubReport(verdict);
  if (format == "gitlab") return GitlabReport(verdict);
  return TextOf(judged, color);
}

// The formats that were asked for; a file's name behind '='. One at most for standard output.
Result<std::vector<std::pair<std::string, std::string>>> OutputsOf(const Invocation& run) {
  std::vector<std::pair<std::string, std::string>> outputs;
  size_t on_stdout = 0;
  for (const std::string& each : run.args.List("output")) {
    const size_t equals = each.find('=');
    outputs.emplace_back(each.substr(0, equals),
                         equals == std::string::npos ? "" : each.substr(equals + 1));
    on_stdout += equals == std::string::npos ? 1 : 0;
  }
  if (on_stdout > 1) {
    return Status(Code::kInvalidArgument,
                  "only one format can be on standard output; write the others to files: -o "
                  "sarif=FILE");
  }
  if (!outputs.empty()) return outputs;
  outputs.emplace_back("text", "");
  const char* actions = run.world.environment("GITHUB_ACTIONS");
  if (actions != nullptr && std::string_view(actions) == "true") outputs.emplace_back("github", "");
  return outputs;
}

}  // namespace

namespace {

// GitHub shows ten annotations of a level; all findings are in the job's summary.
void AddJobSummary(const std::vector<std::pair<std::string, std::string>>& outputs,
                   const manifest::lint::Verdict& verdict, Invocation& run) {
  const bool github = std::any_of(outputs.begin(), outputs.end(),
                                  [](const auto& output) { return output.first == "github"; });
  const char* path = run.world.environment("GITHUB_STEP_SUMMARY");
  if (!github || path == nullptr || *path == 0 || verdict.findings.empty()) return;
  std::ofstream summary(path, std::ios::app);  // other steps write there too
  summary << GithubSummary(verdict);
  summary.close();
  if (summary.fail()) run.Remark("cannot write to GITHUB_STEP_SUMMARY, " + base::Printable(path));
}

}  // namespace

Answer RunValidate(Invocation& run) {
  std::vector<std::string> paths = run.args.List("filename");
  paths.insert(paths.end(), run.args.operands().begin(), run.args.operands().end());
  if (paths.empty()) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument, "validate needs a file or a folder: -f PATH")};
  }
  const auto outputs = OutputsOf(run);
  if (!outputs) return {ExitCode::kUsage, outputs.status()};
  const std::string& release = run.args.Text("gie-version");
  if (!release.empty() && !IsRelease(release)) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument, "--gie-version wants a release as 1.3, not \"" +
                                               base::Printable(release) + "\"")};
  }
  const Judged judged = Judge(paths, release, run.args.Switch("allow-empty"));
  size_t errors = 0, warnings = 0;
  for (const api::Diagnostic& d : judged.verdict.findings) {
    errors += d.severity == api::Severity::kError ? 1 : 0;
    warnings += d.severity == api::Severity::kWarning ? 1 : 0;
  }
  for (const auto& [format, path] : *outputs) {
    const std::string text =
        ReportIn(format, judged, run.color && path.empty(), run.world.clock.WallNow());
    if (path.empty()) {
      run.Print(text);
    } else if (const Status written = WriteWhole(path, text); !written.ok()) {
      return {ExitCode::kUnreachable, written};
    }
  }
  AddJobSummary(*outputs, judged.verdict, run);
  const size_t ignored = judged.verdict.suppressed.size();
  run.Remark(fmt::format("{}, {} in {} ({}{})", CountText(errors, "error"),
                         CountText(warnings, "warning"), CountText(judged.texts.size(), "file"),
                         CountText(judged.verdict.documents, "object"),
                         ignored == 0 ? "" : fmt::format(", {} ignored", ignored)));
  if (judged.verdict.unusable) return ExitCode::kBadInput;
  const bool fail = errors > 0 || (warnings > 0 && run.args.Text("fail-on") == "warning");
  return fail ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace inference::ctl
