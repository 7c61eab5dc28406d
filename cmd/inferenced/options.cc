#include "inferenced/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "inference/version.h"

namespace inferenced {
namespace {

constexpr const char* kNoConfig =
    "inferenced: no configuration given\n"
    "\n"
    "  inferenced --config FILE      FILE is a DaemonConfig, e.g. /etc/inferenced/inferenced.yaml\n"
    "\n"
    "The least that works, with an InferencePool and an EndpointSet in manifests.d/:\n"
    "\n"
    "  apiVersion: inferenced.dev/v1alpha1\n"
    "  kind: DaemonConfig\n"
    "  listeners: [{address: \"127.0.0.1:9002\"}]\n"
    "  manifests: [manifests.d]\n"
    "\n"
    "inferenced --help has the other options; examples/quickstart has files that work.\n";

constexpr const char* kFooter =
    "\nSignals: TERM, INT  stop: health turns NOT_SERVING, streams finish within drainTimeout; a "
    "second\n"
    "                    one stops at once\n"
    "         HUP        read all files again\n"
    "\nExit codes: 0 stopped as asked, or the configuration is good; 1 the configuration has "
    "errors;\n"
    "            2 wrong usage; 3 a file can't be read, or the output can't be written;\n"
    "            4 an address can't be bound, or the state file can't be used\n";

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv, int& exit_code) {
  Options options;
  bool check = false, dump = false;
  CLI::App app{"Endpoint picker for LLM inference: serves Envoy's ext_proc.\n"};
  app.name("inferenced");
  app.footer(kFooter);
  app.set_version_flag("--version", "inferenced " INFERENCE_VERSION, "Print the version");
  app.add_option("--config,-c", options.config, "The DaemonConfig file")
      ->type_name("FILE")
      ->envname("INFERENCED_CONFIG");
  auto* check_flag = app.add_flag("--check-config", check,
                                  "Check the configuration and every file it names, then exit");
  app.add_flag("--dump-config", dump,
               "Print the effective configuration and where each value came from, then exit")
      ->excludes(check_flag);
  app.add_flag("--take-over", options.take_over,
               "Listen beside a daemon that runs with these addresses; stop that one once this one "
               "is ready, and no request is refused");
  app.add_option("--log-level", options.log_level, "Instead of the configured level")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->type_name("LEVEL");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {  // --help, --version
    exit_code = app.exit(done);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    std::cerr << "inferenced: " << error.what() << "; see inferenced --help\n";
    exit_code = 2;
    return std::nullopt;
  }
  if (options.config.empty()) {
    std::cerr << kNoConfig;
    exit_code = 2;
    return std::nullopt;
  }
  options.mode = check ? Mode::kCheckConfig : dump ? Mode::kDumpConfig : Mode::kServe;
  return options;
}

}  // namespace inferenced
