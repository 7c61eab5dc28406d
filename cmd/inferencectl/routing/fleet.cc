#include "inferencectl/routing/fleet.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "admin/conversion.h"
#include "admin/described_request.h"
#include "api/codes.h"
#include "base/text.h"
#include "control/config_loader.h"
#include "manifest/reader.h"

namespace inference::ctl::routing {
namespace {

using namespace std::chrono_literals;

// Of a clock that stands still while nothing is sent. Far from zero, which means never.
constexpr base::Time kStart{1h};
constexpr auto kBetweenPages = 50ms;

void ReportLora(const std::optional<ServerState::Lora>& lora, base::Time at,
                datastore::LoraState& out) {
  if (!lora) return out.Forget();
  std::array<uint64_t, datastore::LoraState::kMaxAdapters> running{}, waiting{};
  const auto fill = [](const std::vector<std::string>& names, auto& hashes) {
    std::transform(names.begin(), names.end(), hashes.begin(), datastore::LoraState::HashAdapter);
  };
  fill(lora->running, running);  // the schema lets no more through than there is room for
  fill(lora->waiting, waiting);
  out.Set(running, lora->running.size(), waiting, lora->waiting.size(), lora->max, at);
}

void ReportOne(const ServerState& state, base::Time now, datastore::Endpoint& endpoint) {
  if (state.state == "unknown") return;
  if (state.state == "unreachable") {
    endpoint.RecordSuccess();
    for (int i = 0; i < datastore::Endpoint::kFailuresToUnreachable; ++i) endpoint.RecordFailure();
  }
  const base::Time at = now - state.age;
  datastore::MetricsState& m = endpoint.metrics;
  const uint64_t mark = endpoint.ScrapeBegins();
  m.waiting.Set(state.waiting, at);
  m.running.Set(state.running, at);
  m.kv_usage.Set(state.kv_usage, at);
  m.block_size.Set(state.block_size, at);
  m.num_blocks.Set(state.num_blocks, at);
  m.asleep.Set(state.state == "asleep" ? 1 : 0, at);
  ReportLora(state.lora, at, m.lora);
  m.last_page_ns = base::ToNanos(at);
  ++m.pages;
  endpoint.ScrapeApplied(mark, at);
}

}  // namespace

Result<control::Inputs> ReadInputs(const Scenario& scenario, api::Diagnostics& findings) {
  control::LoadedConfig loaded;
  loaded.base_dir = scenario.folder;
  api::DaemonConfig daemon;
  if (!scenario.config.empty()) {
    loaded.path = loaded.Resolve(scenario.config);
    const Result<std::string> text = manifest::ReadFile(loaded.path);
    if (!text.ok()) return text.status();
    auto read = manifest::ReadDaemonConfig(loaded.path, *text, findings);
    if (!read) return Status(Code::kInvalidArgument, loaded.path + " has errors");
    daemon = *std::move(read);
  }
  control::Inputs inputs;
  // Two folders count: the configuration's own, and the test's.
  const auto read_from = [&](const std::string& base, api::DaemonConfig config) {
    control::LoadedConfig from{loaded.path, base,
                               std::make_shared<const api::DaemonConfig>(std::move(config))};
    control::Inputs part;
    part.daemon = from.daemon;
    ReadPickerConfigs(from, part, findings);
    ReadAllManifests(from, part, findings);
    inputs.files.Append(part.files);
    inputs.picker_configs.merge(part.picker_configs);
  };
  if (!scenario.config.empty()) {
    read_from(std::filesystem::path(loaded.path).parent_path().string(), daemon);
  }
  api::DaemonConfig own;
  for (const std::string& path : scenario.manifests) own.manifests.emplace_back(path);
  own.picker_config.value = scenario.picker_config;
  read_from(scenario.folder, own);
  if (!scenario.picker_config.empty()) daemon.picker_config.value = scenario.picker_config;
  inputs.daemon = std::make_shared<const api::DaemonConfig>(std::move(daemon));
  inputs.Join();
  // Names are not looked up: each gets an address that no packet is ever sent to.
  int n = 0;
  for (const std::string& name : control::DnsNames(inputs.manifests.endpoint_sets)) {
    inputs.dns[name] = {"192.0.2." + std::to_string(1 + n++ % 254)};
  }
  if (api::HasErrors(findings)) return Status(Code::kInvalidArgument, "the files have errors");
  return inputs;
}

Fleet::Fleet(std::shared_ptr<const picker::Runtime> runtime,
             std::shared_ptr<const api::DaemonConfig> config, std::vector<ServerState> servers,
             uint64_t seed)
    : runtime_(std::move(runtime)),
      config_(std::move(config)),
      servers_(std::move(servers)),
      rng_(seed),
      now_(kStart) {
  Report();
}

Result<Fleet> Fleet::Make(const control::Inputs& inputs, const std::vector<ServerState>& servers,
                          uint64_t seed) {
  control::RuntimeBuilder builder;
  api::Diagnostics findings;
  std::unique_ptr<control::Built> built = builder.Build(inputs, 1, findings);
  if (!built) {
    const auto error = std::find_if(findings.begin(), findings.end(), [](const auto& d) {
      return d.severity == api::Severity::kError;
    });
    return Status(Code::kInvalidArgument,
                  error == findings.end() ? "the daemon would not start" : error->ToString());
  }
  std::set<std::string_view> names;
  for (const picker::PoolRuntime& pool : built->runtime->pools()) {
    for (const auto& endpoint : pool.pool->endpoints()) names.insert(endpoint->info().name);
  }
  for (const ServerState& server : servers) {
    if (names.contains(server.name)) continue;
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::string_view meant = base::ClosestMatch(server.name, known);
    return Status(Code::kInvalidArgument,
                  server.at.ToString() + ": no pool has an endpoint '" +
                      base::Printable(server.name, 80) + "'" +
                      (meant.empty() ? "" : "; did you mean '" + std::string(meant) + "'?"));
  }
  return Fleet(std::move(built->runtime), inputs.daemon, servers, seed);
}

void Fleet::Report() {
  for (const picker::PoolRuntime& pool : runtime_->pools()) {
    for (const auto& endpoint : pool.pool->endpoints()) {
      const auto state = std::find_if(servers_.begin(), servers_.end(), [&](const ServerState& s) {
        return s.name == endpoint->info().name;
      });
      ReportOne(state == servers_.end() ? ServerState{} : *state, now_, *endpoint);
    }
  }
}

// Each `tokens` is another prompt, or the second one would find its prefix.
admin::v1::PickRequest Fleet::WithNewPrompt(admin::v1::PickRequest request) {
  if (request.prompt_tokens() == 0) return request;
  std::string prompt(static_cast<size_t>(request.prompt_tokens()) * 4, '\xff');
  const uint32_t number = ++prompts_;
  std::memcpy(prompt.data(), &number, sizeof number);
  request.set_prompt(std::move(prompt));
  return request;
}

Result<admin::v1::PickResponse> Fleet::Send(const admin::v1::PickRequest& asked) {
  const admin::v1::PickRequest request = WithNewPrompt(asked);
  admin::DescribedRequest described;
  if (const Status read = described.Read(request, *config_); !read.ok()) return read;
  picker::PickScratch scratch;
  scheduling::Explanation explanation;
  picker::PickResult result =
      picker::Pick(*runtime_, described.pick(), now_, rng_, scratch, &explanation);
  admin::v1::PickResponse response;
  if (!result.picked()) admin::FillRefusal(result.refusal, response.mutable_refusal());
  admin::FillExplanation(explanation, &response);
  if (result.picked()) in_flight_.push_back(std::move(result.reservation));
  return response;
}

void Fleet::EndAll() {
  in_flight_.clear();
  now_ += kBetweenPages;
  Report();
}

}  // namespace inference::ctl::routing
