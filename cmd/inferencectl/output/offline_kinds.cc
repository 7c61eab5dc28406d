#include "inferencectl/envelope.h"
#include "inferencectl/output/kinds.h"

// What needs no daemon: reports, help, settings, failures.
namespace inference::ctl::output {
namespace {

using manifest::schema::Use;

// --- failures ---

constexpr Field kDetailFields[] = {
    Text("status", "A gRPC status code by name."),
    Maybe(Integer("appliedGeneration", "Of a refused change: the one that stays.")),
    Maybe(List("findings", &kToldFinding, "Of a refused change.")),
};
constexpr Field kErrorFields[] = {
    kMetadata,
    Text("code", "What the exit code means, as unreachable."),
    Integer("exitCode", "See the topic exit-codes."),
    Text("message", "What is wrong, where, what to do."),
    Object("details", kDetailFields, "More for programs."),
    Flag("retryable", "The same command may succeed later without any change."),
};

// --- validate ---

constexpr Field kSummaryFields[] = {
    Integer("errors", "Findings of that level."),
    Integer("warnings", "Findings of that level."),
    Integer("suppressed", "Findings that were taken back."),
    Integer("files", "That were read."),
    Integer("objects", "That were judged."),
    Maybe(Integer("new", "Findings that the earlier state does not have.")),
    Maybe(Integer("unchanged", "Findings that it has too.")),
    Maybe(Integer("fixed", "Findings that only it has.")),
};
constexpr Field kEditFields[] = {
    Integer("offset", "In bytes of the file, from 0."),
    Integer("length", "In bytes."),
    Integer("line", "From 1."),
    Integer("column", "From 1, in code points."),
    Integer("endLine", "Of the replaced text."),
    Integer("endColumn", "Behind its last character."),
    Text("replacement", "What is to stand there."),
};
constexpr Field kEdit = {.fields = kEditFields};
constexpr Field kFixFields[] = {
    Text("title", "What --fix does."),
    List("edits", &kEdit, "In the finding's file."),
};
constexpr Field kObjectFields[] = {
    Text("apiVersion", "Of the object."),
    Text("kind", "Of the object."),
    Text("namespace", "May be empty."),
    Text("name", "May be empty."),
};

#define FINDING_FIELDS                                                                        \
  Text("code", "As INF0104."), Text("level", "error, warning or info."),                      \
      Text("message", "What is wrong here."),                                                 \
      Maybe(Text("note", "What will happen, or what to do.")), Maybe(Text("file", "Where.")), \
      Maybe(Integer("line", "From 1.")), Maybe(Integer("column", "From 1, in code points.")), \
      Maybe(Integer("endLine", "Of the place.")),                                             \
      Maybe(Integer("endColumn", "Of the place; behind its last character.")),                \
      Maybe(Integer("document", "Of the file, from 0.")),                                     \
      Maybe(Text("pointer", "JSON pointer into the document.")),                              \
      Maybe(Object("object", kObjectFields, "Which one it is about.")),                       \
      Text("fingerprint", "The same finding in another run has the same."),                   \
      List("suggestions", &kAnyText, "What was probably meant, best first."),                 \
      Maybe(Object("fix", kFixFields, "What is surely right.")),                              \
      Maybe(Text("status", "new or unchanged, since the earlier state."))

constexpr Field kFindingFields[] = {FINDING_FIELDS};
constexpr Field kFinding = {.fields = kFindingFields};
constexpr Field kSuppressedFields[] = {FINDING_FIELDS, Text("reason", "As the comment says it.")};
constexpr Field kSuppressed = {.fields = kSuppressedFields};
#define REMEMBERED_FIELDS                                                \
  Text("code", "As INF0104."), Text("level", "error, warning or info."), \
      Text("message", "What was wrong."), Text("file", "Where."),        \
      Maybe(Text("object", "Kind, namespace and name.")),                \
      Text("fingerprint", "What it is known by.")
constexpr Field kRememberedFields[] = {REMEMBERED_FIELDS};
constexpr Field kRemembered = {.fields = kRememberedFields};
constexpr Field kFixedFields[] = {REMEMBERED_FIELDS, Text("status", "fixed.")};
constexpr Field kFixed = {.fields = kFixedFields};
#undef REMEMBERED_FIELDS
constexpr Field kReportFields[] = {
    kMetadata,
    Object("summary", kSummaryFields, "Counts."),
    List("findings", &kFinding, "In the order of the files."),
    List("suppressed", &kSuppressed, "Taken back by a comment or an annotation."),
    Maybe(List("fixed", &kFixed, "Findings that only the earlier state has.")),
};
constexpr Field kBaselineFields[] = {List("findings", &kRemembered, "Sorted by file.")};
#undef FINDING_FIELDS

// --- codes, explain ---

#define CODE_FIELDS                                                          \
  Text("code", "As INF0104."), Text("name", "Accepted wherever a code is."), \
      Text("level", "error, warning or info."), Text("title", "What it is, in one line.")

constexpr Field kCodeFields[] = {
    CODE_FIELDS,
    Text("why", "What happens if nothing is done."),
    Flag("retired", "No longer reported."),
    Maybe(Text("bad", "How it looks.")),
    Maybe(Text("good", "How it should look.")),
};
constexpr Field kCode = {.fields = kCodeFields};
constexpr Field kCodeDocumentFields[] = {kMetadata, Object("item", kCodeFields, "The code.")};
constexpr Field kCodesFields[] = {kMetadata, List("items", &kCode, "The codes.")};
constexpr Field kExplanationItemFields[] = {
    Text("apiVersion", "Of the kind."),
    Text("kind", "The kind."),
    Text("path", "Of the field; empty: the kind itself."),
    Text("description", "What it is for."),
    Of(Type::kAny, "schema", "JSON Schema."),
};
constexpr Field kExplanationFields[] = {
    kMetadata, Object("item", kExplanationItemFields, "The kind or field.")};

// --- the program itself ---

constexpr Field kVersionItemFields[] = {
    Text("version", "Of this program."),
    Text("adminApi", "What it speaks with daemons."),
};
constexpr Field kVersionFields[] = {kMetadata, Object("item", kVersionItemFields, "The version.")};
constexpr Field kSettingFields[] = {
    Text("key", "Its place in a configuration file."),
    Text("value", "In force; empty: none."),
    Maybe(Text("origin", "With --origin: the option, the variable or file:line:column.")),
};
constexpr Field kSetting = {.fields = kSettingFields};
constexpr Field kSettingListFields[] = {
    kMetadata,
    List("files", &kAnyText, "Configuration files that were read, the strongest first."),
    List("items", &kSetting, "The settings."),
};
constexpr Field kExitCodeFields[] = {
    Integer("code", "The number."),
    Text("name", "A word for it."),
    Text("meaning", "For every verb."),
    Text("examples", "Of when it is given."),
};
constexpr Field kExitCode = {.fields = kExitCodeFields};
constexpr Field kExitCodeListFields[] = {kMetadata, List("items", &kExitCode, "The codes.")};
constexpr Field kVariableFields[] = {Text("name", "Of the variable."), Text("effect", "Of it.")};
constexpr Field kVariable = {.fields = kVariableFields};
constexpr Field kVariableListFields[] = {kMetadata, List("items", &kVariable, "The variables.")};
constexpr Field kFormatFields[] = {Text("name", "For -o."), Text("what", "It is.")};
constexpr Field kFormat = {.fields = kFormatFields};
constexpr Field kFormatListFields[] = {kMetadata, List("items", &kFormat, "The formats.")};
constexpr Field kSelectorFields[] = {Text("form", "As it is written."), Text("what", "It names.")};
constexpr Field kSelector = {.fields = kSelectorFields};
constexpr Field kEventKindFields[] = {
    Text("name", "As events shows it."),
    Flag("warning", "Somebody should look."),
    Text("what", "What it means."),
};
constexpr Field kEventKind = {.fields = kEventKindFields};
constexpr Field kEventKindListFields[] = {kMetadata, List("items", &kEventKind, "The kinds.")};
constexpr Field kSelectorListFields[] = {kMetadata, List("items", &kSelector, "The forms.")};
constexpr Field kCodeRowFields[] = {CODE_FIELDS, Flag("retired", "No longer reported.")};
constexpr Field kCodeRow = {.fields = kCodeRowFields};
constexpr Field kCodeListFields[] = {kMetadata, List("items", &kCodeRow, "The codes.")};
#undef CODE_FIELDS

constexpr Field kOptionFields[] = {
    Text("name", "With its dashes."),
    Maybe(Text("short", "One letter.")),
    Maybe(Text("argument", "What follows; absent: a switch.")),
    Maybe(Text("default", "Absent: none.")),
    Maybe(Text("environment", "The variable that replaces the default.")),
    Maybe(Text("config", "Its place in configuration files.")),
    Maybe(List("choices", &kAnyText, "Absent: free.")),
    Flag("repeatable", "May it be given several times?"),
    Text("doc", "What it does."),
};
constexpr Field kOption = {.fields = kOptionFields};
constexpr Field kExitFields[] = {Integer("code", "The number."), Text("meaning", "Here.")};
constexpr Field kExit = {.fields = kExitFields};
constexpr Field kVerbFields[] = {
    Text("name", "One word or two."),
    Text("operands", "What follows; empty: nothing."),
    Text("summary", "In one line."),
    Text("description", "At length."),
    List("aliases", &kAnyText, "Other names."),
    List("exits", &kExit, "What exit codes mean here."),
    List("examples", &kAnyText, "Command lines."),
    List("options", &kOption, "Its own ones."),
};
constexpr Field kVerb = {.fields = kVerbFields};
constexpr Field kTopicFields[] = {Text("name", "For help."), Text("summary", "In one line.")};
constexpr Field kTopic = {.fields = kTopicFields};
constexpr Field kCommandLineItemFields[] = {
    List("options", &kOption, "Of every verb."),
    List("verbs", &kVerb, "The verbs."),
    List("topics", &kTopic, "Of help."),
    List("exitCodes", &kExitCode, "Of every verb."),
};
constexpr Field kCommandLineFields[] = {
    kMetadata, Object("item", kCommandLineItemFields, "The command line.")};

constexpr Kind kKinds[] = {
    {kOutputVersion, "Error", "", "", Use::kFile, "Any verb that fails", kErrorFields, false},
    {kOutputVersion, "ValidationReport", "", "", Use::kFile, "validate -o json", kReportFields,
     false},
    {kOutputVersion, "ValidationBaseline", "", "", Use::kFile, "validate --write-baseline",
     kBaselineFields, false},
    {kOutputVersion, "DiagnosticCode", "", "", Use::kFile, "explain CODE -o json",
     kCodeDocumentFields, false},
    {kOutputVersion, "DiagnosticCodeList", "", "", Use::kFile, "explain codes -o json",
     kCodesFields, false},
    {kOutputVersion, "Explanation", "", "", Use::kFile, "explain KIND -o json", kExplanationFields,
     false},
    {kOutputVersion, "Version", "", "", Use::kFile, "version -o json", kVersionFields, false},
    {kOutputVersion, "SettingList", "", "", Use::kFile, "config show -o json", kSettingListFields,
     false},
    {kOutputVersion, "ExitCodeList", "", "", Use::kFile, "help exit-codes -o json",
     kExitCodeListFields, false},
    {kOutputVersion, "VariableList", "", "", Use::kFile, "help environment -o json",
     kVariableListFields, false},
    {kOutputVersion, "FormatList", "", "", Use::kFile, "help formatting -o json", kFormatListFields,
     false},
    {kOutputVersion, "EventKindList", "", "", Use::kFile, "help event-kinds -o json",
     kEventKindListFields, false},
    {kOutputVersion, "SelectorList", "", "", Use::kFile, "help selectors -o json",
     kSelectorListFields, false},
    {kOutputVersion, "CodeList", "", "", Use::kFile, "help codes -o json", kCodeListFields, false},
    {kOutputVersion, "CommandLine", "", "", Use::kFile, "help -o json", kCommandLineFields, false},
};

}  // namespace

std::span<const Kind> OfflineKinds() {
  return kKinds;
}

}  // namespace inference::ctl::output
