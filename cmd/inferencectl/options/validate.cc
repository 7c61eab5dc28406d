#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "validate",
            .operands = "[PATH...]",
            .max_operands = -1,
            .words = Words::kFiles,
            .summary = "check manifests and configuration, without a daemon",
            .description =
                "Reads every kind of the Gateway API Inference Extension in every version, the "
                "configuration of inferenced, and routes, Services and workloads as far as pools "
                "have to do with them. Reports every mistake with its place, and whether what they "
                "say of each other fits. Kinds that it knows nothing of are passed over; given "
                "together with a DaemonConfig, what inferenced does not act on is an error. "
                "`explain CODE` tells more about a finding.",
            .examples =
                "inferencectl validate -f manifests.d\n"
                "inferencectl validate -f inferenced.yaml -f picker.yaml --fail-on warning -o "
                "short\n"
                "inferencectl validate -f deploy/ --gie-version 1.3",
            .exits = "1 findings at or above --fail-on\n"
                     "3 a file can't be read, or no object is in the files",
            .run = RunValidate},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "validate",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT[=FILE]",
              .fallback = "text",
              .choices = "text|short|json|jsonl|yaml|junit|sarif|github|gitlab",
              .repeatable = true,
              .doc = "the form of the answer; text shows the lines, short is file:line:column: as "
                     "compilers print. Once on standard output, and any number of times to files"},
    OptionRow{.verbs = "validate",
              .name = "filename",
              .letter = 'f',
              .argument = "PATH",
              .repeatable = true,
              .words = Words::kFiles,
              .doc = "a file, a folder with all in it (*.yaml, *.yml, *.json), or a glob"},
    OptionRow{.verbs = "validate",
              .name = "fail-on",
              .argument = "LEVEL",
              .fallback = "error",
              .config = "lint.failOn",
              .choices = "error|warning",
              .doc = "the least level that makes the exit code 1"},
    OptionRow{.verbs = "validate",
              .name = "gie-version",
              .argument = "RELEASE",
              .config = "lint.gieVersion",
              .doc = "release of the inference extension in use, as 1.3; fields that it doesn't "
                     "have are errors"},
    OptionRow{
        .verbs = "validate", .name = "allow-empty", .doc = "files without any object are fine"},
};

}  // namespace

VerbGroup ValidateGroup() {
  return {.title = "Manifests", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
