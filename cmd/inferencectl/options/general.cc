#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "config show",
            .summary = "the settings in force, and where each comes from",
            .description =
                "Options on the command line win, then the environment, then the configuration "
                "files: .inferencectl.yaml of the working folder, the user's, the host's. The file "
                "of the working folder may hold lint settings only.",
            .examples = "inferencectl config show --origin\ninferencectl config show -o yaml",
            .exits = "3 a configuration file can't be used",
            .run = RunConfigShow},
    VerbRow{.name = "config migrate",
            .operands = "-- FLAG...",
            .min_operands = 1,
            .max_operands = -1,
            .summary = "a reference picker's command line as a DaemonConfig",
            .description =
                "Takes the arguments that llm-d-router's endpoint picker is started with and "
                "prints the configuration of an inferenced that does the same, each line with the "
                "flag that it comes from. What has no counterpart here is told on standard error. "
                "Its EndpointPickerConfig file is used as it is.",
            .examples = "inferencectl config migrate -- --pool-name qwen3 --grpc-port 9002",
            .exits = "1 a flag does something that nothing does here\n3 a flag isn't the reference "
                     "picker's, or its value is wrong",
            .run = RunConfigMigrate},
    VerbRow{.name = "completion",
            .operands = "bash|zsh|fish",
            .min_operands = 1,
            .max_operands = 1,
            .words = Words::kShells,
            .summary = "a script that completes words in a shell",
            .description =
                "Prints the script that the package installs, for a shell that doesn't find it "
                "there. Names of pools and endpoints are asked from the daemon, for 150 ms at "
                "most; then those of the last minute are offered.",
            .examples = "inferencectl completion bash > ~/.bash_completion.d/inferencectl\n"
                        "source <(inferencectl completion zsh)\n"
                        "inferencectl completion fish | source",
            .bare = true,
            .run = RunCompletion},
    VerbRow{.name = "version",
            .summary = "the version of this program",
            .description = "Prints the version. The daemon's own is in status.",
            .examples = "inferencectl version -o json",
            .bare = true,
            .run = RunVersion},
    VerbRow{.name = "help",
            .operands = "[VERB|TOPIC]",
            .max_operands = 2,
            .words = Words::kTopics,
            .summary = "how to use a verb, or a topic",
            .description = "Without a word it lists the verbs and the topics. With -o json a topic "
                           "is a table, and "
                           "without a word the whole command line is described.",
            .examples = "inferencectl help get\ninferencectl help exit-codes -o json",
            .bare = true,
            .run = RunHelp},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "config show",
              .name = "origin",
              .doc = "also where each value comes from: the option, the variable, or "
                     "file:line:column"},
    OptionRow{.verbs = "config show",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .config = "output",
              .choices = "table|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
    OptionRow{.verbs = "version|help|config migrate",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .choices = "text|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
};

}  // namespace

VerbGroup GeneralGroup() {
  return {.title = "This program", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
