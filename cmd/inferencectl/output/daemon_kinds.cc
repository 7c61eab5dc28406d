#include "inferencectl/envelope.h"
#include "inferencectl/output/kinds.h"

// What a daemon answers: pools, endpoints, its state.
namespace inference::ctl::output {
namespace {

constexpr Field kGeneration =
    Integer("generation", "The configuration that this is about; each change counts one up.");
constexpr Field kCountFields[] = {
    Integer("total", "All of them."),
    Integer("ready", "Those that answer."),
    Integer("unreachable", "Those that don't; chosen only when nothing else is left."),
    Integer("ejected", "Those at which requests fail, and those that are tried again."),
    Integer("asleep", "Those that sleep."),
    Integer("unknown", "Those of which no metrics page has been read."),
    Integer("draining", "Those that are draining or drained."),
};
constexpr Field kCounts = Object("endpoints", kCountFields, "How many endpoints.");

// --- pools ---

constexpr Field kPort = {.type = Type::kInteger};
constexpr Field kScorerFields[] = {
    Text("name", "The plugin's name."),
    Number("weight", "What its scores are multiplied by."),
};
constexpr Field kScorer = {.fields = kScorerFields};
constexpr Field kProfileFields[] = {
    Text("name", "The profile's name."),
    List("filters", &kAnyText, "In order."),
    List("scorers", &kScorer, "In order."),
    Text("picker", "What picks by the totals."),
};
constexpr Field kProfile = {.fields = kProfileFields};

#define POOL_FIELDS                                                                   \
  Text("name", "namespace/name."), kCounts,                                           \
      List("targetPorts", &kPort, "Ports of the model servers."),                     \
      Map("selector", &kAnyText, "Labels that its endpoints have."),                  \
      List("profiles", &kProfile, "How it schedules."),                               \
      Text("appProtocol", "What the model servers speak."),                           \
      Text("responseTracking", "auto, full or none."),                                \
      Integer("destinationList", "How many endpoints an answer names."), kGeneration, \
      Maybe(Text("origin", "Where it is declared, file:line:column."))

constexpr Field kPoolFields[] = {POOL_FIELDS};
constexpr Field kPool = {.fields = kPoolFields};
constexpr Field kPoolListFields[] = {kMetadata, kGeneration, List("items", &kPool, "The pools."),
                                     kWarnings};

// --- endpoints ---

constexpr std::string_view kSources[] = {"reported", "observed"};
constexpr std::string_view kFreshness[] = {"fresh", "stale", "unknown"};
constexpr Field kSource = {.name = "source",
                           .type = Type::kString,
                           .required = true,
                           .one_of = kSources,
                           .doc = "Who says so: the model server, or inferenced itself."};
constexpr Field kMetricFields[] = {
    Maybe(Number("value", "The last one; by freshness whether it still counts.")),
    kSource,
    {.name = "freshness",
     .type = Type::kString,
     .required = true,
     .one_of = kFreshness,
     .doc = "Only what is fresh is known."},
    Maybe(Integer("ageMs", "How old the value is.")),
};
constexpr Field Metric(std::string_view name, std::string_view doc) {
  return Object(name, kMetricFields, doc);
}
constexpr Field kLoraFields[] = {
    Integer("running", "Adapters of running requests."),
    Integer("waiting", "Adapters of waiting requests."),
    Integer("max", "Adapters that it can hold."),
};
constexpr std::string_view kOnDeadlines[] = {"leave", "undo", "force"};
constexpr Field kLeaseFields[] = {
    Text("id", "Of the lease."),
    Text("owner", "Whose it is."),
    Text("peer", "Who asked, as the daemon's kernel says."),
    Maybe(Text("reason", "As it was given.")),
    Text("since", "UTC, RFC 3339."),
    Maybe(Integer("deadlineMs", "Until its time is over; null: no limit, or drained in time.")),
    {.name = "onDeadline",
     .type = Type::kString,
     .required = true,
     .one_of = kOnDeadlines,
     .doc = "What becomes of it then."},
    Integer("softMs", "For so long since then it is soft."),
};
constexpr Field kLease = {.fields = kLeaseFields};
constexpr Field kEndpointDrainFields[] = {List("leases", &kLease, "One per owner.")};
constexpr Field kAckFields[] = {
    Integer("have", "Daemons that drain it."),
    Integer("want", "Daemons that were asked."),
};
constexpr Field kBlockerFields[] = {
    Text("code",
         "in-flight, fallbacks, settling, page, foreign, soft, predecessor, replica or lease."),
    Text("message", "For people."),
};
constexpr Field kBlocker = {.fields = kBlockerFields};

constexpr Field kOldestFields[] = {
    Text("requestId", "May be cut, or empty."),
    Integer("ageMs", "Since its endpoint was picked."),
};
#define DRAIN_FIELDS                                                                               \
  Text("endpoint", "Its name."), Text("namespace", "Its namespace."), Text("address", "ip:port."), \
      Text("state", "Ready, Warming, Draining, Overdue, Drained, Unverified or Gone."),            \
      Integer("inFlight", "Requests that were sent there and haven't ended."),                     \
      Integer("fallbacks", "Requests that the gateway may still send there."),                     \
      Maybe(Number("serverRunning", "As the server said.")),                                       \
      Maybe(Number("serverWaiting", "As the server said.")),                                       \
      Object("ack", kAckFields, "How many daemons drain it."),                                     \
      Integer("sinceMs", "Since it began, or was found after a restart."),                         \
      Maybe(                                                                                       \
          Object("oldest", kOldestFields, "Of the requests in flight, when one is remembered.")),  \
      Number("weight", "Share of the requests that it would get otherwise, 0 to 1."),              \
      List("leases", &kLease, "One per owner."),                                                   \
      List("blockers", &kBlocker, "What is in the way.")

constexpr Field kDrainFields[] = {DRAIN_FIELDS};
constexpr Field kDrain = {.fields = kDrainFields};
constexpr Field kDrainListFields[] = {kMetadata, List("items", &kDrain, "What is drained.")};
constexpr Field kOutcomeFields[] = {
    DRAIN_FIELDS,
    Text("outcome",
         "drained, unverified, accepted, gone, lost, undone, refused, failed, timeout-leave, "
         "timeout-undo, timeout-force, unacknowledged, not-begun or dry-run."),
    Flag("verified", "The server said that it has no request."),
    Text("message", "For people."),
    Number("durationSeconds", "How long it took."),
    Integer("lost", "Requests that an endpoint had when it went away."),
    Integer("exitCode", "Of this endpoint alone."),
};
constexpr Field kOutcome = {.fields = kOutcomeFields};
constexpr Field kDrainResultFields[] = {kMetadata,
                                        List("items", &kOutcome, "One for each endpoint.")};
#undef DRAIN_FIELDS

constexpr Field kInFlightFields[] = {Integer("value", "Requests."), kSource};
constexpr Field kScrapeFields[] = {
    Integer("pages", "Metrics pages that were read."),
    Integer("errors", "Those that couldn't be."),
    Integer("failures", "In a row, now."),
    Maybe(Integer("ageMs", "Since the last good page.")),
    Maybe(Text("lastError", "Why the last one failed.")),
};

constexpr Field kEjectionFields[] = {
    Integer("count", "Times since the daemon started."),
    Maybe(Text("note", "Why it is ejected, or half open, now.")),
};

#define ENDPOINT_FIELDS                                                                      \
  Text("name", "Unique in its pool."), Text("namespace", "The pool's."),                     \
      Text("pool", "namespace/name."), Text("address", "ip:port."),                          \
      Integer("rank", "Which of the ports of its server, from 0."),                          \
      Integer("id", "Of this run of the daemon."),                                           \
      Text("state",                                                                          \
           "Ready, Unreachable, Asleep, Draining, Overdue, Drained, Unverified, Warming, "   \
           "Ejected, HalfOpen or Unknown."),                                                 \
      Metric("running", "Requests that run."), Metric("waiting", "Requests that wait."),     \
      Metric("kvCacheUsage", "0 to 1."), Metric("blockSize", "Tokens of a KV cache block."), \
      Metric("blocks", "KV cache blocks."), Metric("prefixQueries", "Tokens looked up."),    \
      Metric("prefixHits", "Tokens found."), Metric("preemptions", "Requests put back."),    \
      Maybe(Object("lora", kLoraFields, "Adapters, when the server tells.")),                \
      Number("weight", "Share of the requests that it would get otherwise, 0 to 1."),        \
      Maybe(Text("weightNote", "Why it isn't 1.")),                                          \
      Object("ejection", kEjectionFields, "Whether requests fail there."),                   \
      Maybe(Object("drain", kEndpointDrainFields, "Why it gets no new requests.")),          \
      Object("inFlight", kInFlightFields, "Requests sent there that haven't ended."),        \
      Integer("unseenPicks", "Picks that the last page can't know of."),                     \
      Integer("picks", "Since the daemon started."),                                         \
      Object("scrape", kScrapeFields, "How reading its metrics goes."),                      \
      Map("labels", &kAnyText, "What selectors see.")

constexpr Field kEndpointFields[] = {ENDPOINT_FIELDS};
constexpr Field kEndpoint = {.fields = kEndpointFields};
constexpr Field kEndpointListFields[] = {kMetadata, kGeneration,
                                         List("items", &kEndpoint, "The endpoints."), kWarnings};
constexpr Field kOneEndpointFields[] = {Text("observedAt", "UTC, RFC 3339."), ENDPOINT_FIELDS};

// --- events, weights ---

constexpr Field kSubjectFields[] = {
    Text("kind", "endpoint or configuration."),
    Maybe(Text("namespace", "Of an endpoint.")),
    Maybe(Text("name", "Of an endpoint.")),
    Maybe(Text("address", "Of an endpoint, ip:port.")),
};

#define EVENT_FIELDS                                                                         \
  Integer("id", "Rising, in a run of the daemon."), Text("at", "UTC, RFC 3339."),            \
      Text("event", "What happened, as Ejected; see help event-kinds."),                     \
      Text("severity", "info, or warning: somebody should look."),                           \
      Object("subject", kSubjectFields, "What it happened to."),                             \
      Text("message", "For people; may be empty."), Maybe(Text("who", "Who asked for it.")), \
      Maybe(Text("reason", "As it was given."))

constexpr Field kEventFields[] = {EVENT_FIELDS};
constexpr Field kEvent = {.fields = kEventFields};
constexpr Field kEventListFields[] = {kMetadata, List("items", &kEvent, "The oldest first.")};

constexpr Field kWeightFields[] = {
    Text("name", "Of the endpoint."),
    Text("namespace", "Of the endpoint."),
    Text("address", "ip:port."),
    Number("before", "What was set, above 0 to 1."),
    Number("after", "What is set, above 0 to 1."),
};
constexpr Field kWeight = {.fields = kWeightFields};
constexpr Field kWeightResultFields[] = {
    kMetadata,
    Flag("dryRun", "Nothing was changed."),
    List("items", &kWeight, "One for each endpoint."),
};

// --- status ---

constexpr Field kFindingFields[] = {
    Text("level", "error, warning or info."),
    Text("code", "As INF0104; may be empty."),
    Text("file", "May be empty."),
    Integer("line", "From 1; 0 when it isn't about a line."),
    Integer("column", "From 1, in code points."),
    Text("message", "What is wrong."),
    Text("note", "What will happen, or what to do; may be empty."),
};
constexpr Field kFinding = {.fields = kFindingFields};
constexpr Field kConfigFields[] = {
    Text("file", "Empty: built-in defaults."),
    Integer("generation", "The one that runs."),
    Flag("lastReloadOk", "False: the last change was refused, the one before stays in force."),
    Maybe(Text("lastSuccess", "UTC, RFC 3339.")),
    Integer("rejected", "Changes that were refused since the start."),
    Maybe(Text("stateFile", "Of the applied objects; null when nothing is kept.")),
    Maybe(Text("noState", "Why nothing is kept.")),
    Integer("appliedGeneration", "Of the applied objects in force; 0: nothing was applied."),
    List("diagnostics", &kFinding, "What was found in the last change."),
};
constexpr Field kListenerFields[] = {
    Text("purpose", "extproc, health, http or admin."),
    Text("address", "Where it listens."),
    Text("tls", "none, or how."),
};
constexpr Field kListener = {.fields = kListenerFields};
constexpr Field kTotalFields[] = {
    Integer("streamsOpened", "Since the start."),
    Integer("streamsClosed", "Since the start."),
    Integer("connectionsOpened", "Since the start."),
    Integer("connectionsClosed", "Since the start."),
    Integer("protocolErrors", "Since the start."),
    Integer("heldBytes", "Of bodies, now."),
};
constexpr Field kStatusItemFields[] = {
    Text("version", "Of the daemon."),
    Integer("pid", "Its process."),
    Integer("uptimeMs", "Since it started."),
    Text("startedAt", "UTC, RFC 3339."),
    Object("config", kConfigFields, "Its configuration."),
    List("listeners", &kListener, "Where it listens."),
    Integer("reactors", "Threads that serve requests."),
    Integer("decisionRing", "Decisions that it remembers."),
    Integer("pools", "How many."),
    kCounts,
    Object("totals", kTotalFields, "Counters."),
};
constexpr Field kStatusFields[] = {kMetadata,
                                   Object("item", kStatusItemFields, "The daemon's state.")};

constexpr Kind kKinds[] = {
    {kOutputVersion, "PoolList", "", "", manifest::schema::Use::kFile, "get pools -o json",
     kPoolListFields, false},
    {kOutputVersion, "Pool", "", "", manifest::schema::Use::kFile, "A line of get pools -o jsonl",
     kPoolFields, false},
    {kOutputVersion, "EndpointList", "", "", manifest::schema::Use::kFile, "get endpoints -o json",
     kEndpointListFields, false},
    {kOutputVersion, "Endpoint", "", "", manifest::schema::Use::kFile,
     "A line of get endpoints -o jsonl", kOneEndpointFields, false},
    {kOutputVersion, "DrainList", "", "", manifest::schema::Use::kFile, "drain status -o json",
     kDrainListFields, false},
    {kOutputVersion, "DrainResult", "", "", manifest::schema::Use::kFile, "drain -o json",
     kDrainResultFields, false},
    {kOutputVersion, "EventList", "", "", manifest::schema::Use::kFile, "events -o json",
     kEventListFields, false},
    {kOutputVersion, "Event", "", "", manifest::schema::Use::kFile, "a line of events -o jsonl",
     kEventFields, false},
    {kOutputVersion, "WeightResult", "", "", manifest::schema::Use::kFile,
     "endpoint weight -o json", kWeightResultFields, false},
    {kOutputVersion, "Status", "", "", manifest::schema::Use::kFile, "status -o json",
     kStatusFields, false},
};

#undef POOL_FIELDS
#undef ENDPOINT_FIELDS
#undef EVENT_FIELDS

}  // namespace

std::span<const Kind> DaemonKinds() {
  return kKinds;
}

}  // namespace inference::ctl::output
