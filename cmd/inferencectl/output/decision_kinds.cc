#include "inferencectl/envelope.h"
#include "inferencectl/output/kinds.h"

// Picks, dry and real.
namespace inference::ctl::output {
namespace {

constexpr Field kColumnFields[] = {
    Text("scorer", "The plugin's name."),
    Number("weight", "What its scores are multiplied by."),
};
constexpr Field kColumn = {.fields = kColumnFields};
constexpr Field kScoreFields[] = {
    Number("score", "0 to 1."),
    Number("weighted", "score × weight."),
};
constexpr Field kScore = {.fields = kScoreFields};
constexpr Field kCandidateFields[] = {
    Text("endpoint", "Its name; empty when it is gone."),
    Text("address", "ip:port."),
    Maybe(Integer("rank", "0: picked; 1 and up: fallbacks.")),
    Number("total", "The sum of the weighted scores."),
    Map("scores", &kScore, "By scorer."),
    Maybe(Number("waiting", "Requests that waited, with those sent since.")),
    Maybe(Number("unseenPicks", "Those of them that its page can't know of.")),
    Maybe(Number("running", "Requests that ran.")),
    Maybe(Number("kvCacheUsage", "0 to 1.")),
    Integer("inFlight", "Requests sent there that hadn't ended."),
    Integer("prefixMatchBlocks", "Blocks of the prompt believed to be cached there."),
    Maybe(Integer("metricsAgeMs", "How old the page was.")),
    Flag("stale", "Too old to count."),
};
constexpr Field kCandidate = {.fields = kCandidateFields};
constexpr Field kPickedFields[] = {
    Text("endpoint", "Its name."),
    Text("address", "ip:port."),
};
constexpr Field kPicked = Maybe(Object("picked", kPickedFields, "Null when it was refused."));
constexpr Field kRefusalFields[] = {
    Text("reason", "A word for programs."),
    Integer("httpStatus", "What the client gets."),
    Text("message", "What is wrong."),
    Maybe(Text("droppedReason", "As the header says it.")),
};
constexpr Field kRefusal = Maybe(Object("refusal", kRefusalFields, "Null when it was picked."));
constexpr Field kColumns = List("columns", &kColumn, "The scorers, in order.");
constexpr Field kCandidates = List("candidates", &kCandidate, "The best first.");
constexpr Field kGeneration = Integer("generation", "The configuration that judged.");

// --- pick ---

constexpr Field kDroppedFields[] = {
    Text("filter", "The plugin's name."),
    Text("endpoint", "Its name."),
    Text("address", "ip:port."),
    Text("reason", "Why."),
};
constexpr Field kDropped = {.fields = kDroppedFields};
constexpr Field kPickPrefixFields[] = {
    Integer("blocks", "Blocks of the prompt."),
    Integer("blockTokens", "Tokens of a block."),
};
constexpr Field kPickItemFields[] = {
    Flag("dryRun", "Always true: nothing was reserved or learned."),
    kGeneration,
    Text("pool", "namespace/name."),
    Text("model", "As asked for."),
    Text("targetModel", "As sent on."),
    kPicked,
    kRefusal,
    Text("profile", "The scheduling profile."),
    Text("picker", "What picked by the totals."),
    kColumns,
    kCandidates,
    List("dropped", &kDropped, "Endpoints that filters took out."),
    Object("prefix", kPickPrefixFields, "The prompt as the prefix index sees it."),
    List("notes", &kAnyText, "What the reader should know."),
};
constexpr Field kPickFields[] = {kMetadata, Object("item", kPickItemFields, "The pick.")};

// --- why ---

constexpr Field kLeftOutFields[] = {
    Text("filter", "Who dropped it: a plugin's name, drain, reachability or weight."),
    Text("endpoint", "Its name."),
    Maybe(Text("address", "ip:port; null when the endpoint is gone by now.")),
    Text("reason", "Why."),
};
constexpr Field kLeftOut = {.fields = kLeftOutFields};
constexpr Field kDecisionPrefixFields[] = {
    Integer("blocks", "Blocks of the prompt."),
    Integer("blockTokens", "Tokens of a block."),
    Maybe(Integer("predictedCachedTokens", "Believed to be cached where it went.")),
};
constexpr Field kOutcomeFields[] = {
    Text("state",
         "pending, served, unobserved, refused, client-closed, protocol-error or unknown."),
    Maybe(Integer("httpStatus", "Of the response.")),
    Maybe(Text("servedEndpoint", "Who answered.")),
    Maybe(Integer("ttftUs", "Until the first token.")),
    Maybe(Integer("durationUs", "Until the end.")),
    Maybe(Integer("promptTokens", "As the server counts.")),
    Maybe(Integer("cachedTokens", "As the server says.")),
    Maybe(Integer("completionTokens", "As the server counts.")),
};
constexpr Field kDecisionItemFields[] = {
    Text("requestId", "The header x-request-id."),
    Text("decidedAt", "UTC, RFC 3339."),
    kGeneration,
    Text("pool", "namespace/name."),
    Text("model", "As asked for."),
    Maybe(Text("targetModel", "As sent on, when it was renamed.")),
    Maybe(Text("modelRule", "What renamed it.")),
    Maybe(Text("routeRule", "What chose the pool.")),
    Integer("priority", "Higher is more important."),
    Flag("sheddable", "Refused while the pool is saturated."),
    kRefusal,
    kPicked,
    Text("profile", "The scheduling profile."),
    Text("picker", "What picked by the totals."),
    Integer("pickUs", "What the pick took."),
    Integer("bodyBytes", "Of the request."),
    Integer("considered", "Endpoints before filters."),
    Integer("scored", "Endpoints after filters."),
    Flag("onlyUnreachable", "Nothing reachable was left."),
    Object("prefix", kDecisionPrefixFields, "The prompt as the prefix index saw it."),
    kColumns,
    kCandidates,
    List("dropped", &kLeftOut, "Endpoints without a score; the first few."),
    Integer("droppedTotal", "How many there were."),
    Integer("outOfSubset", "Beside them: left out by the gateway's subset."),
    Object("outcome", kOutcomeFields, "How it ended."),
};
constexpr Field kDecisionFields[] = {kMetadata,
                                     Object("item", kDecisionItemFields, "The decision.")};

constexpr Kind kKinds[] = {
    {kOutputVersion, "Pick", "", "", manifest::schema::Use::kFile, "pick -o json", kPickFields,
     false},
    {kOutputVersion, "Decision", "", "", manifest::schema::Use::kFile, "why -o json",
     kDecisionFields, false},
};

}  // namespace

std::span<const Kind> DecisionKinds() {
  return kKinds;
}

}  // namespace inference::ctl::output
