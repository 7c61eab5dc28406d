#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "explain",
            .operands = "KIND[.FIELD]|CODE|codes",
            .min_operands = 1,
            .max_operands = 1,
            .words = Words::kExplained,
            .summary = "what a field is for, or what a finding means",
            .description =
                "Describes a kind of manifest or one of its fields: type, range, default. A code "
                "such as INF0104, or its name, is told with the reason and an example. Needs no "
                "daemon.",
            .examples = "inferencectl explain InferencePool.spec.targetPorts\n"
                        "inferencectl explain DaemonConfig --recursive\n"
                        "inferencectl explain INF0104\ninferencectl explain codes",
            .exits = "1 there is no such kind, field or code",
            .run = RunExplain},
    VerbRow{.name = "schema",
            .operands = "[KIND]",
            .max_operands = 1,
            .words = Words::kKinds,
            .summary = "JSON Schema of manifests and of outputs",
            .description = "Prints the JSON Schema (draft 2020-12) of one kind, or of all "
                           "manifests, for editors. A "
                           "kind that -o json prints, as EndpointList, has one too; within "
                           "cli.inferenced.dev/v1 fields are only added. Needs no daemon.",
            .examples = "inferencectl schema InferencePool > inferencepool.json\n"
                        "inferencectl schema > inferenced.schema.json\n"
                        "inferencectl schema EndpointList",
            .exits = "1 there is no such kind",
            .run = RunSchema},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "explain",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .choices = "text|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
    OptionRow{.verbs = "explain|schema",
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
};

}  // namespace

VerbGroup ExplainGroup() {
  return {.title = "Look things up", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
