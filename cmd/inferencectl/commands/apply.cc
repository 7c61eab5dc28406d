#include <fmt/format.h>

#include "inferencectl/changes/change.h"
#include "inferencectl/changes/change_view.h"
#include "inferencectl/changes/external_diff.h"
#include "inferencectl/changes/kinds.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "manifest/lint/lint.h"

namespace inference::ctl {
namespace {

using admin::v1::ChangeRequest;
using manifest::lint::SourceText;

ChangeRequest RequestOf(const std::vector<SourceText>& sources, std::string_view verb) {
  ChangeRequest request;
  request.set_verb(std::string(verb));
  for (const SourceText& source : sources) {
    auto* manifest = request.add_manifests();
    manifest->set_file(source.path);
    manifest->set_text(source.text);
  }
  return request;
}

Answer UsageError(Status status) {
  return {ExitCode::kUsage, std::move(status)};
}

/// Nothing to read at all is a slip of the command line.
bool NoManifests(const Invocation& run) {
  return run.args.List("filename").empty() && run.args.operands().empty();
}

Answer NeedsManifests(const Invocation& run) {
  return UsageError(Status(Code::kInvalidArgument, std::string(run.args.verb().name) +
                                                       " needs a file or a folder: -f PATH"));
}

/// What can be said without a daemon; errors end it here, with all of them.
Answer Preflight(const Invocation& run, const std::vector<SourceText>& sources) {
  const manifest::lint::Verdict verdict = manifest::lint::Run(sources, {});
  size_t errors = 0;
  Json findings = Json::array();
  for (const api::Diagnostic& d : verdict.findings) {
    if (d.severity != api::Severity::kError) continue;
    ++errors;
    findings.push_back(DiagnosticJson(d));
    std::string_view text;
    for (const auto& file : verdict.workspace.files()) {
      if (d.origin.file && file.path == *d.origin.file) text = file.text;
    }
    run.world.err << DiagnosticText(d, text, run.color);
  }
  if (errors == 0 && verdict.documents > 0) return ExitCode::kOk;
  const Status status(
      Code::kInvalidArgument,
      errors == 0 ? "there is no object in what was given"
                  : fmt::format("{} error{}; nothing was changed", errors, errors == 1 ? "" : "s"));
  if (!run.WantsDocument()) return {ExitCode::kBadInput, status};
  Json out = ErrorDocument(status, ExitCode::kBadInput, run.world.clock.WallNow());
  out["details"]["findings"] = std::move(findings);
  run.PrintDocument(out);
  run.world.err << "inferencectl: " << status.message() << "\n";
  return ExitCode::kBadInput;
}

/// `KIND NAME...`, or `KIND/NAME...`.
Status AddKeys(const Invocation& run, ChangeRequest& request) {
  const std::vector<std::string>& words = run.args.operands();
  const std::string& ns = run.args.Text("namespace");
  const auto add = [&](std::string_view kind_word, std::string_view name) {
    const Result<std::string> kind = KindOf(kind_word);
    if (!kind) return kind.status();
    if (name.empty()) return Status(Code::kInvalidArgument, "a name is empty");
    *request.add_deletions() = KeyOf(*kind, name, ns);
    return Status::Ok();
  };
  const bool slashed = words.front().find('/') != std::string::npos;
  if (!slashed && words.size() == 1) {
    return {Code::kInvalidArgument, "delete needs KIND NAME..., or -f PATH"};
  }
  for (size_t i = slashed ? 0 : 1; i < words.size(); ++i) {
    const size_t slash = words[i].find('/');
    const Status added = slashed ? add(words[i].substr(0, slash),
                                       slash == std::string::npos ? "" : words[i].substr(slash + 1))
                                 : add(words.front(), words[i]);
    if (!added.ok()) return added;
  }
  return Status::Ok();
}

/// The objects of the files, as far as they can be read, by name.
Answer AddKeysOfFiles(const Invocation& run, const std::vector<SourceText>& sources,
                      ChangeRequest& request) {
  const manifest::lint::Verdict verdict = manifest::lint::Run(sources, {});
  if (verdict.unusable || verdict.workspace.objects().empty()) return Preflight(run, sources);
  for (const manifest::lint::Object& object : verdict.workspace.objects()) {
    if (object.embedded) continue;
    auto* key = request.add_deletions();
    const std::string_view version = manifest::lint::TextAt(*object.node, "apiVersion");
    key->set_group(std::string(version.substr(0, version.find('/'))));
    key->set_kind(std::string(object.kind->kind));
    key->set_namespace_(object.ns);
    key->set_name(object.name);
  }
  return ExitCode::kOk;
}

}  // namespace

Answer RunApply(Invocation& run) {
  if (NoManifests(run)) return NeedsManifests(run);
  const auto sources = GivenManifests(run);
  if (!sources) return {ExitCode::kBadInput, sources.status()};
  ChangeRequest request = RequestOf(*sources, "apply");
  if (Status options = AddOptions(run, request); !options.ok()) return UsageError(options);
  const Answer checked = Preflight(run, *sources);
  if (checked.exit != ExitCode::kOk) return checked;
  if (run.args.Text("dry-run") == "client") {
    run.Remark("the manifests are good by themselves; --dry-run=server asks the daemon too");
    return ExitCode::kOk;
  }
  return MakeChange(run, request, *sources);
}

Answer RunDelete(Invocation& run) {
  const bool files = !run.args.List("filename").empty();
  if (files == !run.args.operands().empty()) {
    return UsageError(
        Status(Code::kInvalidArgument, "delete needs either KIND NAME..., or -f PATH"));
  }
  ChangeRequest request = RequestOf({}, "delete");
  request.set_ignore_missing(run.args.Switch("ignore-not-found"));
  if (Status options = AddOptions(run, request); !options.ok()) return UsageError(options);
  std::vector<SourceText> sources;
  if (files) {
    auto given = GivenManifests(run);
    if (!given) return {ExitCode::kBadInput, given.status()};
    sources = std::move(*given);
    if (const Answer read = AddKeysOfFiles(run, sources, request); read.exit != ExitCode::kOk) {
      return read;
    }
  } else if (Status keys = AddKeys(run, request); !keys.ok()) {
    return UsageError(keys);
  }
  return MakeChange(run, request, sources);
}

Answer RunDiff(Invocation& run) {
  if (NoManifests(run)) return NeedsManifests(run);
  const auto sources = GivenManifests(run);
  if (!sources) return {ExitCode::kBadInput, sources.status()};
  ChangeRequest request = RequestOf(*sources, "diff");
  if (Status options = AddOptions(run, request); !options.ok()) return UsageError(options);
  request.set_dry_run(true);
  const Answer checked = Preflight(run, *sources);
  if (checked.exit != ExitCode::kOk) return checked;
  auto client = run.Connect();
  if (!client) return client.status();
  const auto response = (*client)->Change(request);
  if (!response) return response.status();
  TellFindings(run, response->findings(), *sources);
  if (response->refusal() == admin::v1::ChangeResponse::NOT_FOUND) {
    return {ExitCode::kRefused, Status(Code::kFailedPrecondition, response->message())};
  }
  if (response->refusal() != admin::v1::ChangeResponse::NONE) return Refused(run, *response);
  const std::string diff = DiffText(response->objects());
  if (run.WantsDocument()) {
    Json out = Envelope("Diff", run.world.clock.WallNow(), run.Server());
    out["appliedGeneration"] = response->applied_generation();
    out["items"] = Json::array();
    for (const auto& change : response->objects()) {
      out["items"].push_back(ObjectChangeJson(change, true));
    }
    run.PrintDocument(out);
  } else if (const std::string& command = run.args.Text("external"); !command.empty()) {
    return RunExternalDiff(run, command, response->objects());
  } else {
    run.Print(PaintDiff(diff, run.color));
  }
  return diff.empty() ? ExitCode::kOk : ExitCode::kNo;
}

}  // namespace inference::ctl
