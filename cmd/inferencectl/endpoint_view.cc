#include "inferencectl/endpoint_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "inferencectl/drain/drain_view.h"
#include "inferencectl/format.h"
#include "inferencectl/list_view.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

using admin::v1::Endpoint;
using admin::v1::ListEndpointsResponse;
using admin::v1::Metric;

std::string_view StateName(Endpoint::State state) {
  switch (state) {
    case Endpoint::READY:
      return "Ready";
    case Endpoint::UNREACHABLE:
      return "Unreachable";
    case Endpoint::ASLEEP:
      return "Asleep";
    case Endpoint::DRAINING:
      return "Draining";
    case Endpoint::OVERDUE:
      return "Overdue";
    case Endpoint::DRAINED:
      return "Drained";
    case Endpoint::UNVERIFIED:
      return "Unverified";
    case Endpoint::WARMING:
      return "Warming";
    case Endpoint::EJECTED:
      return "Ejected";
    case Endpoint::HALF_OPEN:
      return "HalfOpen";
    default:
      return "Unknown";
  }
}

Style StateStyle(Endpoint::State state) {
  switch (state) {
    case Endpoint::READY:
      return Style::kGood;
    case Endpoint::UNREACHABLE:
    case Endpoint::OVERDUE:
    case Endpoint::EJECTED:
      return Style::kBad;
    default:
      return Style::kWarn;
  }
}

bool AnyStale(const Endpoint& e) {
  for (const Metric* metric : {&e.waiting(), &e.running(), &e.kv_usage()}) {
    if (metric->freshness() == admin::v1::STALE) return true;
  }
  return false;
}

// What was true some time ago is not known now: the picker does not go by it either. Its age is in
// a column of its own, the last value in -o json.
std::optional<double> Known(const Metric& metric) {
  if (!metric.has_value() || metric.freshness() != admin::v1::FRESH) return std::nullopt;
  return metric.value();
}

Cell MetricCell(const Metric& metric) {
  const std::optional<double> value = Known(metric);
  if (!value) return {std::string(kUnknownText), Style::kFaint};
  return HumanNumber(*value);
}

Cell KvCell(const Metric& metric) {
  const std::optional<double> value = Known(metric);
  return {PercentOrUnknown(value), value ? Style::kPlain : Style::kFaint};
}

Cell AgeCell(const Endpoint& e) {
  if (!e.has_page_age_ms()) return std::string(kUnknownText);
  const bool stale = AnyStale(e);
  return {HumanMillis(e.page_age_ms()) + (stale ? " stale" : ""),
          stale ? Style::kWarn : Style::kPlain};
}

std::string LoraText(const Endpoint& e) {
  if (!e.has_lora() || AnyStale(e)) return std::string(kUnknownText);
  return fmt::format("{}+{}/{}", e.lora().running(), e.lora().waiting(), e.lora().max());
}

std::string PrefixHitText(const Endpoint& e) {
  const auto hits = Known(e.prefix_hits()), queries = Known(e.prefix_queries());
  if (!hits || !queries) return std::string(kUnknownText);
  return *queries <= 0 ? "-" : HumanNumber(100 * *hits / *queries);
}

std::string BlocksText(const Endpoint& e) {
  const auto blocks = Known(e.num_blocks()), size = Known(e.block_size());
  if (!blocks || !size) return std::string(kUnknownText);
  return HumanNumber(*blocks) + "×" + HumanNumber(*size);
}

std::string LabelsText(const Endpoint& e) {
  const std::map<std::string, std::string> sorted(e.labels().begin(), e.labels().end());
  std::string out;
  for (const auto& [key, value] : sorted) out += (out.empty() ? "" : ",") + key + "=" + value;
  return out.empty() ? "-" : SafeForTerminal(out);
}

std::string LeaseText(const admin::v1::Lease& lease) {
  std::string out = "drained by " + SafeForTerminal(lease.owner());
  if (!lease.reason().empty()) out += ": " + SafeForTerminal(lease.reason());
  if (lease.has_deadline_ms()) {
    const int64_t left = lease.deadline_ms();
    out += left < 0 ? ", " + HumanMillis(-left) + " over time" : ", " + HumanMillis(left) + " left";
  }
  return out;
}

