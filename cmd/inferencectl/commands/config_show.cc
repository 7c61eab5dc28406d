#include <set>

#include "inferencectl/commands/commands.h"
#include "inferencectl/invocation.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

struct Row {
  std::string key, value, origin;
};

std::string Joined(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += (out.empty() ? "" : ",") + value;
  return out;
}

/// Not of this verb, so that its arguments know nothing of it.
Row RowOfOther(const OptionRow& option, const Invocation& run, const Settings& settings) {
  Row row{std::string(option.config), std::string(option.fallback), "default"};
  const char* variable =
      option.env.empty() ? nullptr : run.world.environment(std::string(option.env).c_str());
  if (variable != nullptr && *variable != '\0') return {row.key, variable, std::string(option.env)};
  const Setting* setting = settings.Find(option.config);
  return setting == nullptr ? row : Row{row.key, Joined(setting->values), setting->origin};
}

std::vector<Row> Rows(const Invocation& run, const Settings& settings) {
  std::vector<Row> rows;
  std::set<std::string_view> seen;
  for (const OptionRow& option : Options()) {
    if (option.config.empty() || !seen.insert(option.config).second) continue;
    // The form of this answer is no setting.
    const bool own = Takes(run.args.verb(), option) && option.name != "output";
    rows.push_back(own ? Row{std::string(option.config), run.args.Text(option.name),
                             run.args.Origin(option.name)}
                       : RowOfOther(option, run, settings));
    if (option.name == "server" && rows.back().value.empty()) rows.back().value = run.Server();
  }
  return rows;
}

}  // namespace

Answer RunConfigShow(Invocation& run) {
  const auto settings = ReadSettings(run.args.Text("config"), run.world.places);
  if (!settings) return {ExitCode::kBadInput, settings.status()};
  const bool origin = run.args.Switch("origin");
  const std::vector<Row> rows = Rows(run, *settings);
  if (run.WantsDocument()) {
    Json out = Envelope("SettingList", run.world.clock.WallNow());
    out["files"] = settings->files();
    out["items"] = Json::array();
    for (const Row& row : rows) {
      Json item{{"key", row.key}, {"value", row.value}};
      if (origin) item["origin"] = row.origin;
      out["items"].push_back(std::move(item));
    }
    run.PrintDocument(out);
    return ExitCode::kOk;
  }
  Table table;
  table.AddColumn("SETTING");
  table.AddColumn("VALUE");
  if (origin) table.AddColumn("ORIGIN");
  for (const Row& row : rows) {
    std::vector<Cell> cells{row.key, row.value.empty() ? std::string("-") : row.value};
    if (origin) cells.emplace_back(row.origin);
    table.AddRow(std::move(cells));
  }
  run.Print(table.Render(/*headers=*/true, run.color));
  return ExitCode::kOk;
}

}  // namespace inference::ctl
