#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "convert",
            .operands = "[PATH...]",
            .max_operands = -1,
            .words = Words::kFiles,
            .summary = "older kinds and API versions to those of today",
            .description =
                "InferencePools of inference.networking.x-k8s.io become those of "
                "inference.networking.k8s.io/v1; an InferenceModel becomes an InferenceObjective "
                "and an InferenceModelRewrite of llm-d.ai/v1alpha2 (criticality Critical, "
                "Standard, Sheddable becomes priority 2, 1, -1); objectives, rewrites, picker "
                "configurations, and references to pools get their new groups. Objects are "
                "changed where they stand: comments and everything else stay. The result is on "
                "standard output, or in the files with --in-place; what the new kinds cannot say "
                "is told on standard error.",
            .examples = "inferencectl convert -f old.yaml --to v1 > new.yaml\n"
                        "inferencectl convert -f deploy/ --in-place\n"
                        "kubectl get inferencemodels -o yaml | inferencectl convert -f -",
            .exits = "1 some object stays as it was, since it is wrong or can't be converted\n"
                     "3 a file can't be read or is no YAML\n"
                     "4 a file can't be written",
            .run = RunConvert},
    VerbRow{.name = "fmt",
            .operands = "[PATH...]",
            .max_operands = -1,
            .words = Words::kFiles,
            .summary = "manifests in one layout, comments kept",
            .description =
                "Two spaces per level, lists under their keys in one way per file, line feeds, no "
                "blanks at the end of lines, no empty documents. Values, their order, quotes, "
                "blank lines and comments stay as they are. Files are rewritten; standard input "
                "goes to standard output.",
            .examples = "inferencectl fmt -f deploy/\ninferencectl fmt --check deploy/\n"
                        "inferencectl fmt - < pool.yaml",
            .exits = "1 with --check: a file would change\n"
                     "3 a file can't be read or is no YAML\n"
                     "4 a file can't be written",
            .run = RunFmt},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "convert|fmt",
              .name = "filename",
              .letter = 'f',
              .argument = "PATH",
              .repeatable = true,
              .words = Words::kFiles,
              .doc = "a file, a folder with all in it (*.yaml, *.yml, *.json), a glob, or - for "
                     "standard input"},
    OptionRow{.verbs = "convert",
              .name = "to",
              .argument = "VERSION",
              .fallback = "v1",
              .choices = "v1",
              .doc = "the version to convert to"},
    OptionRow{.verbs = "convert",
              .name = "in-place",
              .letter = 'i',
              .doc = "write the files instead of standard output, each whole or not at all"},
    OptionRow{.verbs = "fmt",
              .name = "check",
              .doc = "change nothing, print the names of the files that would change"},
    OptionRow{.verbs = "fmt",
              .name = "dry-run",
              .doc = "change nothing, print what would change as a unified diff"},
};

}  // namespace

VerbGroup EditGroup() {
  return {.title = "Manifests", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
