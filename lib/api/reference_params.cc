#include <algorithm>
#include <array>

#include "api/plugin_catalogue.h"

// What plugins of the reference picker take that are not in this build, as far as it is documented
// there. What is in maps and lists is not described.
namespace inference::api {
namespace {

using enum ParamType;

constexpr ParamSpec Taken(std::string_view name, ParamType type, double min = 0, double max = 0) {
  return {name, type, "", min, max, ""};
}

constexpr ParamSpec Needed(std::string_view name, ParamType type) {
  return {name, type, "", 0, 0, "", true};
}

constexpr auto kActiveRequestScorer = std::to_array<ParamSpec>({
    Taken("idleThreshold", kInt),
    Taken("maxBusyScore", kNumber),
    Taken("inFlightLoadProducerName", kString),
    Taken("requestTimeout", kDuration),
});
constexpr auto kAgentIdentity = std::to_array<ParamSpec>({
    Taken("additionalSessionHeaders", kStringList),
});
constexpr auto kBurstPrefixCacheProducer = std::to_array<ParamSpec>({
    Taken("windowDurationMs", kInt, 1, 10000),
    Taken("maxPerReplica", kInt),
    Taken("blockSizeTokens", kInt),
    Taken("maxPrefixTokensToMatch", kInt),
    Taken("minColocateBlocks", kInt),
    Taken("maxBatchSize", kInt),
    Taken("balanceBy", kString),
});
constexpr auto kByLabel = std::to_array<ParamSpec>({
    Needed("label", kString),
    Taken("validValues", kStringList),
    Taken("allowsNoLabel", kBool),
});
constexpr auto kByLabelSelector = std::to_array<ParamSpec>({
    Taken("matchLabels", kMap),
    Taken("matchExpressions", kList),
});
constexpr auto kConcurrencyDetector = std::to_array<ParamSpec>({
    Taken("maxConcurrency", kInt),
    Taken("headroom", kNumber),
    Taken("concurrencyMode", kString),
    Taken("maxTokenConcurrency", kInt),
    Taken("inFlightLoadProducerName", kString),
});
constexpr auto kContextLengthAware = std::to_array<ParamSpec>({
    Taken("label", kString),
    Taken("enableFiltering", kBool),
});
constexpr auto kDataParallelProfileHandler = std::to_array<ParamSpec>({
    Taken("primaryPort", kInt),
});
constexpr auto kDcgmDataSource = std::to_array<ParamSpec>({
    Taken("scheme", kString),
    Taken("path", kString),
    Taken("port", kInt),
    Taken("insecureSkipVerify", kBool),
    Taken("useNodeAddress", kBool),
    Taken("interval", kString),
});
constexpr auto kDisaggHeadersHandler = std::to_array<ParamSpec>({
    Taken("prefillProfile", kString),
    Taken("encodeProfile", kString),
});
constexpr auto kDisaggProfileHandler = std::to_array<ParamSpec>({
    Taken("stageOrder", kString),
    Taken("profiles", kMap),
    Taken("deciders", kMap),
    Taken("decodeProfile", kString),
    Taken("prefillProfile", kString),
    Taken("encodeProfile", kString),
    Taken("prefillDeciderPluginName", kString),
    Taken("deciderPluginName", kString),
    Taken("encodeDeciderPluginName", kString),
});
constexpr auto kDisaggregatedsetRolloutScreener = std::to_array<ParamSpec>({
    Needed("scope", kMap),
    Taken("headerSelectors", kList),
    Needed("revisionGating", kMap),
});
constexpr auto kEndpointAttributeFilter = std::to_array<ParamSpec>({
    Needed("attribute", kString),
    Taken("producer", kString),
    Taken("onMissing", kString),
    Taken("fallbackOnEmpty", kBool),
    Taken("algorithm", kMap),
});
constexpr auto kEndpointAttributeScorer = std::to_array<ParamSpec>({
    Needed("attributeKey", kString),
    Taken("producer", kString),
    Taken("algorithm", kMap),
});
constexpr auto kFileDiscovery = std::to_array<ParamSpec>({
    Needed("path", kString),
    Taken("watchFile", kBool),
});
constexpr auto kHeaderLabelAffinityScorer = std::to_array<ParamSpec>({
    Needed("headerName", kString),
    Needed("labelKey", kString),
});
constexpr auto kHeaderProfileHandler = std::to_array<ParamSpec>({
    Taken("headerName", kString),
    Taken("defaultProfile", kString),
});
constexpr auto kInflightLoadProducer = std::to_array<ParamSpec>({
    Taken("addEstimatedOutputTokens", kBool),
    Taken("outputRatio", kNumber),
    Taken("maxEstimatedOutputTokens", kInt),
    Taken("prefixMatchInfoProducerName", kString),
    Taken("syncCrossReplicaState", kBool),
});
constexpr auto kK8sNotificationSource = std::to_array<ParamSpec>({
    Taken("group", kString),
    Needed("version", kString),
    Needed("kind", kString),
});
constexpr auto kLatencyScorer = std::to_array<ParamSpec>({
    Taken("ttftWeight", kNumber),
    Taken("tpotWeight", kNumber),
    Taken("headroomSelectionStrategy", kString),
    Taken("compositeKVWeight", kNumber),
    Taken("compositeQueueWeight", kNumber),
    Taken("compositePrefixWeight", kNumber),
    Taken("prefixMatchInfoProducerName", kString),
    Taken("latencyPredictionInfoProducerName", kString),
    Taken("inFlightLoadProducerName", kString),
});
constexpr auto kLatencySloAdmitter = std::to_array<ParamSpec>({
    Taken("latencyPredictionInfoProducerName", kString),
});
constexpr auto kMmEmbeddingsCacheProducer = std::to_array<ParamSpec>({
    Taken("cacheSizeInMBPerServer", kInt),
});
constexpr auto kMmEmbeddingsCacheScorer = std::to_array<ParamSpec>({
    Taken("producerName", kString),
});
constexpr auto kModelsDataSource = std::to_array<ParamSpec>({
    Taken("scheme", kString),
    Taken("path", kString),
    Taken("port", kInt),
    Taken("insecureSkipVerify", kBool),
    Taken("caCertPath", kString),
    Taken("clientCertPath", kString),
    Taken("clientKeyPath", kString),
    Taken("interval", kString),
});
constexpr auto kMulticlusterMetricsExtractor = std::to_array<ParamSpec>({
    Taken("kvCacheUtilizationMetric", kString),
    Taken("queueSizeMetric", kString),
});
constexpr auto kNoHitLruScorer = std::to_array<ParamSpec>({
    Taken("lruSize", kInt),
    Taken("prefixMatchInfoProducerName", kString),
    Taken("prefixPluginType", kString),
    Taken("prefixPluginName", kString),
});
constexpr auto kP2pSourceProducer = std::to_array<ParamSpec>({
    Taken("prefixMatchInfoProducerName", kString),
    Taken("minCachedTokenDelta", kInt),
    Taken("prefillProfileName", kString),
});
constexpr auto kPdProfileHandler = std::to_array<ParamSpec>({
    Taken("decodeProfile", kString),
    Taken("prefillProfile", kString),
    Taken("prefixPluginType", kString),
    Taken("prefixPluginName", kString),
    Taken("primaryPort", kInt, 0, 65535),
    Taken("deciderPluginName", kString),
    Taken("prefixMatchInfoProducerName", kString),
});
constexpr auto kPrecisePrefixCacheProducer = std::to_array<ParamSpec>({
    Taken("tokenProcessorConfig", kMap),
    Taken("indexerConfig", kMap),
    Taken("kvEventsConfig", kMap),
    Taken("speculativeIndexing", kBool),
    Taken("speculativeTTL", kDuration),
});
constexpr auto kPredictedLatencyProducer = std::to_array<ParamSpec>({
    Taken("sloBufferFactor", kNumber),
    Taken("contextTTL", kDuration),
    Taken("streamingMode", kBool),
    Taken("endpointRoleLabel", kString),
    Taken("predictInProduce", kBool),
    Taken("prefixMatchInfoProducerName", kString),
    Taken("inFlightLoadProducerName", kString),
    Taken("useEncoderCacheFeatures", kBool),
    Taken("encoderCacheMatchInfoProducerName", kString),
    Taken("samplingMean", kNumber),
    Taken("maxDecodeTokenSamplesForPrediction", kInt),
});
constexpr auto kPrefixBasedPdDecider = std::to_array<ParamSpec>({
    Taken("nonCachedTokens", kInt),
    Taken("promptTokens", kInt),
});
constexpr auto kPrefixCacheAffinityFilter = std::to_array<ParamSpec>({
    Taken("affinityThreshold", kNumber),
    Taken("explorationProbability", kNumber, 0, 1),
    Taken("maxTTFTPenaltyMs", kNumber),
    Taken("ttftSource", kString),
    Taken("peakPrefillThroughput", kNumber),
    Taken("prefixMatchInfoProducerName", kString),
    Taken("latencyPredictionInfoProducerName", kString),
    Taken("inFlightLoadProducerName", kString),
});
constexpr auto kPriorityHoldbackPolicy = std::to_array<ParamSpec>({
    Taken("shape", kString),
    Taken("domain", kString),
    Needed("minCeiling", kNumber),
    Taken("maxCeiling", kNumber),
});
constexpr auto kProbabilisticAdmitter = std::to_array<ParamSpec>({
    Taken("queueDepthThreshold", kNumber),
    Taken("kvCacheUtilThreshold", kNumber),
    Taken("power", kNumber),
    Taken("k", kNumber),
});
constexpr auto kProgramAwareFairness = std::to_array<ParamSpec>({
    Taken("strategy", kString),
    Taken("evictionTtlSeconds", kInt),
    Taken("evictionSweepSeconds", kInt),
    Taken("lasWeightService", kNumber),
    Taken("lasWeightHeadWait", kNumber),
    Taken("lasHalfLifeSeconds", kNumber),
});
constexpr auto kRequestAttributeReporter = std::to_array<ParamSpec>({
    Needed("attributes", kList),
});
constexpr auto kSessionAffinityFilter = std::to_array<ParamSpec>({
    Taken("strategy", kString),
    Taken("encodedEndpointHeaderConfig", kMap),
    Taken("sessionIdConfig", kMap),
    Taken("profileName", kString),
});
constexpr auto kSessionIdProducer = std::to_array<ParamSpec>({
    Taken("headerName", kString),
    Taken("cookieName", kString),
});
constexpr auto kSloHeadroomTierFilter = std::to_array<ParamSpec>({
    Taken("epsilonExploreNeg", kNumber),
    Taken("latencyPredictionInfoProducerName", kString),
});
constexpr auto kStaticUsageLimitPolicy = std::to_array<ParamSpec>({
    Taken("threshold", kNumber),
});
constexpr auto kTokenLoadScorer = std::to_array<ParamSpec>({
    Taken("queueThresholdTokens", kInt),
    Taken("inFlightLoadProducerName", kString),
});
constexpr auto kTokenizer = std::to_array<ParamSpec>({
    Taken("modelName", kString),
    Taken("estimate", kMap),
    Taken("vllm", kMap),
    Taken("udsTokenizerConfig", kMap),
});
constexpr auto kTopologyAffinityFilter = std::to_array<ParamSpec>({
    Taken("minAffinity", kString),
    Taken("topologyProducerName", kString),
});
constexpr auto kTopologyAffinityScorer = std::to_array<ParamSpec>({
    Taken("topologyProducerName", kString),
});
constexpr auto kTopologyExtractor = std::to_array<ParamSpec>({
    Taken("hostname", kString),
    Taken("rack", kString),
    Taken("zone", kString),
    Taken("region", kString),
});
constexpr auto kUtilizationFilter = std::to_array<ParamSpec>({
    Needed("conditions", kList),
    Taken("fallbackOnEmpty", kBool),
    Taken("inFlightLoadProducerName", kString),
});

struct Row {
  std::string_view type;
  std::span<const ParamSpec> params;
};

// Sorted by type.
constexpr auto kRows = std::to_array<Row>({
    {"active-request-scorer", kActiveRequestScorer},
    {"agent-identity", kAgentIdentity},
    {"always-disagg-multimodal-decider", {}},
    {"always-disagg-pd-decider", {}},
    {"burst-prefix-cache-producer", kBurstPrefixCacheProducer},
    {"by-label", kByLabel},
    {"by-label-selector", kByLabelSelector},
    {"concurrency-detector", kConcurrencyDetector},
    {"context-length-aware", kContextLengthAware},
    {"data-parallel-profile-handler", kDataParallelProfileHandler},
    {"dcgm-data-source", kDcgmDataSource},
    {"decode-filter", {}},
    {"disagg-headers-handler", kDisaggHeadersHandler},
    {"disagg-profile-handler", kDisaggProfileHandler},
    {"disaggregatedset-rollout-screener", kDisaggregatedsetRolloutScreener},
    {"edf-ordering-policy", {}},
    {"encode-filter", {}},
    {"endpoint-attribute-filter", kEndpointAttributeFilter},
    {"endpoint-attribute-scorer", kEndpointAttributeScorer},
    {"fcfs-ordering-policy", {}},
    {"file-discovery", kFileDiscovery},
    {"global-strict-fairness-policy", {}},
    {"header-based-testing-filter", {}},
    {"header-label-affinity-scorer", kHeaderLabelAffinityScorer},
    {"header-profile-handler", kHeaderProfileHandler},
    {"inflight-load-producer", kInflightLoadProducer},
    {"k8s-notification-source", kK8sNotificationSource},
    {"latency-scorer", kLatencyScorer},
    {"latency-slo-admitter", kLatencySloAdmitter},
    {"mm-embeddings-cache-producer", kMmEmbeddingsCacheProducer},
    {"mm-embeddings-cache-scorer", kMmEmbeddingsCacheScorer},
    {"models-data-source", kModelsDataSource},
    {"multicluster-kv-cache-utilization-scorer", {}},
    {"multicluster-metrics-data-source", kModelsDataSource},
    {"multicluster-metrics-extractor", kMulticlusterMetricsExtractor},
    {"multicluster-prefix-cache-scorer", {}},
    {"multicluster-queue-scorer", {}},
    {"no-hit-lru-scorer", kNoHitLruScorer},
    {"p2p-source-producer", kP2pSourceProducer},
    {"pd-profile-handler", kPdProfileHandler},
    {"precise-prefix-cache-producer", kPrecisePrefixCacheProducer},
    {"precise-prefix-cache-scorer", kPrecisePrefixCacheProducer},
    {"predicted-latency-producer", kPredictedLatencyProducer},
    {"prefill-filter", {}},
    {"prefill-header-handler", kDisaggHeadersHandler},
    {"prefix-based-pd-decider", kPrefixBasedPdDecider},
    {"prefix-cache-affinity-filter", kPrefixCacheAffinityFilter},
    {"priority-holdback-policy", kPriorityHoldbackPolicy},
    {"probabilistic-admitter", kProbabilisticAdmitter},
    {"program-aware-fairness", kProgramAwareFairness},
    {"request-attribute-reporter", kRequestAttributeReporter},
    {"round-robin-fairness-policy", {}},
    {"session-affinity-filter", kSessionAffinityFilter},
    {"session-affinity-scorer", kSessionAffinityFilter},
    {"session-id-producer", kSessionIdProducer},
    {"slo-deadline-ordering-policy", {}},
    {"slo-headroom-tier-filter", kSloHeadroomTierFilter},
    {"soft-reflective-ceiling-policy", {}},
    {"static-usage-limit-policy", kStaticUsageLimitPolicy},
    {"token-load-scorer", kTokenLoadScorer},
    {"tokenizer", kTokenizer},
    {"topology-affinity-filter", kTopologyAffinityFilter},
    {"topology-affinity-scorer", kTopologyAffinityScorer},
    {"topology-extractor", kTopologyExtractor},
    {"utilization-filter", kUtilizationFilter},
});

}  // namespace

std::optional<std::span<const ParamSpec>> ReferenceParams(std::string_view type) {
  const auto row = std::lower_bound(kRows.begin(), kRows.end(), type,
                                    [](const Row& a, std::string_view b) { return a.type < b; });
  if (row == kRows.end() || row->type != type) return std::nullopt;
  return row->params;
}

}  // namespace inference::api
