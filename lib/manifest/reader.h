#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "inference/result.h"

// Text to `api` values. Every mistake of a file is reported with its position, not only the first.
// Pure functions of their input; thread-safe.
namespace inference::manifest {

/// Bounds on untrusted text, checked before and while parsing.
struct Limits {
  size_t max_bytes = size_t{16} << 20;  // of one file
  int max_depth = 64;
  size_t max_nodes = 1'000'000;  // after alias expansion
};

/// An object as it was written.
struct ObjectText {
  std::string group, kind, ns, name;  // ns is "default" when none is written
  api::Labels labels;
  std::string text;  // one YAML document, comments included
  api::Origin origin;
};

/// The manifests of one or more files.
struct ManifestSet {
  std::vector<api::InferencePool> pools;
  std::vector<api::EndpointSet> endpoint_sets;
  std::vector<api::ModelRewrite> rewrites;  // and InferenceModels
  std::vector<api::Objective> objectives;
  std::vector<api::HttpRoute> routes;
  std::vector<ObjectText> objects;  // one for each of the above, in the order of the files

  void Append(const ManifestSet& other);
};

/// Reads all documents of one file (YAML or JSON) and adds its objects to `out`. A kind that
/// nothing acts on is refused by name at its position. `path` is what diagnostics show.
void ReadManifests(const std::string& path, std::string_view text, ManifestSet& out,
                   api::Diagnostics& diagnostics, const Limits& limits = {});

/// Reads a DaemonConfig. Empty when there are errors.
std::optional<api::DaemonConfig> ReadDaemonConfig(const std::string& path, std::string_view text,
                                                  api::Diagnostics& diagnostics,
                                                  const Limits& limits = {});

/// Whose configuration an EndpointPickerConfig is.
enum class PickerUse {
  kThisBuild,  // known fields that nothing here acts on are errors
  kAnyPicker,  // perhaps the reference picker's: then they are only worth a note
};

/// Reads an EndpointPickerConfig of either API group. Empty when there are errors.
std::optional<api::EndpointPickerConfig> ReadPickerConfig(const std::string& path,
                                                          std::string_view text,
                                                          api::Diagnostics& diagnostics,
                                                          const Limits& limits = {},
                                                          PickerUse use = PickerUse::kThisBuild);

/// Checks the whole: duplicate objects (both places named), addresses that two endpoints of a pool
/// share, pools that select nothing (a warning).
void CheckReferences(const ManifestSet& set, api::Diagnostics& diagnostics);

/// Names of pools that are not in `set`: in `pools` a warning (settings for later), in `routes` an
/// error, for the route's requests would go to another pool.
void CheckReferences(const ManifestSet& set, const api::DaemonConfig& config,
                     api::Diagnostics& diagnostics);

/// The file's text; an error that names the path when it can't be read or is over the limit.
Result<std::string> ReadFile(const std::string& path, const Limits& limits = {});

enum class Folders {
  kFlat,       // a folder's own files
  kRecursive,  // and those of the folders in it
};

/// Files behind `paths` in a stable order: a file as it is, a folder's *.yaml, *.yml and *.json
/// (hidden files and folders left out), a glob's matches. A path that names nothing is an error.
/// Relative paths count from `base_dir`. Links to folders are followed, but not in a circle.
Result<std::vector<std::string>> ExpandPaths(const std::vector<std::string>& paths,
                                             const std::string& base_dir,
                                             Folders folders = Folders::kFlat);

/// Does the finding say that ReadFile or ExpandPaths got no file descriptor? The files may be fine:
/// try again.
bool IsOutOfDescriptors(const api::Diagnostic& finding);

/// The effective configuration as YAML, each value with a comment that says where it came from.
std::string DumpDaemonConfig(const api::DaemonConfig& config);

}  // namespace inference::manifest
