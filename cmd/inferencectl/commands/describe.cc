#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/endpoint_view.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "inferencectl/namespaces.h"
#include "inferencectl/table.h"
#include "inferencectl/traffic/rule_view.h"

namespace inference::ctl {
namespace {

using admin::v1::Endpoint;
using admin::v1::GetStatusResponse;
using admin::v1::ListEndpointsResponse;
using admin::v1::Pool;

/// Does the message name that pool? "llm/a" is not "llm/ab", "llm/a-b" or "llm/a.b".
bool Names(std::string_view message, std::string_view key) {
  constexpr std::string_view kOfNames = "abcdefghijklmnopqrstuvwxyz0123456789-./";
  for (size_t at = message.find(key); at != message.npos; at = message.find(key, at + 1)) {
    const size_t end = at + key.size();
    const bool begins = at == 0 || kOfNames.find(message[at - 1]) == kOfNames.npos;
    if (begins && (end == message.size() || kOfNames.find(message[end]) == kOfNames.npos)) {
      return true;
    }
  }
  return false;
}

/// What the daemon says about it.
std::vector<std::string> FindingsAbout(const Pool& pool, const GetStatusResponse& status) {
  std::vector<std::string> out;
  for (const auto& d : status.config().diagnostics()) {
    if (!Names(d.message(), pool.key())) continue;
    std::string line = d.message();
    if (!d.note().empty()) line += " (" + d.note() + ")";
    out.push_back(SafeForTerminal(line + " [" + d.code() + "]"));
  }
  return out;
}

std::string LabelsText(const google::protobuf::Map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [key, value] :
       std::map<std::string, std::string>(labels.begin(), labels.end())) {
    out += (out.empty() ? "" : ", ") + key + "=" + value;
  }
  return out.empty() ? "none" : SafeForTerminal(out);
}

void PrintProfile(const Invocation& run, const admin::v1::Profile& profile) {
  std::string steps;
  for (const std::string& filter : profile.filters()) steps += filter + ", then ";
  for (int i = 0; i < profile.scorers_size(); ++i) {
    const auto& scorer = profile.scorers(i);
    steps += fmt::format("{}{} ×{}", i == 0 ? "" : " + ", scorer.name(),
                         HumanNumber(scorer.weight(), 2));
  }
  run.Print(fmt::format("profile     {}: {}; picked by {}\n", SafeForTerminal(profile.name()),
                        SafeForTerminal(steps), SafeForTerminal(profile.picker())));
}

void PrintPool(const Invocation& run, const Pool& pool, const GetStatusResponse& status,
               const ListEndpointsResponse& endpoints) {
  std::string ports;
  for (const int port : pool.target_ports())
    ports += (ports.empty() ? "" : ", ") + std::to_string(port);
  run.Print("pool        " + SafeForTerminal(pool.key()) + "\n");
  run.Print("defined in  " + SafeForTerminal(pool.origin()) + "\n");
  run.Print("selects     " + LabelsText(pool.selector()) + "\n");
  run.Print(fmt::format("ports       {} ({})\n", ports, SafeForTerminal(pool.app_protocol())));
  for (const auto& profile : pool.profiles()) PrintProfile(run, profile);
  run.Print(fmt::format("responses   tracked: {}; {} endpoint{} in the destination header\n",
                        pool.response_tracking(), pool.destination_list(),
                        pool.destination_list() == 1 ? "" : "s"));
  for (const std::string& finding : FindingsAbout(pool, status)) {
    run.Print("finding     " + Paint(Style::kWarn, finding, run.color) + "\n");
  }
  run.Print("\n");
  if (endpoints.endpoints().empty()) {
    run.Print("no endpoints: every request is answered with 503\n");
  } else {
    PrintEndpoints(run, endpoints, /*headers=*/true);
  }
}

std::string MetricText(const admin::v1::Metric& metric, double scale = 1) {
  if (!metric.has_value()) return std::string(kUnknownText);
  std::string out = HumanNumber(metric.value() * scale);
  if (metric.freshness() == admin::v1::STALE) out += " (stale)";
  return out;
}

void PrintDrain(const Invocation& run, const admin::v1::Drain& drain) {
  for (const admin::v1::Lease& lease : drain.leases()) {
    std::string line = "lease " + lease.id() + " of " + SafeForTerminal(lease.owner());
    if (!lease.reason().empty()) line += ": " + SafeForTerminal(lease.reason());
    run.Print("drain       " + line + ", since " + UtcTime(lease.created_at()) + "\n");
  }
  for (const admin::v1::DrainBlocker& blocker : drain.blockers()) {
    run.Print("            in the way: " + SafeForTerminal(blocker.text()) + "\n");
  }
  if (drain.has_drained_after_ms()) {
    run.Print("            drained after " + HumanMillis(drain.drained_after_ms()) + "\n");
  }
}

/// The newest few that are about the endpoint.
Status PrintEvents(const Invocation& run, admin::AdminClient& client, const Endpoint& e) {
  constexpr size_t kShown = 5;
  std::deque<std::string> lines;
  const Status status = client.WatchEvents({}, [&](const admin::v1::WatchEventsResponse& response) {
    for (const admin::v1::Event& event : response.events()) {
      if (event.name() != e.name() || event.address() != e.address()) continue;
      lines.push_back(UtcTime(event.at()) + "  " + SafeForTerminal(event.kind()) +
                      (event.message().empty() ? "" : ": " + SafeForTerminal(event.message())));
      if (lines.size() > kShown) lines.pop_front();
    }
    return true;
  });
  if (!status.ok()) return status;
  for (size_t i = 0; i < lines.size(); ++i) {
    run.Print((i == 0 ? "events      " : "            ") + lines[i] + "\n");
  }
  return Status::Ok();
}

// What set it names it, when nothing else has a part in it.
std::string WeightWithNote(const Endpoint& e) {
  const std::string weight = fmt::format("{:g} %", e.weight_permille() / 10.0);
  const std::string note = SafeForTerminal(e.weight_note());
  constexpr std::string_view kSet = "weight ";
  if (note.starts_with(std::string(kSet) + weight)) return note.substr(kSet.size());
  return weight + (note.empty() ? "" : ": " + note);
}

void PrintEndpoint(const Invocation& run, const Endpoint& e) {
  run.Print(fmt::format("endpoint    {} at {}, pool {}\n", SafeForTerminal(e.name()), e.address(),
                        SafeForTerminal(e.pool())));
  const Json json = EndpointJson(e);
  run.Print(fmt::format("state       {}\n", json["state"].get<std::string>()));
  if (!e.scrape_error().empty()) {
    run.Print("            " + Paint(Style::kBad, SafeForTerminal(e.scrape_error()), run.color) +
              fmt::format("; {} failure{} in a row\n", e.failures(), e.failures() == 1 ? "" : "s"));
  }
  if (!e.ejection_note().empty()) {
    run.Print("            " + Paint(Style::kBad, SafeForTerminal(e.ejection_note()), run.color) +
              "\n");
  }
  run.Print("weight      " + WeightWithNote(e) + "\n");
  run.Print("labels      " + LabelsText(e.labels()) + "\n");
  run.Print(fmt::format("server      {} running, {} waiting, {} % of the KV cache\n",
                        MetricText(e.running()), MetricText(e.waiting()),
                        MetricText(e.kv_usage(), 100)));
  run.Print(fmt::format("            {} blocks of {} tokens; {} preemptions\n",
                        MetricText(e.num_blocks()), MetricText(e.block_size()),
                        MetricText(e.preemptions())));
  if (e.has_lora()) {
    run.Print(fmt::format("LoRA        {} running, {} waiting, at most {}\n", e.lora().running(),
                          e.lora().waiting(), e.lora().max()));
  }
  run.Print(fmt::format("from here   {} in flight, {} picks, {} since the last page; ejected {}\n",
                        e.in_flight(), e.picks(), e.unseen_picks(),
                        e.ejections() == 1 ? "once" : std::to_string(e.ejections()) + " times"));
  run.Print(fmt::format(
      "metrics     {} pages, {} failed; the last one {}\n", e.pages(), e.page_errors(),
      e.has_page_age_ms() ? HumanMillis(e.page_age_ms()) + " ago" : std::string("never came")));
}

Answer DescribePool(const Invocation& run, admin::AdminClient& client, const std::string& name) {
  const auto pools = client.ListPools({name});
  if (!pools) return pools.status();
  if (pools->pools().empty()) {
    return Status(Code::kNotFound, "no pool \"" + SafeForTerminal(name) + "\"");
  }
  const Pool& pool = pools->pools(0);
  const auto status = client.GetStatus();
  if (!status) return status.status();
  admin::v1::ListEndpointsRequest request;
  request.set_pool(pool.key());
  const auto endpoints = client.ListEndpoints(request);
  if (!endpoints) return endpoints.status();
  PrintPool(run, pool, *status, *endpoints);
  return ExitCode::kOk;
}

Answer DescribeEndpoint(const Invocation& run, admin::AdminClient& client,
                        const std::string& name) {
  admin::v1::ListEndpointsRequest request;
  request.add_names(name);
  auto endpoints = client.ListEndpoints(request);
  if (!endpoints) return endpoints.status();
  KeepNamespace(run, {name}, *endpoints);
  if (endpoints->endpoints().empty()) {
    return Status(Code::kNotFound, "no endpoint \"" + SafeForTerminal(name) + "\"");
  }
  const auto drains = client.ListDrains();
  if (!drains) return drains.status();
  for (int i = 0; i < endpoints->endpoints_size(); ++i) {  // one per pool
    const Endpoint& e = endpoints->endpoints(i);
    if (i > 0) run.Print("\n");
    PrintEndpoint(run, e);
    for (const admin::v1::Drain& drain : drains->drains()) {
      const admin::v1::EndpointKey& key = drain.endpoint();
      const bool same = key.name() == e.name() && key.namespace_() == e.namespace_() &&
                        key.ip() == e.ip() && key.port() == e.port();
      if (same) PrintDrain(run, drain);
    }
    if (const Status told = PrintEvents(run, client, e); !told.ok()) return told;
  }
  return ExitCode::kOk;
}

}  // namespace

Answer RunDescribe(Invocation& run) {
  const std::string& word = run.args.operands()[0];
  const std::string& name = run.args.operands()[1];
  const bool pool = word == "pool" || word == "pools";
  const bool endpoint = word == "endpoint" || word == "endpoints" || word == "ep";
  const bool rules = word == "rewrite" || word == "model" || word == "route";
  if (!pool && !endpoint && !rules) {
    return {ExitCode::kUsage, Status(Code::kInvalidArgument,
                                     "unknown resource \"" + base::Printable(word) +
                                         "\"; there are pool, endpoint, rewrite, model and route")};
  }
  auto client = run.Connect();
  if (!client) return client.status();
  if (rules) return traffic::DescribeRules(run, **client, word, name);
  return pool ? DescribePool(run, **client, InNamespace(run, name))
              : DescribeEndpoint(run, **client, name);
}

}  // namespace inference::ctl
