#include "manifest/schema/pool_config_fields.h"
#include "manifest/schema/schema.h"
#include "manifest/schema/shared_fields.h"

// Configuration files: that of inferenced, and the one that says how to pick.
namespace inference::manifest::schema {
namespace {

using namespace std::chrono_literals;

constexpr Field kText = {.type = Type::kString};

// --- DaemonConfig ---

constexpr std::string_view kTlsModes[] = {"none", "selfSigned", "files"};
constexpr Field kTlsFields[] = {
    {.name = "mode",
     .type = Type::kString,
     .required = true,
     .one_of = kTlsModes,
     .doc = "none: plaintext. selfSigned: a certificate made at start. files: those named here."},
    {.name = "certFile",
     .type = Type::kString,
     .min = 1,
     .max = 4096,
     .doc = "Certificate chain, PEM. For mode files."},
    {.name = "keyFile",
     .type = Type::kString,
     .min = 1,
     .max = 4096,
     .doc = "Its private key, PEM. For mode files."},
};
constexpr std::string_view kAddressDoc =
    "unix:///path, host:port, [v6]:port or :port. Port 0 takes a free one.";
constexpr Field kListenerFields[] = {
    {.name = "address", .type = Type::kString, .required = true, .doc = kAddressDoc},
    {.name = "tls", .doc = "How connections are protected.", .fields = kTlsFields},
};
constexpr Field kListener = {.fields = kListenerFields};
constexpr Field kAddressFields[] = {
    {.name = "address", .type = Type::kString, .required = true, .doc = kAddressDoc},
};
constexpr Field kName = {.type = Type::kString, .min = 1, .max = 256};
constexpr Field kOperatorsFields[] = {
    {.name = "users",
     .type = Type::kList,
     .max = 1024,
     .doc = "Names or numbers.",
     .items = &kName},
    {.name = "groups",
     .type = Type::kList,
     .max = 1024,
     .doc = "Names or numbers.",
     .items = &kName},
};
constexpr Field kAdminFields[] = {
    {.name = "address",
     .type = Type::kString,
     .doc = "unix:///path; admin.sock in the run directory when left out."},
    {.name = "mode",
     .type = Type::kString,
     .def = "\"0660\"",
     .doc = "Of the socket, octal: 0600, 0660, 0666, ... A socket of systemd has its own."},
    {.name = "group",
     .type = Type::kString,
     .min = 1,
     .max = 256,
     .doc = "That the socket belongs to, a name or a number; when left out, the daemon's."},
    {.name = "operators",
     .doc = "Who may change anything over the socket, besides root and the daemon's user; whoever "
            "else can open it may only look. When left out, whoever can open it.",
     .fields = kOperatorsFields},
};
constexpr Field kPath = {.type = Type::kString, .min = 1, .max = 4096};

constexpr Field kPoolName = {.type = Type::kString};

constexpr Field kLimitsFields[] = {
    {.name = "maxBodyBytes",
     .type = Type::kQuantity,
     .min = 1024,
     .max = int64_t{1} << 32,
     .def = "64Mi",
     .doc = "Larger request bodies are answered 413."},
    {.name = "bodyBudget",
     .type = Type::kQuantity,
     .min = 1024,
     .def = "2Gi",
     .doc = "All bodies held at once; beyond it requests are answered 503."},
    {.name = "pickTimeout",
     .type = Type::kDuration,
     .min = Nanos(1ms),
     .max = Nanos(10min),
     .def = "5s",
     .doc = "How long a decision may take from the body's end on, the time parked aside."},
};

constexpr Field kEngineFields[] = {
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .max = 63,
     .format = Format::kLabelValue,
     .doc = "The value of an endpoint's engine label."},
    {.name = "waiting", .type = Type::kString, .max = 512, .doc = "Requests in the queue."},
    {.name = "running", .type = Type::kString, .max = 512, .doc = "Requests in the batch."},
    {.name = "kvUsage", .type = Type::kString, .max = 512, .doc = "KV-cache use, 0 to 1."},
    {.name = "lora", .type = Type::kString, .max = 512, .doc = "Info metric with the adapters."},
    {.name = "cacheInfo", .type = Type::kString, .max = 512, .doc = "Info metric of the cache."},
    {.name = "blockSizeLabel",
     .type = Type::kString,
     .max = 512,
     .doc = "Label of cacheInfo with a block's size in tokens."},
    {.name = "numBlocksLabel",
     .type = Type::kString,
     .max = 512,
     .doc = "Label of cacheInfo with the number of blocks."},
    {.name = "blockSize", .type = Type::kString, .max = 512, .doc = "Gauge: tokens of a block."},
    {.name = "numBlocks", .type = Type::kString, .max = 512, .doc = "Gauge: number of blocks."},
    {.name = "prefixQueries",
     .type = Type::kString,
     .max = 512,
     .doc = "Counter: tokens looked up in the prefix cache."},
    {.name = "prefixHits",
     .type = Type::kString,
     .max = 512,
     .doc = "Counter: tokens found in the prefix cache."},
    {.name = "preemptions", .type = Type::kString, .max = 512, .doc = "Counter of preemptions."},
    {.name = "sleepState", .type = Type::kString, .max = 512, .doc = "Gauge: 0 while asleep."},
};
constexpr Field kEngine = {.fields = kEngineFields};

constexpr std::string_view kLogLevels[] = {"trace", "debug", "info", "warn", "error"};
constexpr std::string_view kLogFormats[] = {"auto", "text", "json"};
constexpr Field kDaemonFields[] = {
    {.name = "metadata", .type = Type::kAny, .doc = "Not used."},
    {.name = "listeners",
     .type = Type::kList,
     .min = 1,
     .max = 64,
     .doc = "Where ext_proc is served.",
     .items = &kListener},
    {.name = "health",
     .doc = "Where gRPC health checks are served; 127.0.0.1:9003 when left out.",
     .fields = kAddressFields},
    {.name = "http",
     .doc = "Where /metrics, /healthz and /readyz are served; 127.0.0.1:9090 when left out.",
     .fields = kAddressFields},
    {.name = "admin", .doc = "The Unix socket of inferencectl.", .fields = kAdminFields},
    {.name = "manifests",
     .type = Type::kList,
     .max = 1024,
     .doc = "Files, folders and globs of manifests; relative to this file.",
     .items = &kPath},
    {
        .name = "stateFile",
        .type = Type::kString,
        .min = 1,
        .max = 4096,
        .doc = "Where applied manifests and their history are kept; none: nowhere. By default "
               "state.db in the state directory.",
    },
    {.name = "pickerConfig",
     .type = Type::kString,
     .min = 1,
     .max = 4096,
     .doc = "An EndpointPickerConfig file; without it queue, KV-cache and prefix scorers with "
            "weights 2, 2, 3."},
    {.name = "pools",
     .type = Type::kMap,
     .doc = "Settings of single pools, by namespace/name.",
     .items = &kPool},
    {.name = "routes",
     .type = Type::kMap,
     .doc = "Envoy's route names and the pools, as namespace/name, that they belong to.",
     .items = &kPoolName},
    {.name = "limits", .doc = "Bounds on what requests may cost.", .fields = kLimitsFields},
    {.name = "scrape", .doc = "How metrics pages are fetched.", .fields = kScrapeFields},
    {.name = "engines",
     .type = Type::kList,
     .max = 64,
     .doc = "Names of metrics of servers that we don't know.",
     .items = &kEngine},
    {.name = "trustPriorityHeaders",
     .type = Type::kBool,
     .def = "true",
     .doc = "May clients set the objective and fairness headers?"},
    {.name = "workers",
     .type = Type::kInteger,
     .min = 0,
     .max = 1024,
     .def = "0",
     .doc = "Threads that serve ext_proc; 0: one per core."},
    {.name = "decisionRing",
     .type = Type::kInteger,
     .min = 0,
     .max = 1 << 20,
     .def = "4096",
     .doc = "Decisions remembered per worker, for `why`."},
    {.name = "logLevel",
     .type = Type::kString,
     .one_of = kLogLevels,
     .def = "info",
     .doc = "The least severity that is logged."},
    {.name = "logFormat",
     .type = Type::kString,
     .one_of = kLogFormats,
     .def = "auto",
     .doc = "auto: text on a terminal, else JSON."},
    {.name = "drainTimeout",
     .type = Type::kDuration,
     .min = Nanos(0s),
     .max = Nanos(24h),
     .def = "30s",
     .doc = "How long streams may finish after SIGTERM."},
    {.name = "endpointHeader",
     .type = Type::kBool,
     .def = "false",
     .doc = "Answer x-inference-endpoint to clients that ask for it."},
};

// --- EndpointPickerConfig ---

constexpr Field kPluginFields[] = {
    {.name = "name",
     .type = Type::kString,
     .min = 1,
     .max = 253,
     .doc = "What profiles refer to; the type when left out."},
    {.name = "type",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .max = 253,
     .doc = "Which plugin."},
    {.name = "parameters", .doc = "As the plugin wants them.", .open = true},
};
constexpr Field kPlugin = {.fields = kPluginFields};
constexpr Field kEntryFields[] = {
    {.name = "pluginRef",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .max = 253,
     .doc = "Name of a plugin."},
    {.name = "weight",
     .type = Type::kNumber,
     .min = 0,
     .def = "1",
     .doc = "What a scorer's result is multiplied with."},
};
constexpr Field kEntry = {.fields = kEntryFields};
constexpr Field kProfileFields[] = {
    NameField("Unique in the file."),
    {.name = "plugins",
     .type = Type::kList,
     .doc = "Its plugins, filters in order.",
     .items = &kEntry},
};
constexpr Field kProfile = {.fields = kProfileFields};
constexpr Field kRefFields[] = {
    {.name = "pluginRef",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .max = 253,
     .doc = "Name of a plugin."},
};
constexpr Field kRef = {.fields = kRefFields};
constexpr Field kSourceFields[] = {
    {.name = "pluginRef",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .max = 253,
     .doc = "Name of a plugin."},
    {.name = "extractors",
     .type = Type::kList,
     .min = 1,
     .doc = "What reads its data.",
     .items = &kRef},
};
constexpr Field kSource = {.fields = kSourceFields};
constexpr Field kDataLayerFields[] = {
    {.name = "injectDefaults",
     .type = Type::kBool,
     .def = "true",
     .doc = "Scrape metrics without being told to."},
    {.name = "sources",
     .type = Type::kList,
     .min = 1,
     .doc = "Where data of endpoints comes from.",
     .items = &kSource},
    {.name = "discovery",
     .doc = "Where endpoints come from, if not from Kubernetes.",
     .fields = kRefFields},
    {.name = "peerDiscovery", .doc = "Where other pickers are.", .fields = kRefFields},
    {.name = "crossReplicaSyncerPluginRef",
     .type = Type::kString,
     .doc = "What shares state between pickers."},
    {.name = "crossReplicaSyncInterval",
     .type = Type::kDuration,
     .def = "200ms",
     .doc = "How often."},
};
constexpr Field kBandFields[] = {
    {.name = "priority", .type = Type::kInteger, .doc = "The band's priority."},
    {.name = "maxBytes", .type = Type::kQuantity, .def = "1G", .doc = "Bytes that may wait."},
    {.name = "maxRequests",
     .type = Type::kQuantity,
     .def = "5000",
     .doc = "Requests that may wait."},
    {.name = "fairnessPolicyRef",
     .type = Type::kString,
     .def = "global-strict-fairness-policy",
     .doc = "Whose turn it is among flows."},
    {.name = "orderingPolicyRef",
     .type = Type::kString,
     .def = "fcfs-ordering-policy",
     .doc = "The order inside a flow."},
};
constexpr Field kBand = {.fields = kBandFields};
constexpr Field kFlowControlFields[] = {
    {.name = "maxBytes", .type = Type::kQuantity, .doc = "Of all bands; no limit when left out."},
    {.name = "maxRequests",
     .type = Type::kQuantity,
     .doc = "Of all bands; no limit when left out."},
    {.name = "defaultRequestTTL",
     .type = Type::kDuration,
     .def = "60s",
     .doc = "How long a request may wait; 0s: for ever."},
    {.name = "noEndpointRequestTTL",
     .type = Type::kDuration,
     .doc = "The same while the pool is empty."},
    {.name = "defaultPriorityBand", .doc = "For priorities without a band.", .fields = kBandFields},
    {.name = "defaultNegativePriorityBand", .doc = "For those below 0.", .fields = kBandFields},
    {.name = "priorityBands",
     .type = Type::kList,
     .doc = "Bands, each with its limits.",
     .items = &kBand},
    {.name = "usageLimitPolicyPluginRef",
     .type = Type::kString,
     .def = "static-usage-limit-policy",
     .doc = "How full the pool may get."},
    {.name = "saturationDetector", .doc = "What says that the pool is full.", .fields = kRefFields},
    {.name = "enableEviction",
     .type = Type::kBool,
     .def = "false",
     .doc = "May waiting requests give way to more urgent ones?"},
};
constexpr Field kRequestHandlerFields[] = {
    {.name = "parsers",
     .type = Type::kList,
     .doc = "What reads request bodies, in order.",
     .items = &kRef},
};
constexpr Field kPickerFields[] = {
    {.name = "featureGates",
     .type = Type::kList,
     .doc = "name, name=true or name=false.",
     .items = &kText},
    {.name = "plugins",
     .type = Type::kList,
     .doc = "Plugins and their parameters.",
     .items = &kPlugin},
    {.name = "schedulingProfiles",
     .type = Type::kList,
     .doc = "Which plugins work together; one with all of them when left out.",
     .items = &kProfile},
    {.name = "dataLayer", .doc = "How data of endpoints is got.", .fields = kDataLayerFields},
    {.name = "data", .doc = "The name that dataLayer had before.", .fields = kDataLayerFields},
    {.name = "flowControl",
     .doc = "Which requests wait, and how long.",
     .fields = kFlowControlFields},
    {.name = "saturationDetector",
     .doc = "The place that flowControl.saturationDetector had.",
     .fields = kRefFields},
    {.name = "requestHandler", .doc = "How requests are read.", .fields = kRequestHandlerFields},
    {.name = "parser", .doc = "The place that requestHandler.parsers had.", .fields = kRefFields},
};

constexpr std::string_view kPickerDoc =
    "How a pool's endpoints are filtered and scored, and which one is picked.";

constexpr Kind kKinds[] = {
    {"inferenced.dev/v1alpha1", "DaemonConfig", "", "", Use::kFile,
     "Configuration of inferenced, given with --config.", kDaemonFields, false},
    {"llm-d.ai/v1alpha1", "EndpointPickerConfig", "", "", Use::kFile, kPickerDoc, kPickerFields,
     false},
    {"inference.networking.x-k8s.io/v1alpha1", "EndpointPickerConfig", "", "", Use::kFile,
     kPickerDoc, kPickerFields, false, "1.6", "llm-d.ai/v1alpha1 EndpointPickerConfig"},
};

}  // namespace

std::span<const Kind> ConfigurationKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
