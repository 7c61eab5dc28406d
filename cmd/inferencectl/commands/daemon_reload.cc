#include <fmt/format.h>

#include "inferencectl/changes/change_view.h"
#include "inferencectl/changes/kinds.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

using admin::v1::ReloadResponse;

Json SizeJson(const ReloadResponse::Size& size) {
  return {
      {"generation", size.generation()}, {"pools", size.pools()}, {"endpoints", size.endpoints()}};
}

void PrintResult(const Invocation& run, const ReloadResponse& response) {
  Json out = Envelope("ReloadResult", run.world.clock.WallNow(), run.Server());
  out["pending"] = response.pending();
  out["refused"] = response.refused();
  out["message"] = response.message().empty() ? Json(nullptr) : Json(response.message());
  out["before"] = response.pending() ? Json(nullptr) : SizeJson(response.before());
  out["now"] = response.pending() ? Json(nullptr) : SizeJson(response.now());
  out["items"] = Json::array();
  for (const auto& change : response.objects()) {
    out["items"].push_back(ObjectChangeJson(change, /*texts=*/true));
  }
  out["findings"] = FindingsJson(response.findings());
  run.PrintDocument(out);
}

std::string Step(int before, int now, const char* what) {
  const std::string after = fmt::format("{} {}{}", now, what, now == 1 ? "" : "s");
  return before == now ? after : fmt::format("{} (before: {})", after, before);
}

void PrintText(const Invocation& run, const ReloadResponse& response) {
  for (const auto& change : response.objects()) {
    run.Print(fmt::format("{} {}\n", Title(change.key()),
                          Paint(Style::kStrong, WhatName(change.what()), run.color)));
  }
  const auto &before = response.before(), &now = response.now();
  run.Remark(
      fmt::format("{}generation {} is in force: {}, {}",
                  response.objects().empty() ? "the objects of files are as they were; " : "",
                  now.generation(), Step(before.pools(), now.pools(), "pool"),
                  Step(before.endpoints(), now.endpoints(), "endpoint")));
}

}  // namespace

Answer RunDaemonReload(Invocation& run) {
  auto client = run.Connect();
  if (!client) return client.status();
  admin::v1::ReloadRequest request;
  request.set_reason(run.args.Text("reason"));
  request.set_wait(run.args.Switch("wait"));
  const auto response = (*client)->Reload(request);
  if (!response) return response.status();
  TellFindings(run, response->findings(), {});
  if (run.WantsDocument()) {
    PrintResult(run, *response);
  } else if (response->pending()) {
    run.Remark("the daemon reads its files again; status tells what comes of it");
  } else if (!response->refused()) {
    PrintText(run, *response);
  }
  if (!response->refused()) return ExitCode::kOk;
  run.world.err << "inferencectl: " << SafeForTerminal(response->message()) << "\n";
  return ExitCode::kNo;
}

}  // namespace inference::ctl
