#include "scheduling/filters/label_selector_filter.h"
#include "scheduling/handlers/single_profile_handler.h"
#include "scheduling/pickers/max_score_picker.h"
#include "scheduling/pickers/random_picker.h"
#include "scheduling/pickers/weighted_random_picker.h"
#include "scheduling/producers/approx_prefix_cache_producer.h"
#include "scheduling/scheduler.h"
#include "scheduling/scorers/kv_cache_utilization_scorer.h"
#include "scheduling/scorers/load_aware_scorer.h"
#include "scheduling/scorers/lora_affinity_scorer.h"
#include "scheduling/scorers/prefix_cache_scorer.h"
#include "scheduling/scorers/queue_scorer.h"
#include "scheduling/scorers/running_requests_scorer.h"

namespace inference::scheduling {

// The plugins of this build, each with one row here and one in the catalogue of the room `api`.
void RegisterBuiltins(PluginRegistry& registry) {
  registry.producers.Add("approx-prefix-cache-producer", MakeApproxPrefixCacheProducer);

  registry.filters.Add("label-selector-filter", MakeLabelSelectorFilter);

  registry.scorers.Add("kv-cache-utilization-scorer", MakeKvCacheUtilizationScorer);
  registry.scorers.Add("load-aware-scorer", MakeLoadAwareScorer);
  registry.scorers.Add("lora-affinity-scorer", MakeLoraAffinityScorer);
  registry.scorers.Add("prefix-cache-scorer", MakePrefixCacheScorer);
  registry.scorers.Add("queue-scorer", MakeQueueScorer);
  registry.scorers.Add("running-requests-size-scorer", MakeRunningRequestsScorer);

  registry.pickers.Add("max-score-picker", MakeMaxScorePicker);
  registry.pickers.Add("random-picker", MakeRandomPicker);
  registry.pickers.Add("weighted-random-picker", MakeWeightedRandomPicker);

  registry.handlers.Add("single-profile-handler", MakeSingleProfileHandler);
}

}  // namespace inference::scheduling