std::string WeightText(const Endpoint& e) {
  return fmt::format("gets {:g} % of its share: {}", e.weight_permille() / 10.0,
                     SafeForTerminal(e.weight_note()));
}

Table EndpointTable(const ListEndpointsResponse& list, bool wide) {
  std::set<std::string> pools;
  for (const Endpoint& e : list.endpoints()) pools.insert(e.pool());
  const bool show_pool = wide || pools.size() > 1;
  Table table;
  if (show_pool) table.AddColumn("POOL");
  table.AddColumn("ENDPOINT");
  table.AddColumn("ADDRESS");
  table.AddColumn("STATE");
  for (const char* header : {"RUNNING", "WAITING", "KV%", "IN-FLIGHT", "AGE"}) {
    table.AddColumn(header, Table::Align::kRight);
  }
  if (wide) {
    for (const char* header :
         {"UNSEEN", "PICKS", "PAGES", "ERRORS", "LORA", "PREFIX-HIT%", "BLOCKS"}) {
      table.AddColumn(header, Table::Align::kRight);
    }
    table.AddColumn("LABELS");
  }
  for (const Endpoint& e : list.endpoints()) {
    std::vector<Cell> row;
    if (show_pool) row.emplace_back(e.pool());
    row.emplace_back(e.name());
    row.emplace_back(e.address());
    row.emplace_back(std::string(StateName(e.state())), StateStyle(e.state()));
    row.push_back(MetricCell(e.running()));
    row.push_back(MetricCell(e.waiting()));
    row.push_back(KvCell(e.kv_usage()));
    row.emplace_back(std::to_string(e.in_flight()));
    row.push_back(AgeCell(e));
    if (wide) {
      row.emplace_back(std::to_string(e.unseen_picks()));
      row.emplace_back(std::to_string(e.picks()));
      row.emplace_back(std::to_string(e.pages()));
      row.emplace_back(std::to_string(e.page_errors()));
      row.emplace_back(LoraText(e));
      row.emplace_back(PrefixHitText(e));
      row.emplace_back(BlocksText(e));
      row.emplace_back(LabelsText(e));
    }
    table.AddRow(std::move(row));
    if (!e.scrape_error().empty()) table.AddNote(SafeForTerminal(e.scrape_error()));
    if (!e.ejection_note().empty()) table.AddNote(SafeForTerminal(e.ejection_note()));
    for (const admin::v1::Lease& lease : e.leases()) table.AddNote(LeaseText(lease));
    if (!e.weight_note().empty()) table.AddNote(WeightText(e));
  }
  return table;
}

Json MetricJson(const Metric& metric) {
  Json out;
  out["value"] = metric.has_value() ? Json(metric.value()) : Json(nullptr);
  out["source"] = "reported";
  out["freshness"] = metric.freshness() == admin::v1::FRESH   ? "fresh"
                     : metric.freshness() == admin::v1::STALE ? "stale"
                                                              : "unknown";
  out["ageMs"] = metric.has_age_ms() ? Json(metric.age_ms()) : Json(nullptr);
  return out;
}

/// What is sorted by; unknown is below every number.
double Number(const Metric& metric) {
  return Known(metric).value_or(-std::numeric_limits<double>::infinity());
}

std::function<double(const Endpoint&)> NumberColumn(const std::string& column) {
  if (column == "running") return [](const Endpoint& e) { return Number(e.running()); };
  if (column == "waiting") return [](const Endpoint& e) { return Number(e.waiting()); };
  if (column == "kv") return [](const Endpoint& e) { return Number(e.kv_usage()); };
  if (column == "in-flight") {
    return [](const Endpoint& e) { return static_cast<double>(e.in_flight()); };
  }
  if (column == "picks") return [](const Endpoint& e) { return static_cast<double>(e.picks()); };
  if (column == "age") {
    return [](const Endpoint& e) {
      return e.has_page_age_ms() ? static_cast<double>(e.page_age_ms())
                                 : -std::numeric_limits<double>::infinity();
    };
  }
  return nullptr;
}

std::string TextColumn(const std::string& column, const Endpoint& e) {
  if (column == "pool") return e.pool();
  if (column == "state") return std::string(StateName(e.state()));
  return e.name();
}

}  // namespace

