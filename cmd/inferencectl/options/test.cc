#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "test",
            .operands = "PATH...",
            .min_operands = 1,
            .max_operands = -1,
            .words = Words::kFiles,
            .summary = "unit tests of where requests go",
            .description =
                "Runs the RoutingTest documents in files and folders: given manifests, "
                "configuration and what the model servers report, where does a request go, or a "
                "thousand of them? By the code that serves requests, with a clock and random "
                "numbers of their own: the same answer on every machine. Needs no daemon, no "
                "cluster and no server. `explain RoutingTest --recursive` tells what can be "
                "written.",
            .examples = "inferencectl test tests/routing\n"
                        "inferencectl test routing_test.yaml --filter lora --scores\n"
                        "inferencectl test tests/ -o text -o junit=routing.xml",
            .exits = "1 a test failed\n3 a test can't be read, or there is none",
            .run = RunTest},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "test",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT[=FILE]",
              .fallback = "text",
              .choices = "text|json|yaml|junit",
              .repeatable = true,
              .doc = "the form of the report; once on standard output, and any number of times to "
                     "files"},
    OptionRow{.verbs = "test",
              .name = "filter",
              .argument = "TEXT",
              .doc = "only cases with TEXT in \"test/case\""},
    OptionRow{.verbs = "test",
              .name = "scores",
              .doc = "the scores of all candidates, of tests that pass too"},
};

}  // namespace

VerbGroup TestGroup() {
  return {.title = "Test", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
