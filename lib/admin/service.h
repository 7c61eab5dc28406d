#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "admin/daemon_info.h"
#include "admin/drains.h"
#include "admin/peers.h"
#include "admin/rooms.h"
#include "base/clock.h"
#include "inference/admin/v1/admin.grpc.pb.h"

namespace inference::admin {

/// The methods of inference.admin.v1.Admin. Holds no state of its own: each call looks at the
/// runtime that is current. Thread-safe.
class AdminService final : public v1::Admin::Service {
 public:
  /// At once; one more is refused with RESOURCE_EXHAUSTED, since each holds a thread.
  static constexpr int kMaxWatches = 12;

  AdminService(const Rooms& rooms, DaemonInfo info, const base::Clock& clock, uint64_t seed);

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse*) override;
  grpc::Status ListPools(grpc::ServerContext*, const v1::ListPoolsRequest*,
                         v1::ListPoolsResponse*) override;
  grpc::Status ListEndpoints(grpc::ServerContext*, const v1::ListEndpointsRequest*,
                             v1::ListEndpointsResponse*) override;
  grpc::Status WatchEndpoints(grpc::ServerContext*, const v1::WatchEndpointsRequest*,
                              grpc::ServerWriter<v1::ListEndpointsResponse>*) override;
  grpc::Status Pick(grpc::ServerContext*, const v1::PickRequest*, v1::PickResponse*) override;
  grpc::Status Why(grpc::ServerContext*, const v1::WhyRequest*, v1::WhyResponse*) override;
  grpc::Status ListSplits(grpc::ServerContext*, const v1::ListSplitsRequest*,
                          v1::ListSplitsResponse*) override;
  grpc::Status Change(grpc::ServerContext*, const v1::ChangeRequest*, v1::ChangeResponse*) override;
  grpc::Status ListObjects(grpc::ServerContext*, const v1::ListObjectsRequest*,
                           v1::ListObjectsResponse*) override;
  grpc::Status ListHistory(grpc::ServerContext*, const v1::ListHistoryRequest*,
                           v1::ListHistoryResponse*) override;

  grpc::Status Drain(grpc::ServerContext*, const v1::DrainRequest*, v1::DrainResponse*) override;
  grpc::Status Undrain(grpc::ServerContext*, const v1::UndrainRequest*,
                       v1::DrainResponse*) override;
  grpc::Status ListDrains(grpc::ServerContext*, const v1::ListDrainsRequest*,
                          v1::ListDrainsResponse*) override;
  grpc::Status SetWeight(grpc::ServerContext*, const v1::SetWeightRequest*,
                         v1::SetWeightResponse*) override;
  grpc::Status WatchEvents(grpc::ServerContext*, const v1::WatchEventsRequest*,
                           grpc::ServerWriter<v1::WatchEventsResponse>*) override;
  grpc::Status Reload(grpc::ServerContext*, const v1::ReloadRequest*, v1::ReloadResponse*) override;
  grpc::Status Stop(grpc::ServerContext*, const v1::StopRequest*, v1::StopResponse*) override;

  /// Ends the watches, now and for ever.
  void EndWatches();

 private:
  grpc::Status FillEndpoints(const v1::ListEndpointsRequest& request,
                             v1::ListEndpointsResponse* response) const;
  /// May the peer have this done?
  Status MayAct(const Peer& peer, bool dry_run) const;
  /// RESOURCE_EXHAUSTED when there are too many; else EndWatch must follow.
  grpc::Status BeginWatch();
  /// `status`, or that the daemon is stopping.
  grpc::Status EndWatch(const grpc::Status& status);
  /// Of drained endpoints with requests in flight; as of a second ago at most.
  PendingRequests OldestRequests(const control::DrainRows& rows);
  /// Which run of which daemon this is.
  std::string Instance() const;
  /// False when the watch is over.
  bool WaitForNextTurn(grpc::ServerContext* context, std::chrono::milliseconds interval);

  const control::ControlView& view_;
  control::ControlActions& actions_;
  picker::DecisionSource* const decisions_;
  const DaemonInfo info_;
  const base::Clock& clock_;
  std::atomic<uint64_t> next_seed_;

  std::mutex oldest_mutex_;
  PendingRequests oldest_;   // guarded by oldest_mutex_
  base::Time look_again_{};  // the same

  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;  // guarded by mutex_
  int watches_ = 0;     // guarded by mutex_
};

}  // namespace inference::admin
