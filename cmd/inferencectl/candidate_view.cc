#include "inferencectl/candidate_view.h"

#include <fmt/format.h>

#include <cmath>

#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

using admin::v1::Candidate;

/// "4 (+1)": reported, and the picks that the report couldn't know of yet.
std::string Waiting(const Candidate& candidate) {
  if (!candidate.has_waiting()) return std::string(kUnknownText);
  const double unseen = candidate.unseen_picks();
  std::string text = HumanNumber(candidate.waiting() - unseen);
  if (unseen > 0) text += " (+" + HumanNumber(unseen) + ")";
  return text;
}

std::string Age(const Candidate& candidate) {
  if (!candidate.has_metrics_age_ms()) return std::string(kUnknownText);
  return HumanMillis(candidate.metrics_age_ms()) + (candidate.stale() ? " stale" : "");
}

std::string Mark(const Candidate& candidate, const std::string& picker) {
  if (!candidate.has_rank()) return "";
  if (candidate.rank() == 0) return "◀ picked" + (picker.empty() ? "" : " (" + picker + ")");
  return "  fallback " + std::to_string(candidate.rank());
}

Json Known(bool known, double value) {
  return known ? Json(value) : Json(nullptr);
}

}  // namespace

std::string CandidateName(const Candidate& candidate) {
  return candidate.endpoint().empty() ? candidate.address() + " (gone)" : candidate.endpoint();
}

Table ScoreTable(const Columns& columns, const Candidates& candidates, const std::string& picker) {
  Table table;
  table.AddColumn("ENDPOINT");
  for (const auto& column : columns) {
    table.AddColumn(column.scorer() + " ×" + HumanNumber(column.weight(), 2), Table::Align::kRight);
  }
  table.AddColumn("TOTAL", Table::Align::kRight);
  table.AddColumn("");
  for (const Candidate& candidate : candidates) {
    std::vector<Cell> row{CandidateName(candidate)};
    for (int i = 0; i < columns.size(); ++i) {
      // A profile may have more scorers than a decision record remembers.
      if (i >= candidate.scores_size()) {
        row.emplace_back(std::string(kUnknownText));
        continue;
      }
      const double score = candidate.scores(i);
      row.emplace_back(fmt::format("{:.2f} → {:.2f}", score, score * columns[i].weight()));
    }
    const bool picked = candidate.has_rank() && candidate.rank() == 0;
    row.emplace_back(fmt::format("{:.2f}", candidate.total()),
                     picked ? Style::kStrong : Style::kPlain);
    row.emplace_back(Mark(candidate, picker), picked ? Style::kGood : Style::kFaint);
    table.AddRow(std::move(row));
  }
  return table;
}

Table SeenTable(const Candidates& candidates, uint32_t prefix_total) {
  Table table;
  table.AddColumn("ENDPOINT");
  for (const char* header : {"WAITING", "RUNNING", "KV%", "IN-FLIGHT", "PREFIX", "AGE"}) {
    table.AddColumn(header, Table::Align::kRight);
  }
  for (const Candidate& candidate : candidates) {
    std::optional<double> kv;
    if (candidate.has_kv_usage()) kv = candidate.kv_usage();
    const std::string running =
        candidate.has_running() ? HumanNumber(candidate.running()) : std::string(kUnknownText);
    const std::string prefix =
        prefix_total == 0 ? "-" : fmt::format("{}/{}", candidate.prefix_match(), prefix_total);
    table.AddRow({CandidateName(candidate), Waiting(candidate), running, PercentOrUnknown(kv),
                  std::to_string(candidate.in_flight()), prefix,
                  Cell(Age(candidate), candidate.stale() ? Style::kWarn : Style::kPlain)});
  }
  return table;
}

Json ColumnsJson(const Columns& columns) {
  Json out = Json::array();
  for (const auto& column : columns) {
    out.push_back({{"scorer", column.scorer()}, {"weight", column.weight()}});
  }
  return out;
}

Json CandidatesJson(const Columns& columns, const Candidates& candidates) {
  Json out = Json::array();
  for (const Candidate& c : candidates) {
    Json row{{"endpoint", c.endpoint()}, {"address", c.address()}};
    row["rank"] = c.has_rank() ? Json(c.rank()) : Json(nullptr);
    row["total"] = c.total();
    row["scores"] = Json::object();
    for (int i = 0; i < columns.size() && i < c.scores_size(); ++i) {
      row["scores"][columns[i].scorer()] = {{"score", c.scores(i)},
                                            {"weighted", c.scores(i) * columns[i].weight()}};
    }
    row["waiting"] = Known(c.has_waiting(), c.waiting());
    row["unseenPicks"] = Known(c.has_unseen_picks(), c.unseen_picks());
    row["running"] = Known(c.has_running(), c.running());
    row["kvCacheUsage"] = Known(c.has_kv_usage(), c.kv_usage());
    row["inFlight"] = c.in_flight();
    row["prefixMatchBlocks"] = c.prefix_match();
    row["metricsAgeMs"] = c.has_metrics_age_ms() ? Json(c.metrics_age_ms()) : Json(nullptr);
    row["stale"] = c.stale();
    out.push_back(std::move(row));
  }
  return out;
}

Json RefusalJson(const admin::v1::Refusal& refusal) {
  Json out{{"reason", refusal.reason()},
           {"httpStatus", refusal.http_status()},
           {"message", refusal.message()}};
  if (!refusal.dropped_reason().empty()) out["droppedReason"] = refusal.dropped_reason();
  return out;
}

}  // namespace inference::ctl
