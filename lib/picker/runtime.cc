#include "picker/runtime.h"

#include <mutex>
#include <unordered_set>

namespace inference::picker {
namespace {

struct ColumnTable {
  std::mutex mutex;
  std::vector<ColumnNames::Columns> all;  // guarded by mutex; index is the id
};

ColumnTable& Table() {
  static ColumnTable table;
  return table;
}

}  // namespace

Runtime::Runtime(uint64_t generation, std::vector<PoolRuntime> pools,
                 std::unordered_map<std::string, std::string> routes,
                 std::vector<std::shared_ptr<const RouteRule>> route_rules)
    : generation_(generation), pools_(std::move(pools)), rules_(std::move(route_rules)) {
  std::unordered_set<std::string> shared_names;
  for (size_t i = 0; i < pools_.size(); ++i) {
    const datastore::Pool& pool = *pools_[i].pool;
    by_key_.emplace(pool.key(), i);
    const std::string& name = pool.spec().meta.name;
    if (!by_key_.emplace(name, i).second) shared_names.insert(name);
  }
  for (const std::string& name : shared_names) by_key_.erase(name);
  for (auto& [route, key] : routes) {
    if (const PoolRuntime* pool = Find(key)) {
      by_route_.emplace(route, static_cast<size_t>(pool - pools_.data()));
    }
  }
}

const PoolRuntime* Runtime::Find(std::string_view key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &pools_[it->second];
}

Runtime::Route Runtime::FindRoute(std::string_view name) const {
  const auto it = by_route_.find(name);
  if (it != by_route_.end()) return {&pools_[it->second], nullptr};
  const RouteRule* rule = rules_.Find(name);
  if (rule == nullptr && rules_.rules().size() == 1) rule = rules_.rules().front().get();
  if (rule == nullptr) return {};
  const std::vector<WeightedTarget>& pools = rule->pools.targets();
  return {pools.size() == 1 ? Find(pools.front().name) : nullptr, rule};
}

uint32_t ColumnNames::Intern(Columns columns) {
  ColumnTable& table = Table();
  const std::lock_guard lock(table.mutex);
  for (size_t i = 0; i < table.all.size(); ++i) {
    if (table.all[i] == columns) return static_cast<uint32_t>(i);
  }
  table.all.push_back(std::move(columns));
  return static_cast<uint32_t>(table.all.size() - 1);
}

uint32_t ColumnNames::Intern(const scheduling::Scheduler& scheduler) {
  const scheduling::Profile& profile = scheduler.profiles.front();
  Columns columns;
  columns.profile = profile.name;
  columns.picker = profile.picker_name;
  for (const auto& scorer : profile.scorers) {
    columns.scorers.emplace_back(scorer.name, scorer.weight);
  }
  for (const auto& filter : profile.filters) columns.filters.push_back(filter.name);
  return Intern(std::move(columns));
}

ColumnNames::Columns ColumnNames::Get(uint32_t id) {
  ColumnTable& table = Table();
  const std::lock_guard lock(table.mutex);
  return id < table.all.size() ? table.all[id] : Columns{};
}

}  // namespace inference::picker
