#include <algorithm>

#include "inferencectl/commands/commands.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "inferencectl/validation/fixing.h"
#include "inferencectl/validation/inputs.h"
#include "inferencectl/validation/outputs.h"
#include "manifest/edit/format.h"

namespace inference::ctl {
namespace {

Status Usage(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

// Standard input that is formatted to standard output.
bool IsFilter(const Invocation& run, const std::vector<std::string>& paths) {
  return paths.size() == 1 && paths[0] == "-" && !run.args.Switch("check") &&
         !run.args.Switch("dry-run");
}

Status CheckTogether(const Invocation& run, const std::vector<std::string>& paths) {
  if (paths.empty()) return Usage("fmt needs a file or a folder: -f PATH, or - for standard input");
  const bool check = run.args.Switch("check"), dry = run.args.Switch("dry-run");
  if (check && dry) return Usage("--check lists, --dry-run prints a diff; give one of them");
  const bool from_stdin = std::find(paths.begin(), paths.end(), "-") != paths.end();
  if (from_stdin && paths.size() > 1 && !check && !dry) {
    return Usage("standard input is formatted alone, without files");
  }
  return Status::Ok();
}

std::string NamesOf(const Sources& sources) {
  std::string out;
  for (const auto& source : sources) out += SafeForTerminal(source.path) + "\n";
  return out;
}

}  // namespace

Answer RunFmt(Invocation& run) {
  const std::vector<std::string> paths = PathsOf(run.args);
  if (Status status = CheckTogether(run, paths); !status.ok()) return {ExitCode::kUsage, status};
  const Sources sources = ReadInputs(paths, run.world.in);
  if (Status status = AllReadable(sources); !status.ok()) return {ExitCode::kBadInput, status};
  Sources changed;
  bool unusable = false;
  std::string formatted_text;
  for (const auto& source : sources) {
    auto formatted = manifest::edit::Format(source.path, source.text);
    for (const api::Diagnostic& d : formatted.findings) {
      run.world.err << DiagnosticText(d, source.text, false);
    }
    unusable = unusable || api::HasErrors(formatted.findings);
    formatted_text = formatted.text;
    if (formatted.text != source.text) {
      changed.push_back({source.path, std::move(formatted.text)});
    }
  }
  if (IsFilter(run, paths)) {
    if (!unusable) run.Print(formatted_text);
  } else if (run.args.Switch("check")) {
    run.Print(NamesOf(changed));
  } else if (run.args.Switch("dry-run")) {
    run.Print(DiffOf(sources, changed));
  } else if (Status status = WriteChanged(changed); !status.ok()) {
    return {ExitCode::kUnreachable, status};
  }
  if (!IsFilter(run, paths)) {
    run.Remark(
        std::to_string(changed.size()) + " of " + CountText(sources.size(), "file") +
        (run.args.Switch("check") || run.args.Switch("dry-run") ? " would change" : " changed"));
  }
  if (unusable) return ExitCode::kBadInput;
  return run.args.Switch("check") && !changed.empty() ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace inference::ctl
