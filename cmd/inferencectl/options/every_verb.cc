#include <array>

#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kOptions{
    OptionRow{.name = "server",
              .argument = "ADDRESS",
              .env = "INFERENCECTL_SERVER",
              .words = Words::kFiles,
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
};

}  // namespace

VerbGroup EveryVerbGroup() {
  return {.options = kOptions};
}

}  // namespace inference::ctl
