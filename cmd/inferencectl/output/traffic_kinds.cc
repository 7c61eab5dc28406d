#include "inferencectl/envelope.h"
#include "inferencectl/output/kinds.h"

// Rules that choose by weight.
namespace inference::ctl::output {
namespace {

using manifest::schema::Use;

#define RULE_FIELDS                                                        \
  Text("kind", "InferenceModelRewrite, InferenceModel or HTTPRoute."),     \
      Text("namespace", "Of the object."), Text("name", "Of the object."), \
      Integer("rule", "Index in the object.")
#define SPLIT_FIELDS                                                  \
  Text("target", "As traffic set takes it."), RULE_FIELDS,            \
      Maybe(Text("pool", "namespace/name; null for a route.")),       \
      List("models", &kAnyText, "That the rule matches; none: all."), \
      Text("since", "The weights are what they are; UTC, RFC 3339.")
#define TARGET_FIELDS                                                                \
  Text("name", "A model, or a pool."), Maybe(Integer("weight", "As written.")),      \
      Number("share", "Of the requests that it should get, 0 to 1."),                \
      Integer("requests", "Since the weights are what they are, or in the window."), \
      Integer("requestsTotal", "Since the daemon started.")

constexpr Field kTargetFields[] = {TARGET_FIELDS};
constexpr Field kTarget = {.fields = kTargetFields};
constexpr char kRemovedDoc[] = "Targets that weight 0 took out, and that traffic set brings back.";
constexpr Field kSplitFields[] = {SPLIT_FIELDS, List("targets", &kTarget, "What it chooses from."),
                                  List("removed", &kAnyText, kRemovedDoc)};
constexpr Field kSplit = {.fields = kSplitFields};
constexpr Field kAckFields[] = {Integer("have", "Daemons that answered."),
                                Integer("want", "Daemons that were asked.")};
constexpr Field kListFields[] = {kMetadata, List("items", &kSplit, "In the order they win in."),
                                 Object("ack", kAckFields, "How many of the daemons.")};

constexpr Field kJudgedFields[] = {
    TARGET_FIELDS,
    Maybe(Number("observed", "The share that it got, 0 to 1.")),
    Number("allowed", "How far that may be from its share."),
};
constexpr Field kJudged = {.fields = kJudgedFields};
constexpr Field kVerificationItem[] = {
    SPLIT_FIELDS,
    List("targets", &kJudged, "What it chooses from."),
    Integer("requests", "Of all targets."),
    Flag("enough", "As many as --min-requests."),
    Maybe(Flag("fits", "Every share is what it should be; null when there are too few requests.")),
};
constexpr Field kVerificationFields[] = {kMetadata,
                                         Object("item", kVerificationItem, "The verdict."),
                                         Object("ack", kAckFields, "How many of the daemons.")};

constexpr Field kWeightFields[] = {Text("name", "A model, or a pool."),
                                   Maybe(Integer("weight", "As written."))};
constexpr Field kWeight = {.fields = kWeightFields};
constexpr Field kChangeItem[] = {
    RULE_FIELDS,
    Flag("dryRun", "Nothing was changed."),
    Flag("changed", "Something is, or would be, other than before."),
    List("before", &kWeight, "The weights."),
    List("after", &kWeight, "The weights."),
    List("removed", &kAnyText, kRemovedDoc),
    Maybe(Text("file", "That was changed; null: the daemon's store was.")),
    Maybe(Integer("appliedGeneration", "Of the first daemon's store now.")),
    Maybe(Object("ack", kAckFields, "Daemons that have it; null when a file was changed.")),
};
constexpr Field kChangeFields[] = {kMetadata, Object("item", kChangeItem, "What was done.")};

constexpr Kind kKinds[] = {
    {kOutputVersion, "TrafficList", "", "", Use::kFile, "traffic get -o json", kListFields, false},
    {kOutputVersion, "TrafficChange", "", "", Use::kFile, "traffic set -o json", kChangeFields,
     false},
    {kOutputVersion, "TrafficVerification", "", "", Use::kFile, "traffic verify -o json",
     kVerificationFields, false},
};

}  // namespace

std::span<const Kind> TrafficKinds() {
  return kKinds;
}

}  // namespace inference::ctl::output
