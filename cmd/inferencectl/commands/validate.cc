#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "api/kinds.h"
#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "manifest/document.h"
#include "manifest/reader.h"
#include "scheduling/scheduler.h"

namespace inference::ctl {
namespace {

/// Everything that was given, judged as one whole.
struct Judged {
  std::map<std::string, std::string> texts;  // by path, for the lines shown
  manifest::ManifestSet manifests;
  std::vector<api::DaemonConfig> daemons;
  size_t picker_configs = 0;
  size_t documents = 0;
  bool unusable = false;  // a file that is no YAML: nothing in it was judged
  api::Diagnostics diagnostics;
};

/// The kind that a file holds when it is one that stands alone in its file.
std::string StandaloneKind(const std::vector<manifest::Node>& documents) {
  if (documents.size() != 1) return "";
  for (const manifest::NodeMember& member : documents[0].members) {
    if (member.key != "kind") continue;
    if (member.value.text == "DaemonConfig" || member.value.text == "EndpointPickerConfig") {
      return member.value.text;
    }
  }
  return "";
}

void JudgePickerConfig(const std::string& path, const std::string& text, Judged& judged) {
  const auto config = manifest::ReadPickerConfig(path, text, judged.diagnostics);
  ++judged.picker_configs;
  if (!config) return;
  scheduling::PluginRegistry registry;
  scheduling::RegisterBuiltins(registry);
  // Null comes with diagnostics; the scheduler itself isn't needed.
  static_cast<void>(scheduling::Compile(*config, registry, judged.diagnostics));
}

void JudgeFile(const std::string& path, const std::string& text, Judged& judged) {
  api::Diagnostics syntax;
  const auto documents = manifest::ParseDocuments(path, text, syntax, manifest::Limits());
  judged.documents += documents.size();
  if (api::HasErrors(syntax)) judged.unusable = true;
  const std::string kind = StandaloneKind(documents);
  if (kind == "DaemonConfig") {
    if (auto config = manifest::ReadDaemonConfig(path, text, judged.diagnostics)) {
      judged.daemons.push_back(std::move(*config));
    }
  } else if (kind == "EndpointPickerConfig") {
    JudgePickerConfig(path, text, judged);
  } else if (!documents.empty() || judged.unusable) {
    manifest::ReadManifests(path, text, judged.manifests, judged.diagnostics);
  }
}

Result<Judged> Judge(const std::vector<std::string>& paths) {
  auto files = manifest::ExpandPaths(paths, ".", manifest::Folders::kRecursive);
  if (!files) return Status(Code::kInvalidArgument, files.status().message());
  Judged judged;
  std::set<std::string> seen;
  for (const std::string& path : *files) {
    if (!seen.insert(path).second) continue;
    auto text = manifest::ReadFile(path);
    if (!text) return Status(Code::kInvalidArgument, text.status().message());
    JudgeFile(path, *text, judged);
    judged.texts.emplace(path, std::move(*text));
  }
  // What refers to something that couldn't be read would only repeat the first mistake.
  if (!api::HasErrors(judged.diagnostics)) {
    manifest::CheckReferences(judged.manifests, judged.diagnostics);
    const bool have_manifests =
        !judged.manifests.pools.empty() || !judged.manifests.endpoint_sets.empty();
    for (const api::DaemonConfig& daemon : judged.daemons) {
      if (have_manifests) manifest::CheckReferences(judged.manifests, daemon, judged.diagnostics);
    }
  }
  return judged;
}

std::string CountText(size_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

Json ReportJson(const Judged& judged, size_t errors, size_t warnings, base::WallTime now) {
  Json out = Envelope("ValidationReport", now);
  out["summary"] = {{"errors", errors},
                    {"warnings", warnings},
                    {"files", judged.texts.size()},
                    {"objects", judged.documents}};
  out["findings"] = Json::array();
  for (const api::Diagnostic& d : judged.diagnostics) {
    out["findings"].push_back(DiagnosticJson(d));
  }
  return out;
}

void PrintFindings(const Invocation& run, const Judged& judged) {
  for (const api::Diagnostic& d : judged.diagnostics) {
    if (run.format() == "short") {
      run.Print(SafeForTerminal(d.ToString()) + "\n");
      continue;
    }
    const auto text = d.origin.file ? judged.texts.find(*d.origin.file) : judged.texts.end();
    run.Print(DiagnosticText(
        d, text == judged.texts.end() ? std::string_view() : std::string_view(text->second),
        run.color));
  }
}

}  // namespace

Answer RunValidate(Invocation& run) {
  std::vector<std::string> paths = run.args.List("filename");
  paths.insert(paths.end(), run.args.operands().begin(), run.args.operands().end());
  if (paths.empty()) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument, "validate needs a file or a folder: -f PATH")};
  }
  auto result = Judge(paths);
  if (!result) return {ExitCode::kBadInput, result.status()};
  const Judged& judged = *result;
  size_t errors = 0, warnings = 0;
  for (const api::Diagnostic& d : judged.diagnostics) {
    errors += d.severity == api::Severity::kError ? 1 : 0;
    warnings += d.severity == api::Severity::kWarning ? 1 : 0;
  }
  if (judged.documents == 0 && errors == 0 && !run.args.Switch("allow-empty")) {
    return {ExitCode::kBadInput,
            Status(Code::kInvalidArgument,
                   "no object in " + CountText(judged.texts.size(), "file") +
                       ", so nothing was checked; --allow-empty if that is fine")};
  }
  if (run.format() == "json") {
    run.Print(ToText(ReportJson(judged, errors, warnings, run.world.clock.WallNow())));
  } else {
    PrintFindings(run, judged);
    run.Remark(fmt::format("{}, {} in {} ({})", CountText(errors, "error"),
                           CountText(warnings, "warning"), CountText(judged.texts.size(), "file"),
                           CountText(judged.documents, "object")));
  }
  if (judged.unusable) return ExitCode::kBadInput;
  const bool fail = errors > 0 || (warnings > 0 && run.args.Text("fail-on") == "warning");
  return fail ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace inference::ctl
