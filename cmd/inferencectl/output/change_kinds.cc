#include "inferencectl/envelope.h"
#include "inferencectl/output/kinds.h"

// Changes of applied objects, their history, and tests of routing.
namespace inference::ctl::output {
namespace {

using manifest::schema::Use;

constexpr std::string_view kWhats[] = {"created", "changed", "unchanged", "deleted"};

constexpr Field What() {
  Field field = Text("change", "What became, or would become, of it.");
  field.one_of = kWhats;
  return field;
}

#define KEY_FIELDS                                                     \
  Text("group", "Of its apiVersion."), Text("kind", "Of the object."), \
      Text("namespace", "Of the object."), Text("name", "Of the object.")

constexpr Field kChangedFields[] = {KEY_FIELDS, What()};
constexpr Field kChanged = {.fields = kChangedFields};
constexpr Field kTextsFields[] = {
    KEY_FIELDS,
    What(),
    Maybe(Text("before", "Its text; null when it wasn't there. In a diff, and of one generation.")),
    Maybe(Text("after", "Its text; null when it is gone.")),
};
constexpr Field kTexts = {.fields = kTextsFields};
constexpr Field kWaitFields[] = {
    Flag("ready", "Every endpoint of the pools that it touches is ready."),
    Maybe(Text("message", "What was still missing.")),
};
constexpr Field kResultFields[] = {
    kMetadata,
    Flag("dryRun", "Nothing was changed."),
    Integer("appliedGeneration", "Of the applied state now."),
    Integer("generation", "That runs now; counts from the daemon's start."),
    Flag("inForce", "It serves; false for a dry run, and while DNS names are looked up."),
    List("items", &kChanged, "Every object that was named."),
    List("findings", &kToldFinding, "That the change brings."),
    Maybe(Object("wait", kWaitFields, "How --wait ended; absent without it.")),
};
constexpr Field kDiffFields[] = {
    kMetadata,
    Integer("appliedGeneration", "That it was compared with."),
    List("items", &kTexts, "Every object that was given."),
};
constexpr Field kRevisionFields[] = {
    Integer("generation", "Of the applied state."),
    Text("at", "UTC, RFC 3339."),
    Text("who", "As the daemon's kernel says."),
    Text("verb", "As apply, or rollback to 7."),
    Maybe(Text("reason", "As it was given.")),
    List("objects", &kTexts, "What was changed; texts when one generation was asked for."),
};
constexpr Field kRevision = {.fields = kRevisionFields};
constexpr Field kOperationFields[] = {
    Integer("id", "Rising."),
    Text("at", "UTC, RFC 3339."),
    Text("who", "As the daemon's kernel says."),
    Text("verb", "As drain."),
    Maybe(Text("reason", "As it was given.")),
    Text("subject", "What was changed."),
    Maybe(Text("before", "For people; null when nothing was there.")),
    Maybe(Text("after", "For people; null when nothing is left.")),
};
constexpr Field kOperation = {.fields = kOperationFields};
constexpr Field kHistoryFields[] = {
    kMetadata, List("items", &kRevision, "The newest first."),
    List("operations", &kOperation, "Not about applied objects; the newest first.")};

constexpr Field kSizeFields[] = {
    Integer("generation", "That runs; counts from the daemon's start."),
    Integer("pools", "Of all objects."),
    Integer("endpoints", "Of all pools, each once."),
};
constexpr Field kReloadFields[] = {
    kMetadata,
    Flag("pending", "It was only asked for; nothing else is known then."),
    Flag("refused", "The files have errors; what was in force stays."),
    Maybe(Text("message", "Why it is refused.")),
    Maybe(Object("before", kSizeFields, "What ran before.")),
    Maybe(Object("now", kSizeFields, "What runs now.")),
    List("items", &kTexts, "Objects of files that are not as they were."),
    List("findings", &kToldFinding, "Of the files."),
};

constexpr Field kExposedFields[] = {
    Text("pool", "namespace/name; it fails open."),
    Text("endpoint", "That is drained."),
    List("owners", &kAnyText, "Of its leases."),
};
constexpr Field kExposed = {.fields = kExposedFields};
constexpr Field kStopFields[] = {
    kMetadata,
    Flag("dryRun", "It was only asked whether it would stop."),
    Flag("refused", "It goes on."),
    Maybe(Text("message", "Why it is refused.")),
    Flag("stopped", "With --wait: it is gone."),
    Integer("pid", "Of the daemon."),
    List("exposed", &kExposed, "Endpoints that the gateway may use while no picker answers."),
};

#define MANIFEST_FIELDS                                                                         \
  KEY_FIELDS, Map("labels", &kAnyText, "Of the object."), Text("source", "file or applied."),   \
      Maybe(Text("file", "That defines it.")), Maybe(Integer("line", "In that file, from 1.")), \
      Maybe(Integer("appliedGeneration", "That brought this text.")),                           \
      Text("text", "The manifest as it was written.")

constexpr Field kManifestFields[] = {MANIFEST_FIELDS};
constexpr Field kManifest = {.fields = kManifestFields};
constexpr Field kManifestLineFields[] = {Object("item", kManifestFields, "One manifest.")};
constexpr Field kManifestListFields[] = {
    kMetadata,
    Integer("generation", "That runs now."),
    Integer("appliedGeneration", "Of the applied state."),
    List("items", &kManifest, "Those of files, then the applied ones."),
};
#undef MANIFEST_FIELDS
#undef KEY_FIELDS

constexpr Field kCount = {.type = Type::kInteger};
constexpr Field kOutcomeFields[] = {
    Text("file", "Of the test."),
    Text("test", "Its name."),
    Text("case", "The case's name."),
    Integer("line", "Of the case."),
    Flag("passed", "Everything that is expected holds."),
    List("failures", &kAnyText, "What does not."),
    Map("picks", &kCount, "Requests by endpoint."),
};
constexpr Field kOutcome = {.fields = kOutcomeFields};
constexpr Field kTestReportFields[] = {kMetadata, List("items", &kOutcome, "One per case.")};

constexpr Field kRemarkFields[] = {
    Text("flag", "Of the reference picker."),
    Text("message", "What becomes of it."),
    Flag("lost", "It did something that nothing does here."),
};
constexpr Field kRemark = {.fields = kRemarkFields};
constexpr Field kMigrationFields[] = {
    kMetadata,
    Text("config", "The DaemonConfig, YAML."),
    List("remarks", &kRemark, "Flags without a field of their own."),
};

constexpr Kind kKinds[] = {
    {kOutputVersion, "ChangeResult", "", "", Use::kFile, "apply, delete or rollback -o json",
     kResultFields, false},
    {kOutputVersion, "Diff", "", "", Use::kFile, "diff -o json", kDiffFields, false},
    {kOutputVersion, "History", "", "", Use::kFile, "history -o json", kHistoryFields, false},
    {kOutputVersion, "Manifest", "", "", Use::kFile, "a line of get manifests -o jsonl",
     kManifestLineFields, false},
    {kOutputVersion, "ManifestList", "", "", Use::kFile, "get manifests -o json",
     kManifestListFields, false},
    {kOutputVersion, "ReloadResult", "", "", Use::kFile, "daemon reload -o json", kReloadFields,
     false},
    {kOutputVersion, "StopResult", "", "", Use::kFile, "daemon stop -o json", kStopFields, false},
    {kOutputVersion, "RoutingTestReport", "", "", Use::kFile, "test -o json", kTestReportFields,
     false},
    {kOutputVersion, "ConfigMigration", "", "", Use::kFile, "config migrate -o json",
     kMigrationFields, false},
};

}  // namespace

std::span<const Kind> ChangeKinds() {
  return kKinds;
}

}  // namespace inference::ctl::output
