#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "manifest/lint/ignores.h"
#include "manifest/lint/workspace.h"
#include "manifest/reader.h"

// The whole judgement about a set of files: every document against its kind, then all objects
// together. Needs no daemon and no cluster. Pure functions of their input; thread-safe.
namespace inference::manifest::lint {

/// The configuration files among those given, as far as they are sound.
struct Configurations {
  std::vector<api::DaemonConfig> daemons;
  std::vector<api::EndpointPickerConfig> pickers;
};

struct Options {
  std::string release;  // of the Gateway API Inference Extension, "1.3"; empty: any
  Limits limits;
  int threads = 0;           // that read files; 0: one per core
  bool allow_empty = false;  // no object at all is no mistake
  /// What more can be said about configurations than this room knows. Its findings are sorted and
  /// taken back by comments as all others.
  std::function<void(const Configurations& configurations, api::Diagnostics& out)>
      check_configurations = {};
  /// What findings of a code are instead of their own level; empty: they are not reported. By code.
  std::map<std::string, std::optional<api::Severity>, std::less<>> levels = {};
  /// An earlier state of the objects, which these are an update of; must outlive the call.
  const Workspace* before = nullptr;
};

struct Verdict {
  Workspace workspace;
  /// By file in the order given, then line, column and code; the same for any number of threads.
  api::Diagnostics findings;
  std::vector<Suppressed> suppressed;  // taken back (ignores.h), in no special order
  size_t documents = 0;
  bool unusable = false;  // some file could not be read as YAML, or nothing was there to judge
};

/// Kinds that we know nothing of are passed over, unless their API group is one of ours. With a
/// DaemonConfig among the files, what inferenced does not act on (kinds, plugins, fields of an
/// EndpointPickerConfig) is an error; without, plugins and fields that the reference picker has are
/// only a note.
Verdict Run(std::vector<SourceText> files, const Options& options);

/// A rule over all sound objects. Adds what it finds; the order does not matter.
using Rule = void (*)(const Workspace& workspace, api::Diagnostics& out);

// The rules, by what they are about; each list is at the end of the file of that name.
std::span<const Rule> ReferenceRules();  // rules_references.cc, rules_ports.cc: INF02xx
std::span<const Rule> PortRules();
std::span<const Rule> TrafficRules();       // rules_traffic.cc: INF01xx of rewrites, INF03xx
std::span<const Rule> LifecycleRules();     // rules_lifecycle.cc: INF04xx
std::span<const Rule> ServedModelRules();   // rules_served_models.cc: INF0305
std::span<const Rule> RolloutRules();       // rules_rollout.cc: INF032x, INF0331
std::span<const Rule> DrainRules();         // rules_drain.cc: INF0407, INF0410
std::span<const Rule> PickerConfigRules();  // rules_picker_config.cc: INF05xx
std::span<const Rule> AvailabilityRules();  // rules_availability.cc: INF07xx
std::span<const Rule> MigrationRules();     // rules_migration.cc: INF09xx

/// What an API server refuses of making `before` into `after`: INF0118.
void CheckUpdate(const Workspace& before, const Workspace& after, api::Diagnostics& out);

}  // namespace inference::manifest::lint
