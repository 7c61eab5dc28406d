#include <array>

#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kOptions{
    OptionRow{.name = "server",
              .argument = "ADDRESS",
              .env = "INFERENCECTL_SERVER",
              .config = "server",
              .repeatable = true,
              .words = Words::kServers,
              .doc = "the daemon's admin address, unix:///path; by default "
                     "unix:///run/inferenced/admin.sock, or inferenced/admin.sock in "
                     "$XDG_RUNTIME_DIR when that one doesn't exist. Drains, weights and traffic "
                     "can be of several daemons; for other verbs the last one counts"},
    OptionRow{.name = "timeout",
              .argument = "DURATION",
              .fallback = "10s",
              .env = "INFERENCECTL_TIMEOUT",
              .config = "timeout",
              .doc = "how long to wait for an answer, as 500ms, 10s or 2m"},
    OptionRow{
        .name = "color",
        .argument = "WHEN",
        .fallback = "auto",
        .config = "color",
        .choices = "auto|always|never",
        .doc =
            "colours. auto: never with NO_COLOR, always with CLICOLOR_FORCE, else when the output "
            "is a terminal that can. This option is stronger than the variables, a "
            "configuration file is weaker"},
    OptionRow{.name = "quiet", .letter = 'q', .doc = "no remarks on standard error, errors only"},
    OptionRow{.name = "verbose",
              .letter = 'v',
              .doc = "names the files and the daemon used; on standard error"},
    OptionRow{.name = "config",
              .argument = "FILE",
              .env = "INFERENCECTL_CONFIG",
              .words = Words::kFiles,
              .doc = "the configuration file, in place of ./.inferencectl.yaml, "
                     "$XDG_CONFIG_HOME/inferencectl/config.yaml and "
                     "/etc/inferencectl/config.yaml"},
    OptionRow{.name = "help",
              .letter = 'h',
              .doc = "how to use it; -h is the short form, --help the long one"},
    OptionRow{.name = "version", .doc = "same as the verb version"},
};

}  // namespace

VerbGroup EveryVerbGroup() {
  return {.options = kOptions};
}

}  // namespace inference::ctl
