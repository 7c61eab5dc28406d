#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "inferencectl/pool_view.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

using admin::v1::Diagnostic;
using admin::v1::GetStatusResponse;

std::string Position(const Diagnostic& d) {
  if (d.file().empty()) return "";
  if (d.line() == 0) return d.file() + ": ";
  return fmt::format("{}:{}:{}: ", d.file(), d.line(), d.column());
}

std::string_view SeverityName(Diagnostic::Severity severity) {
  switch (severity) {
    case Diagnostic::WARNING:
      return "warning";
    case Diagnostic::INFO:
      return "info";
    default:
      return "error";
  }
}

std::string DiagnosticLine(const Diagnostic& d) {
  std::string out = Position(d) + std::string(SeverityName(d.severity())) + ": " + d.message();
  if (!d.note().empty()) out += " (" + d.note() + ")";
  if (!d.code().empty()) out += " [" + d.code() + "]";
  return SafeForTerminal(out);
}

std::string CountsText(const admin::v1::EndpointCounts& counts) {
  std::string out = fmt::format("{}: {} ready", counts.total(), counts.ready());
  if (counts.unreachable() > 0) out += fmt::format(", {} unreachable", counts.unreachable());
  if (counts.ejected() > 0) out += fmt::format(", {} ejected", counts.ejected());
  if (counts.asleep() > 0) out += fmt::format(", {} asleep", counts.asleep());
  if (counts.draining() > 0) out += fmt::format(", {} draining or drained", counts.draining());
  if (counts.unknown() > 0) out += fmt::format(", {} not scraped yet", counts.unknown());
  return out;
}

Json StatusJson(const GetStatusResponse& s) {
  Json config{{"file", s.config_file()},
              {"generation", s.config().generation()},
              {"lastReloadOk", s.config().last_reload_ok()}};
  config["lastSuccess"] = s.config().has_last_success()
                              ? Json(UtcTime(s.config().last_success(), true))
                              : Json(nullptr);
  config["rejected"] = s.config().rejected();
  config["stateFile"] =
      s.config().state_file().empty() ? Json(nullptr) : Json(s.config().state_file());
  config["noState"] = s.config().no_state().empty() ? Json(nullptr) : Json(s.config().no_state());
  config["appliedGeneration"] = s.config().applied_generation();
  config["diagnostics"] = Json::array();
  for (const Diagnostic& d : s.config().diagnostics()) {
    config["diagnostics"].push_back({{"level", SeverityName(d.severity())},
                                     {"code", d.code()},
                                     {"file", d.file()},
                                     {"line", d.line()},
                                     {"column", d.column()},
                                     {"message", d.message()},
                                     {"note", d.note()}});
  }
  Json out{{"version", s.version()}, {"pid", s.pid()}, {"uptimeMs", s.uptime_ms()}};
  out["startedAt"] = UtcTime(s.started_at(), true);
  out["config"] = std::move(config);
  out["listeners"] = Json::array();
  for (const auto& l : s.listeners()) {
    out["listeners"].push_back(
        {{"purpose", l.purpose()}, {"address", l.address()}, {"tls", l.tls()}});
  }
  out["reactors"] = s.reactors();
  out["decisionRing"] = s.decision_ring();
  out["pools"] = s.pools();
  out["endpoints"] = CountsJson(s.endpoints());
  out["totals"] = {{"streamsOpened", s.totals().streams_opened()},
                   {"streamsClosed", s.totals().streams_closed()},
                   {"connectionsOpened", s.totals().connections_opened()},
                   {"connectionsClosed", s.totals().connections_closed()},
                   {"protocolErrors", s.totals().protocol_errors()},
                   {"heldBytes", s.totals().held_bytes()}};
  return out;
}

std::string AppliedText(const admin::v1::ConfigState& config) {
  if (!config.no_state().empty()) {
    return SafeForTerminal("nothing can be: " + config.no_state());
  }
  const std::string file = SafeForTerminal(config.state_file());
  return config.applied_generation() == 0
             ? "nothing yet; kept in " + file
             : fmt::format("generation {}, kept in {}", config.applied_generation(), file);
}

void PrintConfig(const Invocation& run, const GetStatusResponse& s, int64_t now_ms) {
  const auto& config = s.config();
  std::string line = s.config_file().empty() ? "built-in defaults" : s.config_file();
  line += fmt::format(", generation {}", config.generation());
  if (config.has_last_success()) {
    const int64_t at =
        google::protobuf::util::TimeUtil::TimestampToMilliseconds(config.last_success());
    line += ", applied " + HumanMillis(std::max<int64_t>(0, now_ms - at)) + " ago";
  }
  run.Print("config      " + SafeForTerminal(line) + "\n");
  if (!config.last_reload_ok()) {
    run.Print("            " +
              Paint(Style::kBad, "the last change was refused; the one before stays in force",
                    run.color) +
              "\n");
  }
  if (config.rejected() > 0) {
    run.Print(fmt::format("            {} change{} refused since the start\n", config.rejected(),
                          config.rejected() == 1 ? "" : "s"));
  }
  for (const Diagnostic& d : config.diagnostics()) {
    const Style style = d.severity() == Diagnostic::ERROR ? Style::kBad : Style::kWarn;
    run.Print("            " + Paint(style, DiagnosticLine(d), run.color) + "\n");
  }
  run.Print("applied     " + AppliedText(config) + "\n");
}

void PrintStatus(const Invocation& run, const GetStatusResponse& s) {
  using std::chrono::duration_cast;
  const int64_t now_ms =
      duration_cast<std::chrono::milliseconds>(run.world.clock.WallNow().time_since_epoch())
          .count();
  run.Print(fmt::format("inferenced  {}, pid {}, up {}, {} reactor{}\n", s.version(), s.pid(),
                        HumanMillis(s.uptime_ms()), s.reactors(), s.reactors() == 1 ? "" : "s"));
  PrintConfig(run, s, now_ms);
  run.Print(fmt::format("pools       {}\nendpoints   {}\n", s.pools(), CountsText(s.endpoints())));
  const auto& t = s.totals();
  run.Print(fmt::format("streams     {} open, {} in all; {} connection{} open; {} held\n",
                        t.streams_opened() - t.streams_closed(), t.streams_opened(),
                        t.connections_opened() - t.connections_closed(),
                        t.connections_opened() - t.connections_closed() == 1 ? "" : "s",
                        HumanBytes(t.held_bytes())));
  if (t.protocol_errors() > 0) {
    run.Print(fmt::format("            {} protocol errors\n", t.protocol_errors()));
  }
  if (s.listeners().empty()) return;
  Table table;
  table.AddColumn("LISTENER");
  table.AddColumn("ADDRESS");
  table.AddColumn("TLS");
  for (const auto& l : s.listeners()) table.AddRow({l.purpose(), l.address(), l.tls()});
  run.Print("\n" + table.Render(true, run.color));
}

}  // namespace

Answer RunStatus(Invocation& run) {
  auto client = run.Connect();
  if (!client) return client.status();
  auto status = (*client)->GetStatus();
  if (!status) return status.status();
  if (run.WantsDocument()) {
    Json out = Envelope("Status", run.world.clock.WallNow(), run.Server());
    out["item"] = StatusJson(*status);
    run.PrintDocument(out);
  } else {
    PrintStatus(run, *status);
  }
  return ExitCode::kOk;
}

}  // namespace inference::ctl