Json EndpointJson(const Endpoint& e) {
  Json out{{"name", e.name()}, {"namespace", e.namespace_()},
           {"pool", e.pool()}, {"address", e.address()},
           {"rank", e.rank()}, {"id", e.id()}};
  out["state"] = StateName(e.state());
  out["running"] = MetricJson(e.running());
  out["waiting"] = MetricJson(e.waiting());
  out["kvCacheUsage"] = MetricJson(e.kv_usage());
  out["blockSize"] = MetricJson(e.block_size());
  out["blocks"] = MetricJson(e.num_blocks());
  out["prefixQueries"] = MetricJson(e.prefix_queries());
  out["prefixHits"] = MetricJson(e.prefix_hits());
  out["preemptions"] = MetricJson(e.preemptions());
  out["lora"] = nullptr;
  if (e.has_lora()) {
    out["lora"] = {
        {"running", e.lora().running()}, {"waiting", e.lora().waiting()}, {"max", e.lora().max()}};
  }
  out["weight"] = e.weight_permille() / 1000.0;
  out["weightNote"] = e.weight_note().empty() ? Json(nullptr) : Json(e.weight_note());
  out["ejection"] = {{"count", e.ejections()}};
  out["ejection"]["note"] = e.ejection_note().empty() ? Json(nullptr) : Json(e.ejection_note());
  out["drain"] = nullptr;
  if (!e.leases().empty()) {
    out["drain"]["leases"] = Json::array();
    for (const admin::v1::Lease& lease : e.leases()) {
      out["drain"]["leases"].push_back(LeaseJson(lease));
    }
  }
  out["inFlight"] = {{"value", e.in_flight()}, {"source", "observed"}};
  out["unseenPicks"] = e.unseen_picks();
  out["picks"] = e.picks();
  out["scrape"] = {{"pages", e.pages()}, {"errors", e.page_errors()}, {"failures", e.failures()}};
  out["scrape"]["ageMs"] = e.has_page_age_ms() ? Json(e.page_age_ms()) : Json(nullptr);
  out["scrape"]["lastError"] = e.scrape_error().empty() ? Json(nullptr) : Json(e.scrape_error());
  out["labels"] = Json::object();
  const std::map<std::string, std::string> sorted(e.labels().begin(), e.labels().end());
  for (const auto& [key, value] : sorted) out["labels"][key] = value;
  return out;
}

void SortEndpoints(const std::string& column, ListEndpointsResponse& list) {
  if (column.empty()) return;
  const auto number = NumberColumn(column);
  std::stable_sort(list.mutable_endpoints()->pointer_begin(),
                   list.mutable_endpoints()->pointer_end(),
                   [&](const Endpoint* a, const Endpoint* b) {
                     if (number) return number(*a) > number(*b);
                     return TextColumn(column, *a) < TextColumn(column, *b);
                   });
}

Table EndpointColumns() {
  return EndpointTable({}, /*wide=*/true);
}

Json EndpointListJson(const Invocation& run, const ListEndpointsResponse& list) {
  Json out = Envelope("EndpointList", run.world.clock.WallNow(), run.Server());
  out["generation"] = list.generation();
  out["items"] = Json::array();
  for (const Endpoint& e : list.endpoints()) out["items"].push_back(EndpointJson(e));
  out["warnings"] = Json::array();
  return out;
}

void PrintEndpoints(const Invocation& run, const ListEndpointsResponse& list, bool headers) {
  const std::string& format = run.format();
  if (format == "jsonl") {
    for (const Endpoint& e : list.endpoints()) {
      Json out{{"apiVersion", kOutputVersion}, {"kind", "Endpoint"}};
      out["observedAt"] = UtcTime(list.observed_at(), true);
      out.update(EndpointJson(e));
      run.Print(ToText(out, /*compact=*/true));
    }
  } else if (format == "name") {
    for (const Endpoint& e : list.endpoints()) run.Print("endpoint/" + e.name() + "\n");
  } else if (!PrintListDocument(run, EndpointListJson(run, list))) {
    Table table = EndpointTable(list, WantsAllColumns(run));
    if (table.empty()) {
      run.Remark("no endpoints");
      return;
    }
    PrintTable(run, std::move(table), headers);
  }
}

}  // namespace inference::ctl
