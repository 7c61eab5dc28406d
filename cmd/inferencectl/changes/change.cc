#include "inferencectl/changes/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "inferencectl/changes/change_view.h"
#include "inferencectl/changes/kinds.h"
#include "inferencectl/changes/wait.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/table.h"
#include "inferencectl/validation/inputs.h"

namespace inference::ctl {
namespace {

using admin::v1::ChangeRequest;
using admin::v1::ChangeResponse;
using admin::v1::ObjectChange;

Status ReadSelector(const std::string& text, admin::v1::LabelSelector& out) {
  for (const std::string_view label : base::SplitTrimmed(text, ',')) {
    const size_t equals = label.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return {Code::kInvalidArgument,
              "--selector wants KEY=VALUE[,KEY=VALUE...], not \"" + base::Printable(text) + "\""};
    }
    std::string_view value = label.substr(equals + 1);
    if (value.starts_with('=')) value.remove_prefix(1);  // kubectl takes both
    (*out.mutable_match_labels())[std::string(label.substr(0, equals))] = std::string(value);
  }
  return Status::Ok();
}

bool Changes(const ChangeResponse& response) {
  return std::any_of(response.objects().begin(), response.objects().end(),
                     [](const ObjectChange& o) { return o.what() != ObjectChange::UNCHANGED; });
}

/// `waited`: how --wait ended; null without it.
void PrintResult(const Invocation& run, const ChangeResponse& response, bool dry_run,
                 const Answer* waited) {
  Json out = Envelope("ChangeResult", run.world.clock.WallNow(), run.Server());
  out["dryRun"] = dry_run;
  out["appliedGeneration"] = response.applied_generation();
  out["generation"] = response.generation();
  out["inForce"] = response.in_force();
  out["items"] = Json::array();
  for (const ObjectChange& change : response.objects()) {
    out["items"].push_back(ObjectChangeJson(change, false));
  }
  out["findings"] = FindingsJson(response.findings());
  if (waited != nullptr) {
    out["wait"]["ready"] = waited->exit == ExitCode::kOk;
    out["wait"]["message"] = waited->failure.ok() ? Json(nullptr) : Json(waited->failure.message());
  }
  run.PrintDocument(out);
}

void PrintText(const Invocation& run, const ChangeResponse& response, bool dry_run) {
  for (const ObjectChange& change : response.objects()) {
    if (run.format() == "name") {
      run.Print(Title(change.key()) + "\n");
      continue;
    }
    const bool same = change.what() == ObjectChange::UNCHANGED;
    run.Print(fmt::format(
        "{} {}{}\n", Title(change.key()),
        Paint(same ? Style::kFaint : Style::kStrong, WhatName(change.what()), run.color),
        dry_run ? " (dry run)" : ""));
  }
  if (dry_run) return;
  if (response.in_force()) {
    run.Remark(fmt::format("applied generation {}, in force as generation {}",
                           response.applied_generation(), response.generation()));
  } else {
    run.Remark(
        fmt::format("applied generation {} is kept; it is in force once its DNS names are "
                    "looked up",
                    response.applied_generation()));
  }
}

}  // namespace

Result<std::vector<manifest::lint::SourceText>> GivenManifests(const Invocation& run) {
  std::vector<std::string> paths = run.args.List("filename");
  paths.insert(paths.end(), run.args.operands().begin(), run.args.operands().end());
  return ReadInputs(paths, run.world.in);
}

Status AddOptions(const Invocation& run, ChangeRequest& request) {
  request.set_dry_run(run.args.Text("dry-run") == "server");
  request.set_reason(run.args.Text("reason"));
  if (const std::string& text = run.args.Text("expect-generation"); !text.empty()) {
    int64_t expected = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), expected);
    if (error != std::errc() || end != text.data() + text.size() || expected < 0) {
      return {Code::kInvalidArgument,
              "--expect-generation wants a number, not \"" + base::Printable(text) + "\""};
    }
    request.set_expected_applied_generation(expected);
  }
  if (!run.args.Switch("prune")) {
    if (!run.args.Text("selector").empty()) {
      return {Code::kInvalidArgument, "--selector is for --prune"};
    }
    return Status::Ok();
  }
  if (run.args.Text("selector").empty()) {
    return {Code::kInvalidArgument,
            "--prune needs --selector: only objects with those labels are deleted"};
  }
  return ReadSelector(run.args.Text("selector"), *request.mutable_prune());
}

Answer MakeChange(const Invocation& run, const ChangeRequest& request,
                  const std::vector<manifest::lint::SourceText>& sources) {
  auto client = run.Connect();
  if (!client) return client.status();
  const auto response = (*client)->Change(request);
  if (!response) return response.status();
  TellFindings(run, response->findings(), sources);
  if (response->refusal() != ChangeResponse::NONE) return Refused(run, *response);
  const bool document = run.WantsDocument();
  if (!document) PrintText(run, *response, request.dry_run());
  const ExitCode done =
      run.args.Switch("exit-code") && Changes(*response) ? ExitCode::kNo : ExitCode::kOk;
  if (request.dry_run() || !run.args.Switch("wait")) {
    if (document) PrintResult(run, *response, request.dry_run(), nullptr);
    return done;
  }
  Answer waited = WaitUntilServing(run, **client, *response);
  if (document) {  // one document: what was done, and how the wait ended
    PrintResult(run, *response, false, &waited);
    if (!waited.failure.ok()) {
      run.world.err << "inferencectl: " << waited.failure.message() << "\n";
      return waited.exit;
    }
  }
  return waited.exit == ExitCode::kOk ? Answer(done) : waited;
}

}  // namespace inference::ctl
