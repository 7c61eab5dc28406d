#include "inferencectl/traffic/rule_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "inferencectl/format.h"
#include "inferencectl/table.h"
#include "inferencectl/traffic/removed_view.h"
#include "inferencectl/traffic/split.h"

namespace inference::ctl::traffic {
namespace {

using admin::v1::Object;
using admin::v1::Split;

std::string SourceOf(const Object& object) {
  if (!object.file().empty()) {
    return fmt::format("{}:{}:{}", object.file(), object.line(), object.column());
  }
  return fmt::format("applied in generation {}", object.applied_generation());
}

std::string MatchesOf(const Split& split) {
  if (split.pool().empty()) return "requests of this rule's routes";
  std::string models;
  for (const std::string& model : split.models()) {
    models += (models.empty() ? "model " : " or ") + SafeForTerminal(model);
  }
  return models.empty() ? "every model that no other rule is for" : models;
}

void PrintRule(const Invocation& run, const Split& split, const std::vector<std::string>& removed) {
  run.Print(fmt::format("\nrule {:<6} {}\n", split.rule(), MatchesOf(split)));
  uint64_t requests = 0;
  for (const auto& target : split.targets()) requests += target.requests();
  Table table;
  table.AddColumn("TO");
  for (const char* header : {"WEIGHT", "SHARE", "GOT", "REQUESTS", "IN ALL"}) {
    table.AddColumn(header, Table::Align::kRight);
  }
  const auto percent = [](double share) { return fmt::format("{:.1f} %", share * 100); };
  for (const auto& target : split.targets()) {
    const auto got = static_cast<double>(target.requests());
    table.AddRow({SafeForTerminal(target.name()),
                  target.has_weight() ? std::to_string(target.weight()) : "-",
                  percent(target.fraction()),
                  requests == 0 ? "-" : percent(got / static_cast<double>(requests)),
                  std::to_string(target.requests()), std::to_string(target.requests_total())});
  }
  for (const std::string& name : removed) {
    table.AddRow({SafeForTerminal(name), "0", Cell("removed", Style::kFaint), "", "", ""});
  }
  run.Print(table.Render(/*headers=*/true, run.color));
  run.Print(
      fmt::format("{} requests since {}, when these weights came; check with inferencectl "
                  "traffic verify {}\n",
                  requests, UtcTime(split.since()), NameOf(split)));
}

}  // namespace

Answer DescribeRules(const Invocation& run, admin::AdminClient& client, const std::string& word,
                     const std::string& name) {
  const auto target =
      ParseTarget(word + "/" + name,
                  run.args.Text("namespace").empty() ? "default" : run.args.Text("namespace"));
  if (!target) return {ExitCode::kUsage, target.status()};
  const auto objects = client.ListObjects();
  if (!objects) return objects.status();
  const auto object =
      std::find_if(objects->objects().begin(), objects->objects().end(), [&](const Object& o) {
        return o.key().kind() == target->kind && o.key().namespace_() == target->ns &&
               o.key().name() == target->name;
      });
  if (object == objects->objects().end()) {
    return Status(Code::kNotFound,
                  fmt::format("no {} {}/{}", target->kind, SafeForTerminal(target->ns),
                              SafeForTerminal(target->name)));
  }
  const auto list = client.ListSplits();
  if (!list) return list.status();
  std::vector<Split> rules;
  for (const Split& split : list->splits()) {
    if (split.kind() == target->kind && split.namespace_() == target->ns &&
        split.name() == target->name) {
      rules.push_back(split);
    }
  }
  std::sort(rules.begin(), rules.end(),
            [](const Split& a, const Split& b) { return a.rule() < b.rule(); });
  run.Print(fmt::format("{:<11} {}/{}\n", word, SafeForTerminal(target->ns),
                        SafeForTerminal(target->name)));
  run.Print("kind        " + target->kind + "\n");
  run.Print("defined in  " + SafeForTerminal(SourceOf(*object)) + "\n");
  if (!rules.empty() && !rules.front().pool().empty()) {
    run.Print("pool        " + SafeForTerminal(rules.front().pool()) + "\n");
  }
  if (rules.empty()) run.Print("\nno rule of it is in force here\n");
  const RemovedView removed(run, *objects);
  for (const Split& rule : rules) PrintRule(run, rule, removed.Of(rule));
  return ExitCode::kOk;
}

}  // namespace inference::ctl::traffic
