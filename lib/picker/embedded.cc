#include <arpa/inet.h>

#include <algorithm>
#include <mutex>
#include <random>
#include <set>
#include <span>

#include "base/clock.h"
#include "base/snapshot_holder.h"
#include "base/text.h"
#include "inference/picker.h"
#include "manifest/reader.h"
#include "metrics/page_scanner.h"
#include "picker/pick.h"

// The public class over this room: one pool, whose endpoints the program tells us.
namespace inference {
inline namespace v0 {
namespace {

constexpr size_t kMaxPageBytes = size_t{8} << 20;

bool IsIpLiteral(const std::string& address) {
  in6_addr unused;
  return inet_pton(AF_INET, address.c_str(), &unused) == 1 ||
         inet_pton(AF_INET6, address.c_str(), &unused) == 1;
}

// The request in the form that plugins see.
struct Converted {
  explicit Converted(const Request& from) {
    request.model = request.target_model = from.model;
    request.cache_salt = from.cache_salt;
    for (const Request::Prompt& prompt : from.prompts) {
      request.prompts.push_back(
          {static_cast<uint32_t>(request.pieces.size()), static_cast<uint32_t>(prompt.size())});
      request.pieces.insert(request.pieces.end(), prompt.begin(), prompt.end());
    }
    ask.request = &request;
    ask.can_rewrite = false;
    if (from.subset) ask.subset = {true, *from.subset};
  }
  Converted(const Converted&) = delete;
  Converted& operator=(const Converted&) = delete;

  api::InferenceRequest request;
  picker::PickRequest ask;
};

Explanation ToPublic(scheduling::Explanation&& from) {
  Explanation to;
  to.profile = std::move(from.profile);
  to.picker = std::move(from.picker);
  for (auto& column : from.columns) to.columns.push_back({std::move(column.scorer), column.weight});
  for (auto& row : from.rows) {
    to.rows.push_back({std::move(row.endpoint), std::move(row.host_port), std::move(row.scores),
                       row.total, row.waiting, row.running, row.kv_usage, row.in_flight,
                       row.prefix_match, row.metrics_age_ms, row.rank});
  }
  for (auto& dropped : from.dropped) {
    to.dropped.push_back({std::move(dropped.filter), std::move(dropped.endpoint),
                          std::move(dropped.host_port), std::move(dropped.reason)});
  }
  to.prefix_blocks = from.prefix_total;
  to.prefix_block_tokens = from.prefix_block_tokens;
  to.notes = std::move(from.notes);
  return to;
}

}  // namespace

struct Reservation::State {
  datastore::Reservation reservation;
};

Reservation::Reservation() = default;
Reservation::Reservation(Reservation&&) noexcept = default;
Reservation& Reservation::operator=(Reservation&&) noexcept = default;
Reservation::~Reservation() = default;
void Reservation::End() {
  state_.reset();
}

struct Picker::Impl {
  // What a thread needs for a pick; taken from the shelf and put back.
  struct Desk {
    Desk(const base::SnapshotHolder<picker::Runtime>& holder, uint64_t seed)
        : runtime(holder), rng(seed) {}
    base::SnapshotHolder<picker::Runtime>::Reader runtime;
    base::Rng rng;
    picker::PickScratch scratch;
  };

  Impl(std::shared_ptr<const scheduling::Scheduler> built, const Options& given)
      : options(given),
        scheduler(std::move(built)),
        columns_id(picker::ColumnNames::Intern(*scheduler)),
        runtime(nullptr),
        seeds(given.seed ? *given.seed : std::random_device()()) {
    Publish();
  }

  std::unique_ptr<Desk> TakeDesk() {
    const std::lock_guard lock(desks_mutex);
    if (desks.empty()) return std::make_unique<Desk>(runtime, seeds.Next());
    std::unique_ptr<Desk> desk = std::move(desks.back());
    desks.pop_back();
    return desk;
  }
  void PutBack(std::unique_ptr<Desk> desk) {
    const std::lock_guard lock(desks_mutex);
    desks.push_back(std::move(desk));
  }

  // REQUIRES: endpoints_mutex is held (or nobody else can know of this object).
  void Publish() {
    api::InferencePool spec;
    spec.meta.name = "embedded";
    auto pools = builder.Build({spec}, known);
    picker::PoolRuntime pool;
    pool.pool = std::move(pools.front());
    pool.scheduler = scheduler;
    pool.read = {options.stale_after, options.inflight_correction};
    pool.destination_list = static_cast<size_t>(options.destination_list);
    pool.columns_id = columns_id;
    ForgetOld(*pool.pool);
    runtime.Publish(std::make_shared<const picker::Runtime>(
        ++generation, std::vector{pool}, std::unordered_map<std::string, std::string>{}));
  }

  void ForgetOld(const datastore::Pool& next) {
    std::set<uint32_t> now;
    for (const auto& endpoint : next.endpoints()) now.insert(endpoint->id());
    for (const uint32_t id : live) {
      if (now.contains(id)) continue;
      for (const auto& [name, producer] : scheduler->producers) producer->OnRemoved(id);
    }
    live = std::move(now);
  }

  std::shared_ptr<datastore::Endpoint> Find(std::string_view name) const {
    const auto current = runtime.Get();
    for (const auto& endpoint : current->pools().front().pool->endpoints()) {
      if (endpoint->info().name == name) return endpoint;
    }
    return nullptr;
  }
  static Status NotFound(std::string_view name) {
    return {Code::kNotFound, "there is no endpoint '" + base::Printable(name, 80) + "'"};
  }

  const Options options;
  const std::shared_ptr<const scheduling::Scheduler> scheduler;
  const uint32_t columns_id;
  base::SnapshotHolder<picker::Runtime> runtime;

  std::mutex endpoints_mutex;
  std::vector<datastore::KnownEndpoint> known;  // these four guarded by endpoints_mutex
  datastore::PoolBuilder builder;
  std::set<uint32_t> live;
  uint64_t generation = 0;

  std::mutex metrics_mutex;  // one writer of an endpoint's metrics at a time

  std::mutex desks_mutex;
  std::vector<std::unique_ptr<Desk>> desks;  // both guarded by desks_mutex
  base::Rng seeds;
};

Picker::Picker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Picker::Picker(Picker&&) noexcept = default;
Picker& Picker::operator=(Picker&&) noexcept = default;
Picker::~Picker() = default;

Result<Picker> Picker::FromConfig(std::string_view yaml, const Options& options,
                                  std::vector<std::string>* warnings) {
  if (options.destination_list < 1 ||
      options.destination_list > static_cast<int>(scheduling::kMaxRanked)) {
    return Status(Code::kInvalidArgument, "destination_list must be 1 to 16, not " +
                                              std::to_string(options.destination_list));
  }
  if (options.stale_after <= std::chrono::nanoseconds(0)) {
    return Status(Code::kInvalidArgument, "stale_after must be above 0");
  }
  api::Diagnostics diagnostics;
  std::optional<api::EndpointPickerConfig> config = scheduling::DefaultConfig();
  if (!base::TrimSpace(yaml).empty()) {
    config = manifest::ReadPickerConfig("config", yaml, diagnostics);
  }
  std::shared_ptr<const scheduling::Scheduler> scheduler;
  if (config) {
    scheduling::PluginRegistry registry;
    scheduling::RegisterBuiltins(registry);
    scheduler = scheduling::Compile(*config, registry, diagnostics);
  }
  std::string errors;
  for (const api::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == api::Severity::kError) {
      errors += (errors.empty() ? "" : "\n") + diagnostic.ToString();
    } else if (warnings) {
      warnings->push_back(diagnostic.ToString());
    }
  }
  if (!scheduler) return Status(Code::kInvalidArgument, std::move(errors));
  return Picker(std::make_unique<Impl>(std::move(scheduler), options));
}

Status Picker::UpsertEndpoint(const EndpointSpec& endpoint) {
  if (!IsIpLiteral(endpoint.address)) {
    return {Code::kInvalidArgument, "address must be an IPv4 or IPv6 literal, not '" +
                                        base::Printable(endpoint.address, 80) + "'"};
  }
  if (endpoint.port < 1 || endpoint.port > 65535) {
    return {Code::kInvalidArgument,
            "port must be 1 to 65535, not " + std::to_string(endpoint.port)};
  }
  datastore::KnownEndpoint next;
  next.info.ns = api::ObjectMeta().ns;
  next.info.address = endpoint.address;
  next.info.port = endpoint.port;
  next.info.name = endpoint.name.empty() ? datastore::JoinHostPort(endpoint.address, endpoint.port)
                                         : endpoint.name;
  next.info.labels.insert(endpoint.labels.begin(), endpoint.labels.end());

  const std::lock_guard lock(impl_->endpoints_mutex);
  datastore::KnownEndpoint* same = nullptr;
  for (datastore::KnownEndpoint& known : impl_->known) {
    if (known.info.name == next.info.name) {
      same = &known;
    } else if (known.info.address == next.info.address && known.info.port == next.info.port) {
      return {Code::kAlreadyExists, "endpoint '" + known.info.name + "' already has the address " +
                                        datastore::JoinHostPort(endpoint.address, endpoint.port)};
    }
  }
  if (same) {
    *same = std::move(next);
  } else {
    impl_->known.push_back(std::move(next));
  }
  impl_->Publish();
  return Status::Ok();
}

Status Picker::RemoveEndpoint(std::string_view name) {
  const std::lock_guard lock(impl_->endpoints_mutex);
  const size_t removed = std::erase_if(
      impl_->known, [&](const datastore::KnownEndpoint& known) { return known.info.name == name; });
  if (removed == 0) return Impl::NotFound(name);
  impl_->Publish();
  return Status::Ok();
}

Status Picker::ReportMetrics(std::string_view name, std::string_view page,
                             std::string_view engine) {
  const std::shared_ptr<datastore::Endpoint> endpoint = impl_->Find(name);
  if (!endpoint) return Impl::NotFound(name);
  if (page.size() > kMaxPageBytes) {
    return {Code::kInvalidArgument, "the metrics page is larger than 8 MiB"};
  }
  const auto map = metrics::NameMap::BuiltIn(engine);
  if (!map) {
    std::string known;
    for (const std::string_view one : metrics::NameMap::BuiltInEngines()) {
      known += (known.empty() ? "" : ", ") + std::string(one);
    }
    return {Code::kInvalidArgument,
            "unknown engine '" + base::Printable(engine, 80) + "'; there are " + known};
  }
  const std::lock_guard lock(impl_->metrics_mutex);
  const uint64_t mark = endpoint->ScrapeBegins();
  const base::Time now = base::Clock::Real().Now();
  Status status = metrics::Scan(page, *map, now, endpoint->metrics).status;
  if (!status.ok()) {
    endpoint->metrics.page_errors.fetch_add(1, std::memory_order_relaxed);
    return status;
  }
  endpoint->ScrapeApplied(mark, now);
  endpoint->RecordSuccess();
  return status;
}

Status Picker::ReportFailure(std::string_view name) {
  const std::shared_ptr<datastore::Endpoint> endpoint = impl_->Find(name);
  if (!endpoint) return Impl::NotFound(name);
  endpoint->RecordFailure();
  return Status::Ok();
}

PickResult Picker::Pick(const Request& request) {
  const Converted converted(request);
  std::unique_ptr<Impl::Desk> desk = impl_->TakeDesk();
  picker::PickResult picked = picker::Pick(*desk->runtime.Get(), converted.ask,
                                           base::Clock::Real().Now(), desk->rng, desk->scratch);
  PickResult result;
  result.picked = picked.picked();
  if (result.picked) {
    const scheduling::Decision& decision = desk->scratch.decision;
    for (size_t i = 0; i < decision.n_ranked; ++i) {
      result.endpoints.push_back((*decision.ranked[i])->info().host_port);
    }
    result.reservation.state_ = std::make_unique<Reservation::State>();
    result.reservation.state_->reservation = std::move(picked.reservation);
  } else {
    result.http_status = picker::HttpStatus(picked.refusal);
    result.reason = picker::DroppedReason(picked.refusal);
    result.message = picker::Message(picked.refusal);
  }
  impl_->PutBack(std::move(desk));
  return result;
}

Explanation Picker::Explain(const Request& request) {
  const Converted converted(request);
  std::unique_ptr<Impl::Desk> desk = impl_->TakeDesk();
  scheduling::Explanation why;
  const picker::PickResult picked =
      picker::Pick(*desk->runtime.Get(), converted.ask, base::Clock::Real().Now(), desk->rng,
                   desk->scratch, &why, /*dry_run=*/true);
  impl_->PutBack(std::move(desk));
  Explanation explanation = ToPublic(std::move(why));
  explanation.picked = picked.picked();
  explanation.http_status = picker::HttpStatus(picked.refusal);
  explanation.message = picker::Message(picked.refusal);
  return explanation;
}

}  // namespace v0
}  // namespace inference
