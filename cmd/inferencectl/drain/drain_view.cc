#include "inferencectl/drain/drain_view.h"

#include <fmt/format.h>

#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

using State = DrainView::State;

std::string ServerText(const DrainView& view) {
  if (!view.running || !view.waiting) return std::string(kUnknownText);
  return HumanNumber(*view.running + *view.waiting);
}

Style StyleOf(State state) {
  switch (state) {
    case State::kDrained:
      return Style::kGood;
    case State::kOverdue:
      return Style::kBad;
    default:
      return Style::kWarn;
  }
}

std::string DeadlineText(const DrainView& view) {
  std::string out = "-";
  std::optional<int64_t> first;
  for (const admin::v1::Lease& lease : view.leases) {
    if (lease.has_deadline_ms() && (!first || lease.deadline_ms() < *first)) {
      first = lease.deadline_ms();
    }
  }
  if (!first) return out;
  return *first < 0 ? "-" + HumanMillis(-*first) : HumanMillis(*first);
}

}  // namespace

std::string CountsText(const DrainView& view) {
  std::string out = fmt::format("in flight {}", view.in_flight);
  if (view.fallbacks > 0) out += fmt::format(" and {} fallback", view.fallbacks);
  if (view.running && view.waiting) {
    out += fmt::format(", server running {:g} waiting {:g}", *view.running, *view.waiting);
  } else {
    out += ", server " + std::string(kUnknownText);
  }
  return out;
}

Json LeaseJson(const admin::v1::Lease& lease) {
  Json out{{"id", lease.id()}, {"owner", lease.owner()}, {"peer", lease.peer()}};
  out["reason"] = lease.reason().empty() ? Json(nullptr) : Json(lease.reason());
  out["since"] = UtcTime(lease.created_at(), true);
  out["deadlineMs"] = lease.has_deadline_ms() ? Json(lease.deadline_ms()) : Json(nullptr);
  out["onDeadline"] = lease.on_deadline() == admin::v1::Lease::UNDO    ? "undo"
                      : lease.on_deadline() == admin::v1::Lease::FORCE ? "force"
                                                                       : "leave";
  out["softMs"] = lease.soft_ms();
  return out;
}

Json DrainJson(const DrainView& view) {
  Json out{{"endpoint", view.target.name},     {"namespace", view.target.ns},
           {"address", view.target.address()}, {"state", NameOf(view.state)},
           {"inFlight", view.in_flight},       {"fallbacks", view.fallbacks}};
  out["serverRunning"] = view.running ? Json(*view.running) : Json(nullptr);
  out["serverWaiting"] = view.waiting ? Json(*view.waiting) : Json(nullptr);
  out["ack"] = {{"have", view.have}, {"want", view.want}};
  out["sinceMs"] = view.since_ms;
  out["oldest"] = nullptr;
  if (view.oldest) {
    out["oldest"] = {{"requestId", view.oldest->request_id()}, {"ageMs", view.oldest->age_ms()}};
  }
  out["weight"] = view.weight_permille / 1000.0;
  out["leases"] = Json::array();
  for (const admin::v1::Lease& lease : view.leases) out["leases"].push_back(LeaseJson(lease));
  out["blockers"] = Json::array();
  for (size_t i = 0; i < view.codes.size(); ++i) {
    out["blockers"].push_back({{"code", view.codes[i]}, {"message", view.blockers[i]}});
  }
  return out;
}

Table DrainTable(const std::vector<DrainView>& views) {
  Table table;
  table.AddColumn("ENDPOINT");
  table.AddColumn("STATE");
  table.AddColumn("IN-FLIGHT", Table::Align::kRight);
  table.AddColumn("SERVER", Table::Align::kRight);
  table.AddColumn("ACK", Table::Align::kRight);
  table.AddColumn("SINCE", Table::Align::kRight);
  table.AddColumn("DEADLINE", Table::Align::kRight);
  table.AddColumn("OWNER");
  table.AddColumn("REASON");
  for (const DrainView& view : views) {
    std::string owners, reasons;
    for (const admin::v1::Lease& lease : view.leases) {
      owners += (owners.empty() ? "" : ", ") + SafeForTerminal(lease.owner());
      if (lease.reason().empty()) continue;
      reasons += (reasons.empty() ? "" : "; ") + SafeForTerminal(lease.reason());
    }
    std::string state(NameOf(view.state));
    if (view.state == State::kWarming) state += fmt::format(" {} %", view.weight_permille / 10);
    table.AddRow({view.target.name,
                  {state, StyleOf(view.state)},
                  std::to_string(view.in_flight + view.fallbacks),
                  ServerText(view),
                  fmt::format("{}/{}", view.have, view.want),
                  HumanMillis(view.since_ms),
                  DeadlineText(view),
                  owners.empty() ? "-" : owners,
                  reasons.empty() ? "-" : reasons});
    for (const std::string& blocker : view.blockers) table.AddNote(blocker);
  }
  return table;
}

Json OutcomeJson(const DrainOutcome& outcome) {
  Json out = DrainJson(outcome.last);
  out["outcome"] = outcome.what;
  out["verified"] = outcome.last.state == State::kDrained;
  out["message"] = outcome.message;
  out["durationSeconds"] = static_cast<double>(outcome.duration_ms) / 1000;
  out["lost"] = outcome.last.lost;
  out["exitCode"] = static_cast<int>(outcome.exit);
  return out;
}

}  // namespace inference::ctl
