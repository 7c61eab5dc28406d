#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{
        .name = "validate",
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
            "`explain CODE` tells more about a finding. --fix makes the changes that are surely "
            "right, byte by byte: comments and everything else stay as they are. With "
            "--baseline or --against only what is new makes it fail, unless --fail-on says "
            "otherwise.",
        .examples = "inferencectl validate -f manifests.d\n"
                    "inferencectl validate -f inferenced.yaml -f picker.yaml --fail-on warning -o "
                    "short\n"
                    "inferencectl validate -f deploy/ --gie-version 1.3\n"
                    "inferencectl validate -f deploy/ --fix=dry\n"
                    "inferencectl validate -f deploy/ --against git:origin/main\n"
                    "kustomize build deploy/ | inferencectl validate -f -",
        .exits = "1 findings at or above --fail-on\n"
                 "3 a file can't be read, or no object is in the files",
        .run = RunValidate},
    VerbRow{
        .name = "config check",
        .operands = "FILE...",
        .min_operands = 1,
        .max_operands = -1,
        .words = Words::kFiles,
        .summary = "check configurations to the last parameter",
        .description =
            "As validate, for EndpointPickerConfig and DaemonConfig files by themselves: every "
            "plugin of the reference picker is known by name; one that this build has not is an "
            "error, or with --for=reference a remark.",
        .examples = "inferencectl config check picker.yaml\n"
                    "inferencectl config check --for=reference picker.yaml",
        .exits = "1 findings at or above --fail-on\n3 a file can't be read",
        .run = RunConfigCheck},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "validate|config check",
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
              .doc = "a file, a folder with all in it (*.yaml, *.yml, *.json), a glob, or - for "
                     "standard input"},
    OptionRow{.verbs = "config check",
              .name = "for",
              .argument = "PICKER",
              .fallback = "inferenced",
              .choices = "inferenced|reference",
              .doc = "which picker is to run it"},
    OptionRow{.verbs = "validate|config check",
              .name = "fail-on",
              .argument = "LEVEL",
              .fallback = "error",
              .config = "lint.failOn",
              .choices = "error|warning|info|new-error|new-warning",
              .doc = "the least level that makes the exit code 1; new-: only what the earlier "
                     "state of --baseline or --against does not have, which is the default with "
                     "these"},
    OptionRow{.verbs = "validate",
              .name = "fix",
              .argument = "[=HOW]",
              .choices = "write|dry",
              .doc = "make the changes that are surely right, in the files; dry: print them as a "
                     "unified diff and change nothing. The exit code is that of what is left"},
    OptionRow{.verbs = "validate",
              .name = "baseline",
              .argument = "FILE",
              .words = Words::kFiles,
              .doc = "findings that were there before, from --write-baseline; only new ones are "
                     "told"},
    OptionRow{.verbs = "validate",
              .name = "write-baseline",
              .argument = "FILE",
              .words = Words::kFiles,
              .doc = "remember all findings there; the exit code is 0 then"},
    OptionRow{.verbs = "validate",
              .name = "against",
              .argument = "STATE",
              .doc = "compare with the findings of an earlier state: git:REF, the same paths as of "
                     "a commit; daemon, what it serves; or a file or folder"},
    OptionRow{.verbs = "validate",
              .name = "git-diff",
              .argument = "REF",
              .doc = "only findings in files that changed, since the branch left REF, or that git "
                     "doesn't know yet; the others are read for what refers to them"},
    OptionRow{.verbs = "validate|config check",
              .name = "severity",
              .argument = "CODE=LEVEL",
              .config = "lint.severity",
              .repeatable = true,
              .doc = "another level for a finding: error, warning or info; a name stands for a "
                     "code"},
    OptionRow{.verbs = "validate|config check",
              .name = "disable",
              .argument = "CODE",
              .config = "lint.disable",
              .repeatable = true,
              .doc = "don't report it"},
    OptionRow{.verbs = "validate|config check",
              .name = "enable",
              .argument = "CODE",
              .repeatable = true,
              .doc = "report it all the same"},
    OptionRow{.verbs = "validate|config check",
              .name = "show-suppressed",
              .doc = "tell what is ignored, with the reason, and what was there before, too"},
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
