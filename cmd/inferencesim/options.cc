#include "inferencesim/options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "inference/version.h"

namespace inference::sim {
namespace {

constexpr int kUsageExit = 2;

constexpr char kDescription[] =
    "Simulated vLLM servers, as many as you like in one process: OpenAI endpoints, a live "
    "/metrics\n"
    "page, queue, batch, KV cache, prefix cache and LoRA as a real engine has them, faults on\n"
    "command. No model runs; a token is four bytes.";

constexpr char kFooter[] =
    "Examples:\n"
    "  inferencesim --instances 3 --port-base 8001\n"
    "  inferencesim --instance name=a,port=8001 --instance name=slow,port=8002,step-base-ms=40\n"
    "  inferencesim --instances 300 --port 0 --print-endpoints manifest > endpoints.yaml\n"
    "  inferencesim --instances 3 --port-base 8001 --fault sim-1:error_rate=0.1,error_status=503\n"
    "  curl -X POST localhost:8001/sim/faults -d '{\"latency_factor\": 5}'\n"
    "  curl localhost:8001/sim/state\n"
    "Faults: refuse hang hang_metrics metrics_delay_ms metrics_page error_rate error_status\n"
    "        die_after_tokens latency_factor sleep_level";

/// What CLI11 fills in before the instances are made of it.
struct RawOptions {
  uint32_t instances = 0;
  uint32_t port_base = 8000;
  std::optional<uint16_t> port;
  std::string address = "127.0.0.1";
  std::string name_prefix = "sim-";
  std::vector<std::string> instance_texts;
  std::vector<std::string> faults;
  std::optional<uint16_t> control_port;
  double shutdown_grace_s = 0;
  InstanceConfig common;
};

void AddOptions(CLI::App* app, RawOptions* raw, ProgramOptions* options) {
  app->set_version_flag("--version", "inferencesim " INFERENCE_VERSION);
  app->add_option("--instances", raw->instances, "How many equal instances [1 without --instance]")
      ->check(CLI::Range(1, 10000));
  app->add_option("--port-base", raw->port_base, "Port of the first; the others follow [8000]")
      ->check(CLI::Range(1, 65535));
  app->add_option("--port", raw->port, "Port of a single instance; 0: free ports for all")
      ->excludes("--port-base");
  app->add_option("--address", raw->address, "IPv4 or IPv6 address to listen on [127.0.0.1]");
  app->add_option("--name-prefix", raw->name_prefix, "Names are this and a number [sim-]");
  app->add_option("--instance", raw->instance_texts,
                  "One instance: name=NAME,port=PORT,address=IP and any engine setting below; "
                  "repeatable")
      ->allow_extra_args(false);
  app->add_option("--fault", raw->faults, "INSTANCE:FAULT=VALUE,...; INSTANCE may be *; repeatable")
      ->allow_extra_args(false);
  app->add_option("--control-port", raw->control_port,
                  "Serve /sim/ for all instances on this port, untouched by faults; 0: a free one");
  app->add_option_function<std::string>(
         "--print-endpoints",
         [options](const std::string& format) {
           options->print_endpoints = format == "json"       ? EndpointFormat::kJson
                                      : format == "manifest" ? EndpointFormat::kManifest
                                                             : EndpointFormat::kText;
         },
         "Once ready print the endpoints [text]")
      ->check(CLI::IsMember({"text", "json", "manifest"}));
  app->add_option("--endpoints-file", options->endpoints_file,
                  "Write that to a file too, complete when it appears");
  app->add_option("--manifest-name", options->manifest.name, "EndpointSet's name [inferencesim]");
  app->add_option("--manifest-namespace", options->manifest.ns, "Its namespace [default]");
  app->add_option("--manifest-labels", options->manifest.labels, "Its labels [app=inferencesim]");
  app->add_option("--shutdown-grace", raw->shutdown_grace_s,
                  "Seconds that running requests get after SIGTERM [0]")
      ->check(CLI::Range(0.0, 3600.0));
  for (const Setting& setting : Settings()) {
    app->add_option_function<std::vector<std::string>>(
           "--" + std::string(setting.name),
           [&setting, raw](const std::vector<std::string>& values) {
             for (const std::string& value : values) {
               if (Status s = setting.set(&raw->common, value); !s.ok()) {
                 throw CLI::ValidationError("--" + std::string(setting.name), s.message());
               }
             }
           },
           std::string(setting.help))
        ->allow_extra_args(false)
        ->type_name(std::string(setting.value_name))
        ->group("Engine settings, for all instances");
  }
}

Status MakeInstances(const RawOptions& raw, FleetOptions* fleet) {
  const uint32_t count = raw.instances == 0 && raw.instance_texts.empty() ? 1 : raw.instances;
  if (raw.port && *raw.port != 0 && count > 1) {
    return Status(Code::kInvalidArgument,
                  "--port PORT is for one instance; several need --port-base or --port 0");
  }
  if (!raw.port && raw.port_base + count > 65536) {
    return Status(Code::kInvalidArgument, "--port-base is too high for so many instances");
  }
  for (uint32_t i = 0; i < count; ++i) {
    InstanceConfig config = raw.common;
    config.name = raw.name_prefix + std::to_string(i);
    config.address = raw.address;
    config.port = raw.port.value_or(static_cast<uint16_t>(raw.port_base + i));
    config.engine.seed += i;
    fleet->instances.push_back(std::move(config));
  }
  for (const std::string& text : raw.instance_texts) {
    InstanceConfig config = raw.common;
    config.name = raw.name_prefix + std::to_string(fleet->instances.size());
    config.address = raw.address;
    config.engine.seed += fleet->instances.size();
    if (Status s = ApplySettings(text, &config); !s.ok()) {
      return Status(s.code(), fmt::format("--instance {}: {}", text, s.message()));
    }
    fleet->instances.push_back(std::move(config));
  }
  return Status::Ok();
}

Status MakeFleet(const RawOptions& raw, FleetOptions* fleet) {
  if (Status s = MakeInstances(raw, fleet); !s.ok()) return s;
  for (const std::string& fault : raw.faults) {
    const size_t colon = fault.find(':');
    if (colon == std::string::npos) {
      return Status(Code::kInvalidArgument,
                    fmt::format("--fault {}: it should be INSTANCE:FAULT=VALUE,...", fault));
    }
    fleet->faults.emplace_back(fault.substr(0, colon), fault.substr(colon + 1));
  }
  fleet->control = raw.control_port.has_value();
  fleet->control_port = raw.control_port.value_or(0);
  fleet->control_address = raw.address;
  fleet->shutdown_grace =
      std::chrono::milliseconds(static_cast<int64_t>(raw.shutdown_grace_s * 1e3));
  return Status::Ok();
}

}  // namespace

std::optional<int> ParseOptions(int argc, const char* const* argv, ProgramOptions* options) {
  CLI::App app(kDescription, "inferencesim");
  app.footer(kFooter);
  app.get_formatter()->column_width(36);
  RawOptions raw;
  AddOptions(&app, &raw, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {  // --help, --version
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "inferencesim: {}; see inferencesim --help\n", error.what());
    return kUsageExit;
  }
  if (Status s = MakeFleet(raw, &options->fleet); !s.ok()) {
    fmt::print(stderr, "inferencesim: {}\n", s.message());
    return kUsageExit;
  }
  return std::nullopt;
}

}  // namespace inference::sim
