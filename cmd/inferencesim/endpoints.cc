#include "inferencesim/endpoints.h"

#include <fmt/core.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace inference::sim {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Fleet& fleet) {
  std::string out;
  for (const auto& instance : fleet.instances()) {
    out += fmt::format("{} http://{}\n", instance->name(), instance->port().HostPort());
  }
  if (fleet.control_port() != nullptr) {
    out += fmt::format("control http://{}\n", fleet.control_port()->HostPort());
  }
  return out + fmt::format("ready {}\n", fleet.instances().size());
}

std::string JsonLine(const Fleet& fleet) {
  Json endpoints = Json::array();
  for (const auto& instance : fleet.instances()) {
    endpoints.push_back({{"name", instance->name()},
                         {"address", instance->port().address()},
                         {"port", instance->port().port()}});
  }
  Json control = nullptr;
  if (const BoundPort* port = fleet.control_port()) {
    control = {{"address", port->address()}, {"port", port->port()}};
  }
  const Json line = {{"ready", true},
                     {"pid", getpid()},
                     {"endpoints", std::move(endpoints)},
                     {"control", std::move(control)}};
  return line.dump() + "\n";
}

/// A JSON string is a YAML string.
std::string Quoted(std::string_view text) {
  return Json(text).dump();
}

std::string Manifest(const Fleet& fleet, const ManifestNames& names) {
  std::string out = fmt::format(
      "apiVersion: inferenced.dev/v1alpha1\nkind: EndpointSet\nmetadata:\n  name: {}\n"
      "  namespace: {}\n  labels:",
      Quoted(names.name), Quoted(names.ns));
  const auto labels = base::SplitTrimmed(names.labels, ',');
  if (labels.empty()) out += " {}";
  out += '\n';
  for (const std::string_view label : labels) {
    const size_t equals = std::min(label.find('='), label.size());
    out += fmt::format("    {}: {}\n", Quoted(label.substr(0, equals)),
                       Quoted(label.substr(std::min(equals + 1, label.size()))));
  }
  out += "spec:\n  endpoints:\n";
  for (const auto& instance : fleet.instances()) {
    out += fmt::format("  - {{name: {}, address: {}, ports: [{}]}}\n", Quoted(instance->name()),
                       Quoted(instance->port().address()), instance->port().port());
  }
  return out;
}

}  // namespace

std::string DescribeEndpoints(const Fleet& fleet, EndpointFormat format,
                              const ManifestNames& names) {
  switch (format) {
    case EndpointFormat::kText:
      return Text(fleet);
    case EndpointFormat::kJson:
      return JsonLine(fleet);
    case EndpointFormat::kManifest:
      return Manifest(fleet, names);
  }
  return {};
}

}  // namespace inference::sim
