#include <algorithm>
#include <chrono>
#include <string>

#include "admin/endpoints.h"
#include "admin/service.h"

// The calls that go on until somebody ends them.
namespace inference::admin {

grpc::Status AdminService::BeginWatch() {
  const std::lock_guard lock(mutex_);
  if (watches_ >= kMaxWatches) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            std::to_string(kMaxWatches) + " watches are running already; end one of them"};
  }
  ++watches_;
  return grpc::Status::OK;
}

grpc::Status AdminService::EndWatch(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  --watches_;
  if (!status.ok() || !ended_) return status;
  return {grpc::StatusCode::UNAVAILABLE, "inferenced is stopping"};
}

grpc::Status AdminService::WatchEndpoints(grpc::ServerContext* context,
                                          const v1::WatchEndpointsRequest* request,
                                          grpc::ServerWriter<v1::ListEndpointsResponse>* writer) {
  if (const grpc::Status begun = BeginWatch(); !begun.ok()) return begun;
  const int wanted = request->interval_ms() == 0 ? 1000 : request->interval_ms();
  const std::chrono::milliseconds interval(std::clamp(wanted, 100, 60'000));
  grpc::Status status = grpc::Status::OK;
  do {
    v1::ListEndpointsResponse response;
    status = FillEndpoints(request->list(), &response);
    if (!status.ok() || !writer->Write(response)) break;
  } while (WaitForNextTurn(context, interval));
  return EndWatch(status);
}

grpc::Status AdminService::WatchEvents(grpc::ServerContext* context,
                                       const v1::WatchEventsRequest* request,
                                       grpc::ServerWriter<v1::WatchEventsResponse>* writer) {
  constexpr size_t kBatch = 256;
  constexpr std::chrono::milliseconds kLook(100);
  constexpr int kLooksToSignOfLife = 50;  // else nobody would find a broken connection
  if (const grpc::Status begun = BeginWatch(); !begun.ok()) return begun;
  uint64_t after = request->instance() == Instance() ? request->after_id() : 0;
  int idle = 0;
  while (true) {
    v1::WatchEventsResponse response;
    response.set_instance(Instance());
    const std::vector<telemetry::Event> events = view_.events().After(after, kBatch);
    for (const telemetry::Event& event : events) FillEvent(event, response.add_events());
    if (!events.empty()) after = events.back().id;
    idle = events.empty() ? idle + 1 : 0;
    const bool tell = !events.empty() || idle % kLooksToSignOfLife == 1;
    if (tell && !writer->Write(response)) break;
    if (events.size() == kBatch) continue;
    if (!request->follow() || !WaitForNextTurn(context, kLook)) break;
  }
  return EndWatch(grpc::Status::OK);
}

bool AdminService::WaitForNextTurn(grpc::ServerContext* context,
                                   std::chrono::milliseconds interval) {
  // The synchronous API does not tell of a cancelled call, so it is asked a few times a second.
  constexpr std::chrono::milliseconds kSlice(100);
  const auto end = std::chrono::steady_clock::now() + interval;
  std::unique_lock lock(mutex_);
  while (!ended_) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) return true;
    const auto wake = std::min<std::chrono::steady_clock::time_point>(end, now + kSlice);
    ended_changed_.wait_until(lock, wake, [this] { return ended_; });
    if (context->IsCancelled()) return false;
  }
  return false;
}

void AdminService::EndWatches() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ended_changed_.notify_all();
}

}  // namespace inference::admin
