#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "inference/admin/v1/admin.grpc.pb.h"
#include "inference/result.h"

namespace inference::admin {

/// Asks a daemon. One connection, not made again when it breaks. Every call ends by its deadline.
/// Thread-safe.
class AdminClient {
 public:
  /// `address`: "unix:///path". The error says what to do when nobody is there.
  static Result<std::unique_ptr<AdminClient>> Connect(const std::string& address,
                                                      std::chrono::milliseconds timeout);

  Result<v1::GetStatusResponse> GetStatus();
  Result<v1::ListPoolsResponse> ListPools(const std::vector<std::string>& names);
  Result<v1::ListEndpointsResponse> ListEndpoints(const v1::ListEndpointsRequest& request);
  Result<v1::PickResponse> Pick(const v1::PickRequest& request);
  Result<v1::WhyResponse> Why(const std::string& request_id);
  Result<v1::ChangeResponse> Change(const v1::ChangeRequest& request);
  Result<v1::ListObjectsResponse> ListObjects();
  Result<v1::ListSplitsResponse> ListSplits();
  Result<v1::ListHistoryResponse> ListHistory(const v1::ListHistoryRequest& request);

  Result<v1::DrainResponse> Drain(const v1::DrainRequest& request);
  Result<v1::DrainResponse> Undrain(const v1::UndrainRequest& request);
  Result<v1::ListDrainsResponse> ListDrains();
  Result<v1::SetWeightResponse> SetWeight(const v1::SetWeightRequest& request);
  Result<v1::ReloadResponse> Reload(const v1::ReloadRequest& request);
  Result<v1::StopResponse> Stop(const v1::StopRequest& request);

  /// Calls `each` for every list until it returns false (OK), Cancel() is called (kCancelled), or
  /// the daemon goes away. No deadline.
  Status WatchEndpoints(const v1::WatchEndpointsRequest& request,
                        const std::function<bool(const v1::ListEndpointsResponse&)>& each);
  /// The same for every batch of events; ends (OK) with the newest one unless the request follows.
  Status WatchEvents(const v1::WatchEventsRequest& request,
                     const std::function<bool(const v1::WatchEventsResponse&)>& each);
  /// Ends the running watch, or the next one at once.
  void Cancel();

 private:
  AdminClient(std::string address, std::chrono::milliseconds timeout,
              std::unique_ptr<v1::Admin::Stub> stub);
  template <typename Request, typename Response>
  Result<Response> Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                        const Request& request);
  template <typename Request, typename Response>
  Status Watch(std::unique_ptr<grpc::ClientReader<Response>> (v1::Admin::Stub::*method)(
                   grpc::ClientContext*, const Request&),
               const Request& request, const std::function<bool(const Response&)>& each);
  Status ToStatus(const grpc::Status& status) const;

  const std::string address_;
  const std::chrono::milliseconds timeout_;
  const std::unique_ptr<v1::Admin::Stub> stub_;
  std::mutex mutex_;
  grpc::ClientContext* watch_ = nullptr;  // guarded by mutex_
  bool cancelled_ = false;                // guarded by mutex_
};

}  // namespace inference::admin
