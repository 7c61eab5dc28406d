#include "admin/service.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "admin/changes.h"
#include "admin/conversion.h"
#include "admin/drains.h"
#include "admin/dry_run.h"
#include "admin/endpoints.h"
#include "admin/splits.h"
#include "base/text.h"
#include "control/endpoint_commands.h"

namespace inference::admin {
namespace {

constexpr int kMaxHistory = 1000;  // what the store keeps

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // Code has gRPC's numbers.
  return {static_cast<grpc::StatusCode>(status.code()), status.message()};
}

grpc::Status UnknownPool(const picker::Runtime& runtime, const std::string& name) {
  std::string message = "no pool \"" + base::Printable(name) + "\"";
  if (runtime.pools().empty()) {
    message += "; no pool is configured";
  } else {
    message += "; there are:";
    for (size_t i = 0; i < runtime.pools().size() && i < 10; ++i) {
      message += (i == 0 ? " " : ", ") + runtime.pools()[i].pool->key();
    }
    if (runtime.pools().size() > 10) message += ", ...";
  }
  return {grpc::StatusCode::NOT_FOUND, message};
}

/// Takes the names that `matches` out of `wanted`; true when the item is asked for.
template <typename Matches>
bool Wanted(const google::protobuf::RepeatedPtrField<std::string>& names,
            std::unordered_set<std::string>& unseen, Matches matches) {
  if (names.empty()) return true;
  bool wanted = false;
  for (const std::string& name : names) {
    if (!matches(name)) continue;
    wanted = true;
    unseen.erase(name);
  }
  return wanted;
}

}  // namespace

AdminService::AdminService(const Rooms& rooms, DaemonInfo info, const base::Clock& clock,
                           uint64_t seed)
    : view_(rooms.view),
      actions_(rooms.actions),
      decisions_(rooms.decisions),
      info_(std::move(info)),
      clock_(clock),
      next_seed_(seed) {}

