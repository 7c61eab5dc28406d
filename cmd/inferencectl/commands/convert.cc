#include <algorithm>

#include "inferencectl/commands/commands.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/invocation.h"
#include "inferencectl/validation/fixing.h"
#include "inferencectl/validation/inputs.h"
#include "inferencectl/validation/outputs.h"
#include "manifest/edit/convert.h"

namespace inference::ctl {
namespace {

// One stream of documents: each file's begins with a separator of its own.
void Append(std::string_view text, std::string& out) {
  if (text.starts_with("\xef\xbb\xbf") && !out.empty()) text.remove_prefix(3);
  if (text.empty()) return;
  if (!out.empty()) {
    if (!out.ends_with('\n')) out += '\n';
    if (!text.starts_with("---")) out += "---\n";
  }
  out += text;
}

}  // namespace

Answer RunConvert(Invocation& run) {
  const std::vector<std::string> paths = PathsOf(run.args);
  const bool in_place = run.args.Switch("in-place");
  if (paths.empty()) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument, "convert needs a file or a folder: -f PATH")};
  }
  if (in_place && std::find(paths.begin(), paths.end(), "-") != paths.end()) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument, "standard input can't be converted in place")};
  }
  const Sources sources = ReadInputs(paths, run.world.in);
  if (Status status = AllReadable(sources); !status.ok()) return {ExitCode::kBadInput, status};
  Sources changed;
  std::string all;
  size_t objects = 0;
  bool errors = false, unusable = false;
  for (const auto& source : sources) {
    auto converted = manifest::edit::ConvertToV1(source.path, source.text);
    for (const api::Diagnostic& d : converted.findings) {
      if (d.severity == api::Severity::kInfo && run.args.Switch("quiet")) continue;
      run.world.err << DiagnosticText(d, source.text, false);
    }
    errors = errors || api::HasErrors(converted.findings);
    unusable = unusable || converted.unusable;
    objects += converted.objects;
    Append(converted.text, all);
    if (converted.text != source.text) {
      changed.push_back({source.path, std::move(converted.text)});
    }
  }
  if (unusable) return ExitCode::kBadInput;
  if (!in_place) {
    run.Print(all);
  } else if (Status status = WriteChanged(changed); !status.ok()) {
    return {ExitCode::kUnreachable, status};
  }
  run.Remark(CountText(objects, "object") + " converted in " + CountText(sources.size(), "file"));
  return errors ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace inference::ctl
