#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "inferencectl/routing/report.h"
#include "inferencectl/whole_file.h"
#include "manifest/lint/lint.h"
#include "manifest/reader.h"

namespace inference::ctl {
namespace {

using routing::Outcome;
using routing::Scenario;

/// Is there a test among the documents? Others in the folder are what the tests are about.
bool HasTest(const std::string& path, std::string_view text) {
  api::Diagnostics ignored;
  const auto documents = manifest::ParseDocuments(path, text, ignored, {});
  return std::any_of(documents.begin(), documents.end(), [](const manifest::Node& document) {
    return manifest::lint::TextAt(document, "kind") == "RoutingTest";
  });
}

/// The tests behind the paths; a file that is named itself has to be one. False, told on standard
/// error, when a file can't be used.
Result<std::vector<Scenario>> ReadTests(const Invocation& run) {
  const std::vector<std::string>& paths = run.args.operands();
  const auto files = manifest::ExpandPaths(paths, ".", manifest::Folders::kRecursive);
  if (!files) return Status(Code::kInvalidArgument, files.status().message());
  std::vector<Scenario> out;
  bool bad = false;
  for (const std::string& path : *files) {
    const auto text = manifest::ReadFile(path);
    if (!text) return Status(Code::kInvalidArgument, text.status().message());
    const bool named = std::find(paths.begin(), paths.end(), path) != paths.end();
    if (!named && !HasTest(path, *text)) continue;
    api::Diagnostics findings;
    for (Scenario& scenario : routing::ReadScenarios(path, *text, findings)) {
      out.push_back(std::move(scenario));
    }
    for (const api::Diagnostic& d : findings) {
      run.world.err << DiagnosticText(d, *text, run.color);
    }
    bad = bad || api::HasErrors(findings);
  }
  if (bad) return Status(Code::kInvalidArgument, "a test has errors; nothing was run");
  if (out.empty()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("there is no RoutingTest in {} file{}; inferencectl explain "
                              "RoutingTest tells how to write one",
                              files->size(), files->size() == 1 ? "" : "s"));
  }
  return out;
}

/// What validate finds in the files that a test is about.
std::vector<std::string> CodesOf(const Scenario& scenario) {
  std::vector<std::string> paths = scenario.manifests;
  for (const std::string& each : {scenario.config, scenario.picker_config}) {
    if (!each.empty()) paths.push_back(each);
  }
  const auto files = manifest::ExpandPaths(paths, scenario.folder, manifest::Folders::kRecursive);
  std::vector<manifest::lint::SourceText> sources;
  if (files.ok()) {
    for (const std::string& path : *files) {
      if (auto text = manifest::ReadFile(path); text.ok()) sources.push_back({path, *text});
    }
  }
  std::set<std::string> codes;
  for (const api::Diagnostic& d : manifest::lint::Run(std::move(sources), {}).findings) {
    codes.insert(d.code);
  }
  return {codes.begin(), codes.end()};
}

void KeepMatching(const std::string& filter, std::vector<Scenario>& scenarios) {
  if (filter.empty()) return;
  for (Scenario& scenario : scenarios) {
    std::erase_if(scenario.cases, [&](const routing::Case& test) {
      return (scenario.name + "/" + test.name).find(filter) == std::string::npos;
    });
  }
  std::erase_if(scenarios, [](const Scenario& scenario) { return scenario.cases.empty(); });
}

std::vector<Outcome> RunAll(const std::vector<Scenario>& scenarios) {
  std::vector<Outcome> out;
  for (const Scenario& scenario : scenarios) {
    const bool wants_codes =
        std::any_of(scenario.cases.begin(), scenario.cases.end(),
                    [](const routing::Case& test) { return test.expect.findings.has_value(); });
    for (Outcome& outcome : routing::RunScenario(
             scenario, wants_codes ? CodesOf(scenario) : std::vector<std::string>{})) {
      out.push_back(std::move(outcome));
    }
  }
  return out;
}

std::string ReportIn(std::string_view format, const Invocation& run,
                     const std::vector<Outcome>& outcomes, bool color) {
  if (format == "junit") return routing::JunitOf(outcomes);
  if (format == "json" || format == "yaml") {
    Json out = Envelope("RoutingTestReport", run.world.clock.WallNow());
    out["items"] = routing::JsonOf(outcomes);
    return format == "json" ? ToText(out) : ToYaml(out);
  }
  std::string out;
  for (const Outcome& outcome : outcomes) {
    out += routing::TextOf(outcome, color, run.args.Switch("scores"));
  }
  return out;
}

/// Once to standard output, and any number of times to files.
Status Report(const Invocation& run, const std::vector<Outcome>& outcomes) {
  std::vector<std::string> outputs = run.args.List("output");
  if (outputs.empty()) outputs.push_back(run.args.Text("output"));
  for (const std::string& output : outputs) {
    const size_t equals = output.find('=');
    const std::string format = output.substr(0, equals);
    if (equals == std::string::npos) {
      run.Print(ReportIn(format, run, outcomes, run.color));
      continue;
    }
    const Status written =
        WriteWhole(output.substr(equals + 1), ReportIn(format, run, outcomes, false));
    if (!written.ok()) return written;
  }
  return Status::Ok();
}

}  // namespace

Answer RunTest(Invocation& run) {
  const auto& outputs = run.args.List("output");
  const auto on_stdout = std::count_if(outputs.begin(), outputs.end(), [](const auto& each) {
    return each.find('=') == std::string::npos;
  });
  if (on_stdout > 1) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument,
                   "only one format can be on standard output; write the others to files: -o "
                   "junit=FILE")};
  }
  auto scenarios = ReadTests(run);
  if (!scenarios) return {ExitCode::kBadInput, scenarios.status()};
  KeepMatching(run.args.Text("filter"), *scenarios);
  if (scenarios->empty()) {
    return {ExitCode::kBadInput,
            Status(Code::kInvalidArgument,
                   "no test has \"" + base::Printable(run.args.Text("filter")) + "\" in its name")};
  }
  const std::vector<Outcome> outcomes = RunAll(*scenarios);
  if (const Status reported = Report(run, outcomes); !reported.ok()) {
    return {ExitCode::kUnreachable, reported};
  }
  const auto failed = std::count_if(outcomes.begin(), outcomes.end(),
                                    [](const Outcome& o) { return !o.failures.empty(); });
  run.Remark(
      fmt::format("{} passed, {} failed", outcomes.size() - static_cast<size_t>(failed), failed));
  return failed == 0 ? ExitCode::kOk : ExitCode::kNo;
}

}  // namespace inference::ctl
