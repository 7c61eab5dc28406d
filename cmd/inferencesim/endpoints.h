#pragma once

#include <string>

#include "inferencesim/fleet.h"

namespace inference::sim {

enum class EndpointFormat { kText, kJson, kManifest };

/// The metadata of the EndpointSet.
struct ManifestNames {
  std::string name = "inferencesim";
  std::string ns = "default";
  std::string labels = "app=inferencesim";  // NAME=VALUE,...
};

/// Where the instances of a ready fleet are:
/// - text: "NAME http://HOST:PORT" per instance, then "ready N";
/// - json: one line {"ready":true,"pid":...,"endpoints":[{"name","address","port"}],"control":...};
/// - manifest: an EndpointSet for inferenced, one entry per instance.
std::string DescribeEndpoints(const Fleet& fleet, EndpointFormat format,
                              const ManifestNames& names);

}  // namespace inference::sim
