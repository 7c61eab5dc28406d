#include "inferencectl/drain/targets.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

using admin::v1::Endpoint;
using admin::v1::ListDrainsResponse;
using admin::v1::ListEndpointsRequest;
using admin::v1::ListEndpointsResponse;
using Labels = std::map<std::string, std::string>;

Result<Labels> ReadSelector(const std::string& text) {
  Labels out;
  for (const std::string_view label : base::SplitTrimmed(text, ',')) {
    const size_t equals = label.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return Status(Code::kInvalidArgument, "--selector wants KEY=VALUE[,KEY=VALUE...], not \"" +
                                                base::Printable(text) + "\"");
    }
    std::string_view value = label.substr(equals + 1);
    if (value.starts_with('=')) value.remove_prefix(1);
    out[std::string(label.substr(0, equals))] = std::string(value);
  }
  return out;
}

bool Matches(const Labels& selector, const Endpoint& endpoint) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& label) {
    const auto found = endpoint.labels().find(label.first);
    return found != endpoint.labels().end() && found->second == label.second;
  });
}

bool Names(std::string_view operand, const Target& target) {
  constexpr std::string_view kKind = "endpoint/";
  if (operand.starts_with(kKind)) operand.remove_prefix(kKind.size());
  const std::string_view name = target.name;
  const bool ports =
      name.starts_with(operand) && name.size() > operand.size() && name[operand.size()] == '/';
  return name == operand || ports || target.address() == operand ||
         target.ns + "/" + target.name == operand;
}

}  // namespace

std::string Target::address() const {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
}

Target TargetOf(const admin::v1::EndpointKey& key) {
  return {key.namespace_(), key.name(), key.ip(), key.port()};
}

void FillKey(const Target& target, admin::v1::EndpointKey* out) {
  out->set_namespace_(target.ns);
  out->set_name(target.name);
  out->set_ip(target.ip);
  out->set_port(target.port);
}

Status CheckChoice(const Invocation& run, const std::vector<std::string>& operands) {
  const bool by_labels = run.args.Given("selector");
  if (by_labels && run.args.Text("pool").empty()) {
    return {Code::kInvalidArgument, "--selector needs --pool: the pool whose endpoints it chooses"};
  }
  if (by_labels && !operands.empty()) {
    return {Code::kInvalidArgument, "give endpoints, or --selector with --pool, not both"};
  }
  if (!by_labels && operands.empty()) {
    return {Code::kInvalidArgument, "which endpoints? give names, or --selector with --pool"};
  }
  return Status::Ok();
}

Result<std::vector<Target>> FindTargets(const Invocation& run, std::vector<Replica>& replicas,
                                        const std::vector<std::string>& operands, bool drained) {
  const auto selector = ReadSelector(run.args.Text("selector"));
  if (!selector.ok()) return selector.status();
  ListEndpointsRequest request;
  request.set_pool(run.args.Text("pool"));
  const bool by_labels = operands.empty();
  std::set<Target> found;
  std::set<std::string> unknown(operands.begin(), operands.end());
  std::optional<Status> failure;
  bool answered = false;
  const auto add = [&](const Target& target, bool chosen) {
    for (const std::string& operand : operands) {
      if (!Names(operand, target)) continue;
      chosen = true;
      unknown.erase(operand);
    }
    if (chosen) found.insert(target);
  };
  for (Replica& replica : replicas) {
    const auto list = replica.Ask<ListEndpointsResponse>(
        [&](admin::AdminClient& client) { return client.ListEndpoints(request); });
    if (!list.ok()) {
      failure = list.status();
      continue;
    }
    answered = true;
    for (const Endpoint& e : list->endpoints()) {
      add({e.namespace_(), e.name(), e.ip(), e.port()}, by_labels && Matches(*selector, e));
    }
    if (!drained) continue;
    const auto drains = replica.Ask<ListDrainsResponse>(
        [](admin::AdminClient& client) { return client.ListDrains(); });
    if (!drains.ok()) continue;
    for (const auto& drain : drains->drains()) add(TargetOf(drain.endpoint()), false);
  }
  if (!answered && failure) return *failure;
  if (!unknown.empty()) {
    return Status(Code::kNotFound, "no endpoint \"" + SafeForTerminal(*unknown.begin()) + "\"");
  }
  return std::vector<Target>(found.begin(), found.end());
}

}  // namespace inference::ctl
