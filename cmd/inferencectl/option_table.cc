#include "inferencectl/option_table.h"

#include <algorithm>
#include <array>

#include "inferencectl/commands/commands.h"

namespace inference::ctl {
namespace {

constexpr std::array kOptions{
    // --- every verb ---
    OptionRow{.name = "server",
              .argument = "ADDRESS",
              .env = "INFERENCECTL_SERVER",
              .doc = "the daemon's admin address, unix:///path; by default "
                     "unix:///run/inferenced/admin.sock, or inferenced/admin.sock in "
                     "$XDG_RUNTIME_DIR when that one doesn't exist"},
    OptionRow{.name = "timeout",
              .argument = "DURATION",
              .fallback = "10s",
              .env = "INFERENCECTL_TIMEOUT",
              .doc = "how long to wait for an answer, as 500ms, 10s or 2m"},
    OptionRow{.name = "color",
              .argument = "WHEN",
              .fallback = "auto",
              .choices = "auto|always|never",
              .doc = "colours; auto: when the output is a terminal and NO_COLOR is not set"},
    OptionRow{.name = "quiet", .letter = 'q', .doc = "no remarks on standard error, errors only"},
    OptionRow{.name = "help",
              .letter = 'h',
              .doc = "how to use it; -h is the short form, --help the long one"},
    OptionRow{.name = "version", .doc = "same as the verb version"},
    // --- output formats ---
    OptionRow{.verbs = "status pick why",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "table|json",
              .doc = "the form of the answer; for people, or one JSON document"},
    OptionRow{.verbs = "get",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "table|wide|json|jsonl|name",
              .doc = "the form of the answer; wide has more columns, jsonl is one object per line, "
                     "name names only"},
    OptionRow{.verbs = "validate",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT[=FILE]",
              .fallback = "text",
              .choices = "text|short|json|jsonl|junit|sarif|github|gitlab",
              .repeatable = true,
              .doc = "the form of the answer; text shows the lines, short is file:line:column: as "
                     "compilers print. Once on standard output, and any number of times to files"},
    OptionRow{.verbs = "version help explain",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .choices = "text|json",
              .doc = "the form of the answer; for people, or one JSON document"},
    // --- get ---
    OptionRow{.verbs = "get",
              .name = "watch",
              .letter = 'w',
              .doc = "show endpoints again and again; redraws on a terminal, else appends"},
    OptionRow{.verbs = "get",
              .name = "interval",
              .argument = "DURATION",
              .fallback = "1s",
              .doc = "between two looks of --watch, 100ms to 60s"},
    OptionRow{.verbs = "get", .name = "no-headers", .doc = "tables without their first line"},
    OptionRow{.verbs = "get",
              .name = "sort-by",
              .argument = "COLUMN",
              .fallback = "",
              .choices = "name|pool|state|running|waiting|kv|in-flight|picks|age",
              .doc = "the order of the rows; numbers descend, unknown ones last; by default the "
                     "daemon's order"},
    OptionRow{.verbs = "get pick",
              .name = "pool",
              .letter = 'p',
              .argument = "POOL",
              .doc = "namespace/name, or the name alone when only one pool has it"},
    // --- pick ---
    OptionRow{.verbs = "pick",
              .name = "model",
              .letter = 'm',
              .argument = "MODEL",
              .doc = "the model that the request asks for; needed unless --body-file has it"},
    OptionRow{.verbs = "pick",
              .name = "prompt",
              .argument = "TEXT",
              .doc = "the prompt, as /v1/completions takes it"},
    OptionRow{.verbs = "pick",
              .name = "prompt-file",
              .argument = "FILE",
              .doc = "the prompt, from a file; - is standard input"},
    OptionRow{.verbs = "pick",
              .name = "tokens",
              .argument = "N",
              .doc = "a prompt of that many tokens; nobody has sent it before"},
    OptionRow{
        .verbs = "pick",
        .name = "body-file",
        .argument = "FILE",
        .doc = "a whole JSON request body, parsed as the data plane does; - is standard input"},
    OptionRow{.verbs = "pick",
              .name = "path",
              .argument = "PATH",
              .fallback = "/v1/chat/completions",
              .doc = "the path that --body-file is sent to"},
    OptionRow{.verbs = "pick",
              .name = "header",
              .letter = 'H',
              .argument = "NAME=VALUE",
              .repeatable = true,
              .doc = "a request header"},
    OptionRow{.verbs = "pick",
              .name = "route",
              .argument = "ROUTE",
              .doc = "Envoy's route name, to choose the pool by `routes:`"},
    OptionRow{.verbs = "pick",
              .name = "subset",
              .argument = "IP[:PORT]",
              .repeatable = true,
              .doc = "an endpoint that the gateway allows; without it all are"},
    // --- validate ---
    OptionRow{.verbs = "validate",
              .name = "filename",
              .letter = 'f',
              .argument = "PATH",
              .repeatable = true,
              .doc = "a file, a folder with all in it (*.yaml, *.yml, *.json), or a glob"},
    OptionRow{.verbs = "validate",
              .name = "fail-on",
              .argument = "LEVEL",
              .fallback = "error",
              .choices = "error|warning",
              .doc = "the least level that makes the exit code 1"},
    OptionRow{.verbs = "validate",
              .name = "gie-version",
              .argument = "RELEASE",
              .doc = "release of the inference extension in use, as 1.3; fields that it doesn't "
                     "have are errors"},
    // --- explain, schema ---
    OptionRow{.verbs = "explain schema",
              .name = "api-version",
              .argument = "VERSION",
              .doc = "of a kind that has several, as inference.networking.x-k8s.io/v1alpha2; by "
                     "default the current one"},
    OptionRow{
        .verbs = "explain", .name = "recursive", .doc = "all fields below, not only the next ones"},
    OptionRow{.verbs = "explain",
              .name = "max-depth",
              .argument = "N",
              .doc = "how many levels of fields"},
    OptionRow{
        .verbs = "validate", .name = "allow-empty", .doc = "files without any object are fine"},
};

constexpr std::array kVerbs{
    VerbRow{"status", "", 0, 0, "is the daemon well, and with which configuration",
            "Shows the daemon's version, listeners, totals and the state of its configuration: the "
            "generation that runs, and what was wrong with the last change when it was refused.",
            "inferencectl status\ninferencectl status -o json", RunStatus},
    VerbRow{"get", "pools|endpoints [NAME...]", 1, -1, "list pools, or endpoints with live metrics",
            "Endpoints are shown as the picker sees them: what each model server reported and how "
            "old that is, what is in flight from here. A value that is not known is <unknown>, "
            "never 0; what was reported too long ago is not known any more, and its AGE is marked "
            "stale. A name that doesn't exist makes the exit code 1.",
            "inferencectl get pools\ninferencectl get endpoints --pool llm/qwen3 -w\n"
            "inferencectl get endpoints -o wide --sort-by waiting\n"
            "inferencectl get endpoints rack-7-gpu-1 -o json",
            RunGet},
    VerbRow{
        "pick", "", 0, 0, "which endpoint would be picked now, and why",
        "A dry run on the running daemon by the same code that serves requests. It reserves "
        "nothing and teaches the prefix index nothing. The prompt goes to the daemon and is not "
        "kept there.",
        "inferencectl pick --model qwen3 --prompt 'Hello'\n"
        "inferencectl pick --pool llm/qwen3 --body-file request.json -o json\n"
        "inferencectl pick --model qwen3 --tokens 4000",
        RunPick},
    VerbRow{"why", "REQUEST-ID", 1, 1, "why a request that was served went where it went",
            "Tells the story of one decision: what was known of each candidate then, how each "
            "scorer judged it, where the request went, and how it ended. The daemon remembers the "
            "last few thousand; the request id is the header x-request-id.",
            "inferencectl why 6e0c7b1a-8c1e-4d0f-9d2e-0a1b2c3d4e5f", RunWhy},
    VerbRow{
        "validate", "[PATH...]", 0, -1, "check manifests and configuration, without a daemon",
        "Reads every kind of the Gateway API Inference Extension in every version, the "
        "configuration "
        "of inferenced, and routes, Services and workloads as far as pools have to do with them. "
        "Reports every mistake with its place, and whether what they say of each other fits. Kinds "
        "that it knows nothing of are passed over; given together with a DaemonConfig, what "
        "inferenced does not act on is an error. `explain CODE` tells more about a finding.",
        "inferencectl validate -f manifests.d\n"
        "inferencectl validate -f inferenced.yaml -f picker.yaml --fail-on warning -o short\n"
        "inferencectl validate -f deploy/ --gie-version 1.3",
        RunValidate},
    VerbRow{
        "explain", "KIND[.FIELD]|CODE|codes", 1, 1, "what a field is for, or what a finding means",
        "Describes a kind of manifest or one of its fields: type, range, default. A code such as "
        "INF0104, or its name, is told with the reason and an example. Needs no daemon.",
        "inferencectl explain InferencePool.spec.targetPorts\n"
        "inferencectl explain DaemonConfig --recursive\n"
        "inferencectl explain INF0104\ninferencectl explain codes",
        RunExplain},
    VerbRow{"schema", "[KIND]", 0, 1, "JSON Schema of manifests, for editors",
            "Prints the JSON Schema (draft 2020-12) of one kind, or of all. Needs no daemon.",
            "inferencectl schema InferencePool > inferencepool.json\n"
            "inferencectl schema > inferenced.schema.json",
            RunSchema},
    VerbRow{"version", "", 0, 0, "the version of this program",
            "Prints the version. The daemon's own is in status.", "inferencectl version -o json",
            RunVersion},
    VerbRow{
        "help", "[VERB|TOPIC]", 0, 1, "how to use a verb, or a topic",
        "Topics: exit-codes, environment, formatting. With -o json and nothing else it describes "
        "the whole command line.",
        "inferencectl help get\ninferencectl help exit-codes -o json", RunHelp},
};

}  // namespace

std::span<const OptionRow> Options() {
  return kOptions;
}
std::span<const VerbRow> Verbs() {
  return kVerbs;
}

const VerbRow* FindVerb(std::string_view name) {
  const auto* found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                   [&](const VerbRow& verb) { return verb.name == name; });
  return found == kVerbs.end() ? nullptr : found;
}

bool Takes(const VerbRow& verb, const OptionRow& option) {
  std::string_view rest = option.verbs;
  if (rest.empty()) return true;
  while (!rest.empty()) {
    const size_t space = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, space) == verb.name) return true;
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  return false;
}

const OptionRow* FindOption(const VerbRow& verb, std::string_view name) {
  for (const OptionRow& option : kOptions) {
    if (option.name == name && Takes(verb, option)) return &option;
  }
  return nullptr;
}

}  // namespace inference::ctl
