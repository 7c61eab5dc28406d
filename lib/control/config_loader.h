#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "control/runtime_builder.h"

namespace inference::control {

/// A daemon configuration file, read. Relative paths in it count from its folder.
struct LoadedConfig {
  std::string path;
  std::string base_dir;
  std::shared_ptr<const api::DaemonConfig> daemon;

  /// `path` as written in the file, made absolute or relative to the working directory.
  std::string Resolve(const std::string& path) const;
};

/// Null, with errors in `diagnostics`, when the file can't be used.
std::unique_ptr<LoadedConfig> LoadConfig(const std::string& path, api::Diagnostics& diagnostics);

/// Reads the EndpointPickerConfig files that `config` names into inputs.picker_configs.
void ReadPickerConfigs(const LoadedConfig& config, Inputs& inputs, api::Diagnostics& diagnostics);

/// Reads all manifests that `config` names into inputs.files.
void ReadAllManifests(const LoadedConfig& config, Inputs& inputs, api::Diagnostics& diagnostics);

/// The configuration files themselves, whose change counts as well: the daemon's and the pickers'.
std::vector<std::string> WatchedFiles(const LoadedConfig& config);

/// Loads, checks and builds everything once, without starting anything or looking up a name. False
/// when there are errors.
bool CheckConfig(const std::string& path, api::Diagnostics& diagnostics);

/// Adds a warning when the manifests have no InferencePool at all.
void WarnOfNoPool(const Inputs& inputs, api::Diagnostics& diagnostics);

struct ChangedKey {
  std::string key;
  api::Origin origin;  // of the new value
};
/// The keys whose values differ and that only a restart can change: listeners, addresses, workers.
std::vector<ChangedKey> ChangedImmutableKeys(const api::DaemonConfig& running,
                                             const api::DaemonConfig& next);

}  // namespace inference::control
