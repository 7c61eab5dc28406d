#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "api/kinds.h"
#include "base/clock.h"
#include "datastore/endpoint.h"
#include "datastore/snapshot.h"
#include "telemetry/event_log.h"

namespace inference::extproc {

/// What a gateway's `response.code_details` says of the endpoint that a request was sent to.
struct UpstreamReport {
  bool answered = false;        // the response is the endpoint's own
  const char* fault = nullptr;  // constant text; it was the endpoint's fault that there is none
};

/// Reads the details as Envoy writes them. What isn't known for certain to come from the endpoint
/// (timeouts of a route, a full circuit breaker, resets by the client or the gateway) says nothing.
UpstreamReport ReadCodeDetails(std::string_view details);

/// Ejects endpoints at which requests fail, although they may still answer their scrapes: a circuit
/// breaker per endpoint, over all threads. Failures in a row (OutlierDetectionConfig) eject it for
/// a time. Then it is half open: one request tries it, see datastore::Ejection. When that is
/// answered it is closed; when it fails the time doubles; when nothing is heard of it for
/// kTrialPatience, another one tries. Thread-safe.
class OutlierDetector {
 public:
  static constexpr base::Duration kTrialPatience = std::chrono::seconds(10);
  /// Failures further apart are not in a row.
  static constexpr base::Duration kForgetAfter = std::chrono::minutes(5);

  /// `events` outlives this.
  explicit OutlierDetector(telemetry::EventLog& events) : events_(events) {}

  /// A request that got no answer. `fault`: constant text. `picked`: when its endpoint was picked;
  /// zero: unknown, and then it is of before anything known here.
  void NoteNoAnswer(const std::shared_ptr<datastore::Endpoint>& endpoint, const char* fault,
                    const api::OutlierDetectionConfig& limits, base::Time picked, base::Time now);
  /// An answer of the endpoint with status 500 to 599. `pool`: for the limit of ejections.
  void NoteServerError(const std::shared_ptr<datastore::Endpoint>& endpoint,
                       const api::OutlierDetectionConfig& limits, const datastore::Pool& pool,
                       base::Time picked, base::Time now);
  /// Any other answer of the endpoint.
  void NoteAnswer(const datastore::Endpoint& endpoint, base::Time picked);
  /// Lets endpoints whose time is over be tried. To be called now and then while size() > 0.
  void Readmit(base::Time now);
  /// Endpoints of which a failure is remembered.
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  enum class Cause : uint8_t { kNoAnswer, kServerError };
  struct Entry {
    std::shared_ptr<datastore::Endpoint> endpoint;
    int no_answers = 0, server_errors = 0;  // in a row, while not ejected
    Cause cause = Cause::kNoAnswer;         // of the ejection
    base::Duration time{};                  // of the last ejection; 0: there was none
    base::Time changed{};  // ejected or to be tried; what is heard of earlier requests is old news
    base::Time until{};    // of the ejection, the wait for the trial, or the entry
  };

  Entry& Remember(const std::shared_ptr<datastore::Endpoint>& endpoint, base::Time now);
  void Eject(Entry& entry, Cause cause, const char* fault,
             const api::OutlierDetectionConfig& limits, base::Time now);
  void Close(std::unordered_map<uint32_t, Entry>::iterator entry);

  telemetry::EventLog& events_;
  std::mutex mutex_;
  std::unordered_map<uint32_t, Entry> entries_;  // guarded by mutex_; by endpoint id
  std::atomic<size_t> size_{0};
};

}  // namespace inference::extproc
