#include "inferencectl/pool_view.h"

#include <fmt/format.h>

#include <map>

#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/list_view.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

using admin::v1::Pool;

std::string PortsText(const Pool& pool) {
  std::string out;
  for (int port : pool.target_ports()) out += (out.empty() ? "" : ",") + std::to_string(port);
  return out;
}

std::string SelectorText(const Pool& pool) {
  const std::map<std::string, std::string> sorted(pool.selector().begin(), pool.selector().end());
  std::string out;
  for (const auto& [key, value] : sorted) out += (out.empty() ? "" : ",") + key + "=" + value;
  return SafeForTerminal(out);
}

std::string ScorersText(const Pool& pool) {
  std::string out;
  for (const auto& profile : pool.profiles()) {
    if (!out.empty()) out += "; ";
    if (pool.profiles_size() > 1) out += profile.name() + ": ";
    std::string scorers;
    for (const auto& scorer : profile.scorers()) {
      scorers +=
          (scorers.empty() ? "" : ", ") + scorer.name() + " ×" + HumanNumber(scorer.weight(), 2);
    }
    out += scorers;
  }
  return out.empty() ? "-" : out;
}

Table PoolTable(const admin::v1::ListPoolsResponse& list, bool wide) {
  Table table;
  table.AddColumn("POOL");
  for (const char* header : {"ENDPOINTS", "READY", "UNREACHABLE"}) {
    table.AddColumn(header, Table::Align::kRight);
  }
  table.AddColumn("PORTS");
  table.AddColumn("SCORERS");
  if (wide) {
    table.AddColumn("SELECTOR");
    table.AddColumn("PICKER");
    table.AddColumn("TRACKING");
    table.AddColumn("GENERATION", Table::Align::kRight);
  }
  for (const Pool& pool : list.pools()) {
    const auto& counts = pool.endpoints();
    const bool none_ready = counts.ready() == 0;
    std::vector<Cell> row{
        pool.key(),
        std::to_string(counts.total()),
        Cell(std::to_string(counts.ready()), none_ready ? Style::kBad : Style::kGood),
        Cell(std::to_string(counts.unreachable()),
             counts.unreachable() > 0 ? Style::kBad : Style::kPlain),
        PortsText(pool),
        ScorersText(pool)};
    if (wide) {
      row.emplace_back(SelectorText(pool));
      row.emplace_back(pool.profiles().empty() ? "-" : pool.profiles(0).picker());
      row.emplace_back(pool.response_tracking());
      row.emplace_back(std::to_string(pool.generation()));
    }
    table.AddRow(std::move(row));
  }
  return table;
}

Json PoolJson(const Pool& pool) {
  Json out{{"name", pool.key()}};
  out["endpoints"] = CountsJson(pool.endpoints());
  out["targetPorts"] =
      Json(std::vector<int>(pool.target_ports().begin(), pool.target_ports().end()));
  out["selector"] = Json::object();
  const std::map<std::string, std::string> sorted(pool.selector().begin(), pool.selector().end());
  for (const auto& [key, value] : sorted) out["selector"][key] = value;
  out["profiles"] = Json::array();
  for (const auto& profile : pool.profiles()) {
    Json p{{"name", profile.name()}};
    p["filters"] =
        Json(std::vector<std::string>(profile.filters().begin(), profile.filters().end()));
    p["scorers"] = Json::array();
    for (const auto& scorer : profile.scorers()) {
      p["scorers"].push_back({{"name", scorer.name()}, {"weight", scorer.weight()}});
    }
    p["picker"] = profile.picker();
    out["profiles"].push_back(std::move(p));
  }
  out["appProtocol"] = pool.app_protocol();
  out["responseTracking"] = pool.response_tracking();
  out["destinationList"] = pool.destination_list();
  out["generation"] = pool.generation();
  out["origin"] = pool.origin().empty() ? Json(nullptr) : Json(pool.origin());
  return out;
}

Json PoolListJson(const Invocation& run, const admin::v1::ListPoolsResponse& list) {
  Json out = Envelope("PoolList", run.world.clock.WallNow(), run.Server());
  out["generation"] = list.generation();
  out["items"] = Json::array();
  for (const Pool& pool : list.pools()) out["items"].push_back(PoolJson(pool));
  out["warnings"] = Json::array();
  return out;
}

}  // namespace

Json CountsJson(const admin::v1::EndpointCounts& counts) {
  return {{"total", counts.total()},
          {"ready", counts.ready()},
          {"unreachable", counts.unreachable()},
          {"ejected", counts.ejected()},
          {"asleep", counts.asleep()},
          {"unknown", counts.unknown()},
          {"draining", counts.draining()}};
}

Table PoolColumns() {
  return PoolTable({}, /*wide=*/true);
}

void PrintPools(const Invocation& run, const admin::v1::ListPoolsResponse& list) {
  const std::string& format = run.format();
  if (format == "jsonl") {
    for (const Pool& pool : list.pools()) {
      Json out{{"apiVersion", kOutputVersion}, {"kind", "Pool"}};
      out.update(PoolJson(pool));
      run.Print(ToText(out, /*compact=*/true));
    }
  } else if (format == "name") {
    for (const Pool& pool : list.pools()) run.Print("pool/" + pool.key() + "\n");
  } else if (!PrintListDocument(run, PoolListJson(run, list))) {
    Table table = PoolTable(list, WantsAllColumns(run));
    if (table.empty()) {
      run.Remark("no pools");
      return;
    }
    PrintTable(run, std::move(table), /*headers=*/true);
  }
}

}  // namespace inference::ctl
