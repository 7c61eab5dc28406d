#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "api/codes.h"
#include "api/text_values.h"
#include "manifest/fields.h"
#include "manifest/lint/command_line.h"
#include "manifest/lint/lint.h"

// INF04xx: what happens to running requests when pods stop; and pickers' own flags (INF0209).
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

constexpr int64_t kDefaultGraceSeconds = 30;        // of Kubernetes
constexpr int64_t kDefaultPickerDrainSeconds = 30;  // of the reference picker

std::optional<int64_t> SecondsOf(const std::string& text) {
  const auto parsed = api::ParseDuration(text);
  if (parsed) return std::chrono::duration_cast<std::chrono::seconds>(*parsed).count();
  const auto number = api::ParseQuantity(text);
  return number;
}

void CheckServer(const Object& workload, const Node& pods, const Node& container,
                 api::Diagnostics& out) {
  const std::string name(TextAt(container, "name"));
  if (At(container, "readinessProbe") == nullptr) {
    Warn(out, codes::kNoReadinessProbe, container.at,
         fmt::format("{}: container '{}' has no readinessProbe", workload.Title(), name),
         "it gets requests before its model is loaded; probe /health");
  }
  if (!IsVllm(container)) return;
  const auto flag = FlagOf(container, "shutdown-timeout");
  const int64_t shutdown = flag ? SecondsOf(flag->first).value_or(0) : 0;
  if (shutdown == 0) {
    Warn(out, codes::kNoShutdownTimeout, container.at,
         fmt::format("{}: container '{}' has no --shutdown-timeout", workload.Title(), name),
         "vLLM then aborts running requests as soon as the pod is told to stop");
    return;
  }
  const int64_t pre_stop = IntAt(container, "lifecycle.preStop.sleep.seconds", 0);
  const int64_t grace = IntAt(pods, "spec.terminationGracePeriodSeconds", kDefaultGraceSeconds);
  if (grace >= pre_stop + shutdown) return;
  const Node* written = At(pods, "spec.terminationGracePeriodSeconds");
  Report(out, codes::kShortGrace, written != nullptr ? written->at : container.at,
         fmt::format("{}: the grace period of {} s is shorter than preStop {} s and "
                     "--shutdown-timeout {} s together",
                     workload.Title(), grace, pre_stop, shutdown),
         fmt::format("the pod is killed with requests still running; "
                     "terminationGracePeriodSeconds must be at least {}",
                     pre_stop + shutdown));
}

void ModelServers(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object& workload : workspace.objects()) {
    if (!workload.sound) continue;
    const auto& pools = workspace.OfKind("InferencePool", workload.ns);
    for (const Node* pods : PodTemplatesOf(workload)) {
      const auto labels = MapAt(*pods, "metadata.labels");
      const bool selected = std::any_of(pools.begin(), pools.end(), [&](const Object* pool) {
        return Matches(SelectorOf(*pool), labels);
      });
      const auto& containers = ItemsAt(*pods, "spec.containers");
      if (!selected || containers.empty()) continue;
      // Sidecars come behind the server.
      CheckServer(workload, *pods, containers.front(), out);
    }
  }
}

void CheckPicker(const Workspace& workspace, const Object& workload, const Node& pods,
                 const Node& container, api::Diagnostics& out) {
  const auto pool_name = PoolNameOf(container);
  if (!pool_name) return;
  const auto drain = FlagOf(container, "drain-timeout");
  const int64_t seconds = drain ? SecondsOf(drain->first).value_or(kDefaultPickerDrainSeconds)
                                : kDefaultPickerDrainSeconds;
  const int64_t grace = IntAt(pods, "spec.terminationGracePeriodSeconds", kDefaultGraceSeconds);
  if (grace < seconds) {
    const Node* written = At(pods, "spec.terminationGracePeriodSeconds");
    Warn(out, codes::kShortPickerGrace, written != nullptr ? written->at : container.at,
         fmt::format("{}: the grace period of {} s is shorter than the picker's drain timeout of "
                     "{} s",
                     workload.Title(), grace, seconds),
         "it is killed while requests still pass through it");
  }
  const auto group = FlagOf(container, "pool-group");
  const std::string ns = [&] {
    const auto flag = FlagOf(container, "pool-namespace");
    // "$(NAMESPACE)" is the pod's own.
    return flag && flag->first.find('$') == std::string::npos ? flag->first : workload.ns;
  }();
  const Object* pool = workspace.Find("*", "InferencePool", ns, pool_name->first);
  if (!group || pool == nullptr) return;
  const std::string_view actual = schema::GroupOf(pool->kind->api_version);
  if (group->first == actual) return;
  Report(out, codes::kPickerPoolGroup, group->second->at,
         fmt::format("{} is started with --pool-group {}, its pool {} is in '{}'", workload.Title(),
                     group->first, pool->key(), actual),
         "the picker watches a resource that is not there and never gets ready");
}

void Pickers(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object& workload : workspace.objects()) {
    if (!workload.sound) continue;
    for (const Node* pods : PodTemplatesOf(workload)) {
      for (const Node& container : ItemsAt(*pods, "spec.containers")) {
        CheckPicker(workspace, workload, *pods, container, out);
      }
    }
  }
}

}  // namespace

std::span<const Rule> LifecycleRules() {
  static constexpr std::array<Rule, 2> kAll{&ModelServers, &Pickers};
  return kAll;
}

}  // namespace inference::manifest::lint
