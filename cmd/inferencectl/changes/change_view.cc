#include "inferencectl/changes/change_view.h"

#include <algorithm>
#include <memory>

#include "inferencectl/changes/kinds.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/format.h"
#include "inferencectl/table.h"
#include "manifest/edit/splice.h"

namespace inference::ctl {
namespace {

using admin::v1::ChangeResponse;
using admin::v1::ObjectChange;

api::Diagnostic FromProto(const admin::v1::Diagnostic& d) {
  api::Diagnostic out;
  out.severity = d.severity() == admin::v1::Diagnostic::WARNING ? api::Severity::kWarning
                 : d.severity() == admin::v1::Diagnostic::INFO  ? api::Severity::kInfo
                                                                : api::Severity::kError;
  out.code = d.code();
  if (!d.file().empty()) out.origin.file = std::make_shared<const std::string>(d.file());
  out.origin.line = d.line();
  out.origin.column = d.column();
  out.message = d.message();
  out.note = d.note();
  return out;
}

Code CodeOf(ChangeResponse::Refusal refusal) {
  switch (refusal) {
    case ChangeResponse::GUARDED:
      return Code::kFailedPrecondition;
    case ChangeResponse::NOT_FOUND:
      return Code::kNotFound;
    default:
      return Code::kInvalidArgument;
  }
}

}  // namespace

std::string_view WhatName(ObjectChange::What what) {
  switch (what) {
    case ObjectChange::CREATED:
      return "created";
    case ObjectChange::CHANGED:
      return "changed";
    case ObjectChange::DELETED:
      return "deleted";
    default:
      return "unchanged";
  }
}

Json KeyJson(const admin::v1::ObjectKey& key) {
  return {{"group", key.group()},
          {"kind", key.kind()},
          {"namespace", key.namespace_()},
          {"name", key.name()}};
}

Json ObjectChangeJson(const ObjectChange& change, bool texts) {
  Json out = KeyJson(change.key());
  out["change"] = WhatName(change.what());
  if (!texts) return out;
  out["before"] = change.has_before() ? Json(change.before()) : Json(nullptr);
  out["after"] = change.has_after() ? Json(change.after()) : Json(nullptr);
  return out;
}

Json FindingsJson(const Findings& findings) {
  Json out = Json::array();
  for (const auto& d : findings) out.push_back(DiagnosticJson(FromProto(d)));
  return out;
}

std::string DiffText(const google::protobuf::RepeatedPtrField<ObjectChange>& objects) {
  std::string out;
  for (const ObjectChange& change : objects) {
    const auto& key = change.key();
    const std::string path = key.kind() + "/" + key.namespace_() + "/" + key.name() + ".yaml";
    out += manifest::edit::UnifiedDiff(path, change.before(), change.after());
  }
  return out;
}

std::string PaintDiff(std::string_view diff, bool color) {
  std::string out;
  while (!diff.empty()) {
    const size_t end = std::min(diff.find('\n'), diff.size());
    const std::string line = SafeForTerminal(diff.substr(0, end));
    const Style style = line.starts_with("+++") || line.starts_with("---") ? Style::kStrong
                        : line.starts_with("+")                            ? Style::kGood
                        : line.starts_with("-")                            ? Style::kBad
                        : line.starts_with("@@")                           ? Style::kFaint
                                                                           : Style::kPlain;
    out += Paint(style, line, color) + "\n";
    diff.remove_prefix(std::min(end + 1, diff.size()));
  }
  return out;
}

void TellFindings(const Invocation& run, const Findings& findings,
                  const std::vector<manifest::lint::SourceText>& sources) {
  for (const auto& d : findings) {
    if (d.severity() != admin::v1::Diagnostic::ERROR && run.args.Switch("quiet")) continue;
    const auto source = std::find_if(sources.begin(), sources.end(),
                                     [&](const auto& each) { return each.path == d.file(); });
    run.world.err << DiagnosticText(FromProto(d), source == sources.end() ? "" : source->text,
                                    run.color);
  }
}

Answer Refused(const Invocation& run, const ChangeResponse& response) {
  const Status status(CodeOf(response.refusal()), response.message());
  const ExitCode exit = ExitCodeOf(status.code());
  if (!run.WantsDocument()) return {exit, status};
  Json out = ErrorDocument(status, exit, run.world.clock.WallNow());
  out["details"]["appliedGeneration"] = response.applied_generation();
  out["details"]["findings"] = FindingsJson(response.findings());
  run.PrintDocument(out);
  run.world.err << "inferencectl: " << status.message() << "\n";
  return exit;
}

}  // namespace inference::ctl
