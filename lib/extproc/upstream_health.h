#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "datastore/endpoint.h"

namespace inference::extproc {

/// What a gateway's `response.code_details` says of the endpoint that a request was sent to.
struct UpstreamReport {
  bool answered = false;        // the response is the endpoint's own
  const char* fault = nullptr;  // constant text; it was the endpoint's fault that there is none
};

/// Reads the details as Envoy writes them. What isn't known for certain to come from the endpoint
/// (timeouts of a route, a full circuit breaker, resets by the client or the gateway) says nothing.
UpstreamReport ReadCodeDetails(std::string_view details);

/// Requests that fail at an endpoint although it may still answer its scrapes. Two in a row make
/// the endpoint unreachable for a second; then it is tried again, and each further failure doubles
/// the pause, up to 30 s. A response to a request that was picked later ends it at once.
/// Thread-safe.
class UpstreamHealth {
 public:
  static constexpr base::Duration kFirstPause = std::chrono::seconds(1);
  static constexpr base::Duration kLongestPause = std::chrono::seconds(30);
  /// Failures further apart are not in a row.
  static constexpr base::Duration kForgetAfter = std::chrono::minutes(5);

  /// `fault`: constant text. `picked`: when the request's endpoint was picked; zero: unknown.
  void NoteFailure(const std::shared_ptr<datastore::Endpoint>& endpoint, const char* fault,
                   base::Time picked, base::Time now);
  void NoteResponse(const datastore::Endpoint& endpoint, base::Time picked);
  /// Lets endpoints whose pause is over be tried again. To be called now and then while size() > 0.
  void Readmit(base::Time now);
  /// Endpoints of which a failure is remembered.
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    std::shared_ptr<datastore::Endpoint> endpoint;
    int failures = 0;  // in a row, while not shunned
    bool shunned = false;
    base::Duration pause{};
    base::Time changed{};  // shunned or tried again; reports of requests picked before are old news
    base::Time until{};    // of the pause, or of the entry
  };

  std::mutex mutex_;
  std::unordered_map<uint32_t, Entry> entries_;  // guarded by mutex_; by endpoint id
  std::atomic<size_t> size_{0};
};

}  // namespace inference::extproc
