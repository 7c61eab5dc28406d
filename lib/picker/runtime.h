#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/kinds.h"
#include "datastore/snapshot.h"
#include "flowcontrol/line.h"
#include "flowcontrol/saturation.h"
#include "picker/model_table.h"
#include "picker/routes.h"
#include "scheduling/scheduler.h"

namespace inference::picker {

/// One pool with all that a pick in it needs. Immutable.
struct PoolRuntime {
  std::shared_ptr<const datastore::Pool> pool;
  std::shared_ptr<const scheduling::Scheduler> scheduler;
  std::shared_ptr<const ModelTable> models;  // null: no rewrite, no objective
  flowcontrol::SaturationLimits saturation;
  std::shared_ptr<flowcontrol::Line> line;  // where requests wait; null: none may
  api::OutlierDetectionConfig outlier_detection;
  api::SlowStartConfig slow_start;
  scheduling::ReadOptions read;
  size_t destination_list = 1;
  api::ResponseTracking response_tracking = api::ResponseTracking::kAuto;
  uint32_t columns_id = 0;  // names in the first profile, see ColumnNames
  uint32_t pool_id = 0;     // stable small number by pool key, for telemetry shards
};

/// Everything a request is decided with, under one generation. Published as a whole; holds no
/// socket and no thread.
class Runtime {
 public:
  /// `routes`: of the daemon's configuration, Envoy's route name to a pool's key.
  Runtime(uint64_t generation, std::vector<PoolRuntime> pools,
          std::unordered_map<std::string, std::string> routes,
          std::vector<std::shared_ptr<const RouteRule>> route_rules = {});

  uint64_t generation() const { return generation_; }
  const std::vector<PoolRuntime>& pools() const { return pools_; }
  /// By "namespace/name", or by "name" when only one pool has it; null when there is none.
  const PoolRuntime* Find(std::string_view key) const;
  /// Where an Envoy route leads. `pool`: when that is always the same one. `rule`: when a
  /// manifest's rule says so, and not the configuration.
  struct Route {
    const PoolRuntime* pool = nullptr;
    const RouteRule* rule = nullptr;
  };
  /// Without a name, or with one that nothing knows, the only rule there is.
  Route FindRoute(std::string_view name) const;
  const std::vector<std::shared_ptr<const RouteRule>>& route_rules() const {
    return rules_.rules();
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  template <typename V>
  using Map = std::unordered_map<std::string, V, Hash, std::equal_to<>>;

  uint64_t generation_;
  std::vector<PoolRuntime> pools_;
  Map<size_t> by_key_;
  Map<size_t> by_route_;
  RouteTable rules_;
};

/// Names of score columns and filters by id, so that a decision record holds a number and no
/// string. Append-only for the life of the process. Thread-safe.
class ColumnNames {
 public:
  struct Columns {
    std::string profile;
    std::vector<std::pair<std::string, double>> scorers;  // name, weight
    std::string picker;
    std::vector<std::string> filters;
    bool operator==(const Columns&) const = default;
  };
  /// The same columns get the same id.
  static uint32_t Intern(Columns columns);
  /// Those of the scheduler's first profile.
  static uint32_t Intern(const scheduling::Scheduler& scheduler);
  static Columns Get(uint32_t id);
};

}  // namespace inference::picker