grpc::Status AdminService::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                     v1::GetStatusResponse* response) {
  const auto runtime = view_.runtime().Get();
  FillDaemon(info_, clock_.Now(), response);
  FillConfigState(view_.config_status(), response->mutable_config());
  response->set_decision_ring(view_.daemon_config()->decision_ring.value);
  response->set_pools(static_cast<int>(runtime->pools().size()));
  // An endpoint that several pools select counts once.
  std::unordered_set<uint32_t> seen;
  for (const picker::PoolRuntime& pool : runtime->pools()) {
    for (const auto& endpoint : pool.pool->endpoints()) {
      if (!seen.insert(endpoint->id()).second) continue;
      CountState(StateOf(*endpoint, clock_.Now(), pool.read.stale_after),
                 response->mutable_endpoints());
    }
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListPools(grpc::ServerContext*, const v1::ListPoolsRequest* request,
                                     v1::ListPoolsResponse* response) {
  const auto runtime = view_.runtime().Get();
  response->set_generation(runtime->generation());
  std::unordered_set<std::string> unseen(request->names().begin(), request->names().end());
  for (const picker::PoolRuntime& pool : runtime->pools()) {
    const bool wanted = Wanted(request->names(), unseen, [&](const std::string& name) {
      return runtime->Find(name) == &pool;
    });
    if (wanted) FillPool(pool, runtime->generation(), clock_.Now(), response->add_pools());
  }
  for (const std::string& name : request->names()) {
    if (unseen.erase(name) > 0) response->add_unknown_names(name);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListSplits(grpc::ServerContext*, const v1::ListSplitsRequest*,
                                      v1::ListSplitsResponse* response) {
  FillSplits(*view_.runtime().Get(), response);
  return grpc::Status::OK;
}

grpc::Status AdminService::FillEndpoints(const v1::ListEndpointsRequest& request,
                                         v1::ListEndpointsResponse* response) const {
  const auto runtime = view_.runtime().Get();
  const picker::PoolRuntime* only = nullptr;
  if (!request.pool().empty()) {
    only = runtime->Find(request.pool());
    if (only == nullptr) return UnknownPool(*runtime, request.pool());
  }
  response->set_generation(runtime->generation());
  *response->mutable_observed_at() = ToTimestamp(clock_.WallNow());
  std::unordered_set<std::string> unseen(request.names().begin(), request.names().end());
  const base::Time now = clock_.Now();
  const std::shared_ptr<const control::DrainRows> drains = view_.drains();
  for (const picker::PoolRuntime& pool : runtime->pools()) {
    if (only != nullptr && only != &pool) continue;
    for (const auto& endpoint : pool.pool->endpoints()) {
      const datastore::EndpointInfo& info = endpoint->info();
      const bool wanted = Wanted(request.names(), unseen, [&](const std::string& name) {
        return name == info.name || name == info.host_port;
      });
      if (!wanted) continue;
      v1::Endpoint* out = response->add_endpoints();
      FillEndpoint(*endpoint, pool, now, out);
      const auto drain = drains->find({info.ns, info.name, info.address, info.port});
      if (drain != drains->end()) FillEndpointDrain(drain->second, out);
      out->set_scrape_error(SafeText(view_.ScrapeError(endpoint->id())));
    }
  }
  for (const std::string& name : request.names()) {
    if (unseen.erase(name) > 0) response->add_unknown_names(name);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListEndpoints(grpc::ServerContext*,
                                         const v1::ListEndpointsRequest* request,
                                         v1::ListEndpointsResponse* response) {
  return FillEndpoints(*request, response);
}

grpc::Status AdminService::Pick(grpc::ServerContext*, const v1::PickRequest* request,
                                v1::PickResponse* response) {
  const auto runtime = view_.runtime().Get();
  base::Rng rng(next_seed_.fetch_add(1, std::memory_order_relaxed));
  return ToGrpc(DryRun(*runtime, *view_.daemon_config(), *request, clock_.Now(), rng, response));
}

grpc::Status AdminService::Why(grpc::ServerContext*, const v1::WhyRequest* request,
                               v1::WhyResponse* response) {
  if (request->request_id().empty()) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "request_id is empty"};
  }
  if (decisions_ != nullptr) {
    if (const auto record = decisions_->FindDecision(request->request_id())) {
      FillDecision(*record, *view_.runtime().Get(), response);
      return grpc::Status::OK;
    }
  }
  return {grpc::StatusCode::NOT_FOUND,
          "no decision is remembered for request \"" + base::Printable(request->request_id()) +
              "\"; each reactor keeps its last " +
              std::to_string(view_.daemon_config()->decision_ring.value)};
}

grpc::Status AdminService::Change(grpc::ServerContext* context, const v1::ChangeRequest* request,
                                  v1::ChangeResponse* response) {
  const Peer peer = PeerOf(context->peer());
  if (Status may = MayAct(peer, request->dry_run()); !may.ok()) return ToGrpc(may);
  return ToGrpc(FillChange(actions_.Change(ToRequest(*request, peer.name)), response));
}

grpc::Status AdminService::ListObjects(grpc::ServerContext*, const v1::ListObjectsRequest*,
                                       v1::ListObjectsResponse* response) {
  const control::ConfigStatus status = view_.config_status();
  response->set_generation(status.generation);
  response->set_applied_generation(status.applied_generation);
  for (const control::ListedObject& object : actions_.Objects()) {
    FillObject(object, response->add_objects());
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListHistory(grpc::ServerContext*, const v1::ListHistoryRequest* request,
                                       v1::ListHistoryResponse* response) {
  const bool one = request->has_generation();
  const int64_t limit = one                     ? kMaxHistory
                        : request->limit() == 0 ? 20
                                                : std::clamp(request->limit(), 1, kMaxHistory);
  const auto history = actions_.History(limit);
  if (!history.ok()) return ToGrpc(history.status());
  for (const store::Revision& revision : *history) {
    if (!one || revision.generation == request->generation()) {
      FillRevision(revision, response->add_revisions());
    }
  }
  if (!one) {
    const auto operations = actions_.Operations(limit);
    if (!operations.ok()) return ToGrpc(operations.status());
    for (const store::Operation& operation : *operations) {
      FillOperation(operation, response->add_operations());
    }
    return grpc::Status::OK;
  }
  const auto texts = actions_.ChangesOf(request->generation());
  if (!texts.ok()) return ToGrpc(texts.status());
  if (response->revisions().empty()) {
    return {grpc::StatusCode::NOT_FOUND, "that generation is no longer in the history"};
  }
  FillTexts(*texts, response->mutable_revisions(0));
  return grpc::Status::OK;
}

// A dry run changes nothing.
Status AdminService::MayAct(const Peer& peer, bool dry_run) const {
  return dry_run ? Status::Ok() : MayOperate(peer, view_.daemon_config()->admin);
}

PendingRequests AdminService::OldestRequests(const control::DrainRows& rows) {
  constexpr std::chrono::seconds kLookAgain(1);
  std::map<uint32_t, store::EndpointKey> wanted;
  for (const picker::PoolRuntime& pool : view_.runtime().Get()->pools()) {
    for (const auto& endpoint : pool.pool->endpoints()) {
      const store::EndpointKey key = control::KeyOf(*endpoint);
      const auto row = rows.find(key);
      if (row != rows.end() && row->second.owed.in_flight > 0) wanted.emplace(endpoint->id(), key);
    }
  }
  const std::lock_guard lock(oldest_mutex_);
  if (clock_.Now() < look_again_) return oldest_;
  oldest_.clear();
  if (wanted.empty()) return oldest_;
  look_again_ = clock_.Now() + kLookAgain;
  std::vector<uint32_t> ids;
  for (const auto& [id, key] : wanted) ids.push_back(id);
  for (auto& [id, request] : decisions_->OldestPending(ids)) {
    oldest_[wanted.at(id)] = std::move(request);
  }
  return oldest_;
}

std::string AdminService::Instance() const {
  const auto started =
      std::chrono::duration_cast<std::chrono::milliseconds>(info_.started_at.time_since_epoch());
  return std::to_string(info_.pid) + "@" + std::to_string(started.count());
}

grpc::Status AdminService::Drain(grpc::ServerContext* context, const v1::DrainRequest* request,
                                 v1::DrainResponse* response) {
  const Peer peer = PeerOf(context->peer());
  if (Status may = MayAct(peer, request->dry_run()); !may.ok()) return ToGrpc(may);
  auto command = ToCommand(*request, peer.name);
  if (!command.ok()) return ToGrpc(command.status());
  const control::DrainAnswer answer = actions_.Drain(*std::move(command));
  response->set_instance(Instance());
  FillAnswer(answer, response);
  return ToGrpc(answer.status);
}

grpc::Status AdminService::Undrain(grpc::ServerContext* context, const v1::UndrainRequest* request,
                                   v1::DrainResponse* response) {
  const Peer peer = PeerOf(context->peer());
  if (Status may = MayAct(peer, request->dry_run()); !may.ok()) return ToGrpc(may);
  auto command = ToCommand(*request, peer.name);
  if (!command.ok()) return ToGrpc(command.status());
  const control::DrainAnswer answer = actions_.Undrain(*std::move(command));
  response->set_instance(Instance());
  FillAnswer(answer, response);
  return ToGrpc(answer.status);
}

grpc::Status AdminService::SetWeight(grpc::ServerContext* context,
                                     const v1::SetWeightRequest* request,
                                     v1::SetWeightResponse* response) {
  const Peer peer = PeerOf(context->peer());
  if (Status may = MayAct(peer, request->dry_run()); !may.ok()) return ToGrpc(may);
  auto command = ToCommand(*request, peer.name);
  if (!command.ok()) return ToGrpc(command.status());
  const control::WeightAnswer answer = actions_.SetWeight(*std::move(command));
  response->set_instance(Instance());
  FillAnswer(answer, response);
  return ToGrpc(answer.status);
}

grpc::Status AdminService::ListDrains(grpc::ServerContext*, const v1::ListDrainsRequest*,
                                      v1::ListDrainsResponse* response) {
  response->set_instance(Instance());
  response->set_generation(view_.runtime().Get()->generation());
  *response->mutable_observed_at() = ToTimestamp(clock_.WallNow());
  const std::shared_ptr<const control::DrainRows> rows = view_.drains();
  for (const auto& [key, row] : *rows) FillDrain(row, response->add_drains());
  if (decisions_ != nullptr) FillOldest(OldestRequests(*rows), clock_.WallNow(), response);
  return grpc::Status::OK;
}

grpc::Status AdminService::Reload(grpc::ServerContext* context, const v1::ReloadRequest* request,
                                  v1::ReloadResponse* response) {
  const Peer peer = PeerOf(context->peer());
  if (Status may = MayAct(peer, false); !may.ok()) return ToGrpc(may);
  control::ReloadRequest reload;
  reload.author = {peer.name, "reload", request->reason()};
  const base::Duration left = context->deadline() - std::chrono::system_clock::now();
  reload.timeout = request->wait() ? std::min(reload.timeout, left) : base::Duration::zero();
  const control::ReloadResult result = actions_.Reload(std::move(reload));
  if (!request->wait() && result.status.code() == Code::kDeadlineExceeded) {
    response->set_pending(true);
    return grpc::Status::OK;
  }
  return ToGrpc(FillReload(result, response));
}

grpc::Status AdminService::Stop(grpc::ServerContext* context, const v1::StopRequest* request,
                                v1::StopResponse* response) {
  const Peer peer = PeerOf(context->peer());
  if (Status may = MayAct(peer, request->dry_run()); !may.ok()) return ToGrpc(may);
  const control::StopAnswer answer = actions_.RequestStop(
      {{peer.name, "stop", request->reason()}, request->force(), request->dry_run()});
  response->set_pid(info_.pid);
  return ToGrpc(FillStop(answer, response));
}

}  // namespace inference::admin
