#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/text.h"
#include "inferencectl/changes/change.h"
#include "inferencectl/changes/change_view.h"
#include "inferencectl/changes/kinds.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

using admin::v1::ListHistoryResponse;
using admin::v1::ObjectChange;
using admin::v1::Operation;
using admin::v1::Revision;

Result<int64_t> ReadNumber(std::string_view text, std::string_view what, int64_t least) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= least) return value;
  return Status(Code::kInvalidArgument,
                std::string(what) + " wants a number, not \"" + base::Printable(text) + "\"");
}

std::string Counts(const Revision& revision) {
  int created = 0, changed = 0, deleted = 0;
  for (const ObjectChange& object : revision.objects()) {
    created += object.what() == ObjectChange::CREATED ? 1 : 0;
    changed += object.what() == ObjectChange::CHANGED ? 1 : 0;
    deleted += object.what() == ObjectChange::DELETED ? 1 : 0;
  }
  std::string out;
  const auto add = [&](int n, const char* what) {
    if (n > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, what);
  };
  add(created, "created");
  add(changed, "changed");
  add(deleted, "deleted");
  return out;
}

bool IsLater(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b) {
  return std::pair(a.seconds(), a.nanos()) > std::pair(b.seconds(), b.nanos());
}

Json OperationJson(const Operation& o) {
  Json out{{"id", o.id()}, {"at", UtcTime(o.at(), true)}, {"who", o.who()}, {"verb", o.verb()}};
  out["reason"] = o.reason().empty() ? Json(nullptr) : Json(o.reason());
  out["subject"] = o.subject();
  out["before"] = o.before().empty() ? Json(nullptr) : Json(o.before());
  out["after"] = o.after().empty() ? Json(nullptr) : Json(o.after());
  return out;
}

void PrintTable(const Invocation& run, const ListHistoryResponse& history) {
  Table table;
  table.AddColumn("GENERATION", Table::Align::kRight);
  table.AddColumn("WHEN");
  table.AddColumn("WHO");
  table.AddColumn("VERB");
  table.AddColumn("OBJECTS");
  table.AddColumn("REASON");
  const auto add_operation = [&](const Operation& o) {
    table.AddRow({"-", UtcTime(o.at()), SafeForTerminal(o.who()), SafeForTerminal(o.verb()),
                  SafeForTerminal(o.subject()), SafeForTerminal(o.reason())});
  };
  // Both lists have the newest first.
  int next = 0;
  for (const Revision& r : history.revisions()) {
    while (next < history.operations_size() && IsLater(history.operations(next).at(), r.at())) {
      add_operation(history.operations(next++));
    }
    table.AddRow({std::to_string(r.generation()), UtcTime(r.at()), SafeForTerminal(r.who()),
                  SafeForTerminal(r.verb()), Counts(r), SafeForTerminal(r.reason())});
  }
  while (next < history.operations_size()) add_operation(history.operations(next++));
  run.Print(table.Render(!run.args.Switch("no-headers"), run.color));
}

void PrintOne(const Invocation& run, const Revision& r) {
  run.Print(fmt::format("generation {}, {}, {} by {}\n", r.generation(), UtcTime(r.at()),
                        SafeForTerminal(r.verb()), SafeForTerminal(r.who())));
  if (!r.reason().empty()) run.Print("reason: " + SafeForTerminal(r.reason()) + "\n");
  for (const ObjectChange& object : r.objects()) {
    run.Print(fmt::format("{} {}\n", Title(object.key()), WhatName(object.what())));
  }
  run.Print("\n" + PaintDiff(DiffText(r.objects()), run.color));
}

Json ToJson(const Revision& r, bool texts) {
  Json out{{"generation", r.generation()},
           {"at", UtcTime(r.at(), true)},
           {"who", r.who()},
           {"verb", r.verb()}};
  out["reason"] = r.reason().empty() ? Json(nullptr) : Json(r.reason());
  out["objects"] = Json::array();
  for (const ObjectChange& object : r.objects()) {
    out["objects"].push_back(ObjectChangeJson(object, texts));
  }
  return out;
}

}  // namespace

Answer RunHistory(Invocation& run) {
  admin::v1::ListHistoryRequest request;
  const bool one = !run.args.operands().empty();
  if (one) {
    const auto generation = ReadNumber(run.args.operands().front(), "GENERATION", 1);
    if (!generation) return {ExitCode::kUsage, generation.status()};
    request.set_generation(*generation);
  }
  const auto limit = ReadNumber(run.args.Text("limit"), "--limit", 1);
  if (!limit || *limit > 1000) {
    return {ExitCode::kUsage, Status(Code::kInvalidArgument, "--limit wants 1 to 1000")};
  }
  request.set_limit(static_cast<int>(*limit));
  auto client = run.Connect();
  if (!client) return client.status();
  const auto history = (*client)->ListHistory(request);
  if (!history) return history.status();
  if (run.WantsDocument()) {
    Json out = Envelope("History", run.world.clock.WallNow(), run.Server());
    out["items"] = Json::array();
    for (const Revision& r : history->revisions()) out["items"].push_back(ToJson(r, one));
    out["operations"] = Json::array();
    for (const Operation& o : history->operations()) {
      out["operations"].push_back(OperationJson(o));
    }
    run.PrintDocument(out);
  } else if (one) {
    PrintOne(run, history->revisions(0));
  } else if (history->revisions().empty() && history->operations().empty()) {
    run.Remark("nothing was ever changed by command here");
  } else {
    PrintTable(run, *history);
  }
  return ExitCode::kOk;
}

Answer RunRollback(Invocation& run) {
  const auto to = ReadNumber(run.args.Text("to"), "--to", 0);
  if (!to) return {ExitCode::kUsage, to.status()};
  admin::v1::ChangeRequest request;
  request.set_verb(fmt::format("rollback to {}", *to));
  request.set_rollback_to(*to);
  if (Status options = AddOptions(run, request); !options.ok()) {
    return {ExitCode::kUsage, options};
  }
  return MakeChange(run, request, {});
}

}  // namespace inference::ctl
