#include "extproc/outlier_detector.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace inference::extproc {

UpstreamReport ReadCodeDetails(std::string_view details) {
  if (details == "via_upstream") return {.answered = true};
  constexpr std::string_view kReset = "upstream_reset_before_response_started{";
  if (!details.starts_with(kReset)) return {};
  details.remove_prefix(kReset.size());
  details = details.substr(0, details.find_first_of("|}"));
  static constexpr std::pair<std::string_view, const char*> kFaults[] = {
      {"remote_connection_failure", "connections fail"},
      {"connection_timeout", "connections time out"},
      {"connection_termination", "connections are closed before an answer"},
      {"remote_reset", "requests are reset before an answer"},
      {"protocol_error", "answers are no valid HTTP"},
  };
  for (const auto& [reason, fault] : kFaults) {
    if (details == reason) return {.fault = fault};
  }
  return {};
}

namespace {

using datastore::Ejection;

telemetry::EventSubject SubjectOf(const datastore::Endpoint& endpoint) {
  const datastore::EndpointInfo& info = endpoint.info();
  return {"endpoint", info.ns, info.name, info.host_port};
}

// May one more of the pool's endpoints be ejected for its answers?
bool MayEject(const datastore::Pool& pool, int max_percent) {
  size_t ejected = 0;
  for (const auto& endpoint : pool.endpoints()) {
    ejected += endpoint->ejection() != Ejection::kNone ? 1 : 0;
  }
  const size_t allowed = pool.endpoints().size() * static_cast<size_t>(max_percent) / 100;
  return max_percent > 0 && ejected < std::max<size_t>(allowed, 1);
}

}  // namespace

OutlierDetector::Entry& OutlierDetector::Remember(
    const std::shared_ptr<datastore::Endpoint>& endpoint, base::Time now) {
  Entry& entry = entries_[endpoint->id()];
  if (!entry.endpoint) {
    entry.endpoint = endpoint;
    entry.until = now + kForgetAfter;
    size_.store(entries_.size(), std::memory_order_relaxed);
  }
  return entry;
}

void OutlierDetector::NoteNoAnswer(const std::shared_ptr<datastore::Endpoint>& endpoint,
                                   const char* fault, const api::OutlierDetectionConfig& limits,
                                   base::Time picked, base::Time now) {
  if (*limits.consecutive_connection_failures == 0) return;
  const std::lock_guard lock(mutex_);
  Entry& entry = Remember(endpoint, now);
  const Ejection state = endpoint->ejection();
  // What fails while it is ejected was sent there for want of anything better.
  if (picked < entry.changed || state == Ejection::kEjected) return;
  ++entry.no_answers;
  entry.until = now + kForgetAfter;
  if (state == Ejection::kNone && entry.no_answers < *limits.consecutive_connection_failures) {
    return;
  }
  Eject(entry, Cause::kNoAnswer, fault, limits, now);
}

void OutlierDetector::NoteServerError(const std::shared_ptr<datastore::Endpoint>& endpoint,
                                      const api::OutlierDetectionConfig& limits,
                                      const datastore::Pool& pool, base::Time picked,
                                      base::Time now) {
  if (*limits.consecutive_5xx == 0) return NoteAnswer(*endpoint, picked);
  const std::lock_guard lock(mutex_);
  Entry& entry = Remember(endpoint, now);
  const Ejection state = endpoint->ejection();
  if (picked < entry.changed) return;
  entry.no_answers = 0;
  if (state != Ejection::kNone && entry.cause == Cause::kNoAnswer) {
    // It answers: what it was ejected for is over.
    Close(entries_.find(endpoint->id()));
    Remember(endpoint, now).server_errors = 1;
    return;
  }
  if (state == Ejection::kEjected) return;
  ++entry.server_errors;
  entry.until = now + kForgetAfter;
  if (state == Ejection::kNone && (entry.server_errors < *limits.consecutive_5xx ||
                                   !MayEject(pool, *limits.max_ejection_percent))) {
    return;
  }
  Eject(entry, Cause::kServerError, "its answers are server errors (status 5xx)", limits, now);
}

void OutlierDetector::Eject(Entry& entry, Cause cause, const char* fault,
                            const api::OutlierDetectionConfig& limits, base::Time now) {
  const bool again = entry.time > base::Duration::zero();
  entry.time = again ? std::min<base::Duration>(2 * entry.time, *limits.max_ejection_time)
                     : *limits.base_ejection_time;
  entry.cause = cause;
  entry.no_answers = entry.server_errors = 0;
  entry.changed = now;
  entry.until = now + entry.time;
  entry.endpoint->Eject(fault);
  const datastore::EndpointInfo& info = entry.endpoint->info();
  const std::string message = fmt::format(
      "the gateway reports that {}; it is tried again in {:g} s{}", fault,
      std::chrono::duration<double>(entry.time).count(), again ? ", as the last try failed" : "");
  spdlog::log(again ? spdlog::level::info : spdlog::level::warn, "endpoint {} ({}) is ejected: {}",
              info.name, info.host_port, message);
  events_.Add({telemetry::events::kEjected, SubjectOf(*entry.endpoint), message, {}, {}});
}

void OutlierDetector::Close(std::unordered_map<uint32_t, Entry>::iterator entry) {
  datastore::Endpoint& endpoint = *entry->second.endpoint;
  if (endpoint.ejection() != Ejection::kNone) {
    endpoint.Readmit();
    spdlog::info("endpoint {} ({}) answers the gateway again", endpoint.info().name,
                 endpoint.info().host_port);
    events_.Add({telemetry::events::kReadmitted, SubjectOf(endpoint), "it answers again", {}, {}});
  }
  entries_.erase(entry);
  size_.store(entries_.size(), std::memory_order_relaxed);
}

void OutlierDetector::NoteAnswer(const datastore::Endpoint& endpoint, base::Time picked) {
  if (size() == 0) return;  // the usual case takes no lock
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(endpoint.id());
  if (found == entries_.end() || picked < found->second.changed) return;
  Close(found);
}

void OutlierDetector::Readmit(base::Time now) {
  const std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    if (entry.endpoint.use_count() == 1) {  // in no pool any more, and no request runs there
      it = entries_.erase(it);
      continue;
    }
    switch (entry.endpoint->ejection()) {
      case Ejection::kNone:
        if (entry.until <= now) {
          it = entries_.erase(it);
          continue;
        }
        break;
      case Ejection::kEjected:
        if (entry.until > now) break;
        entry.endpoint->OfferTrial();
        entry.changed = now;
        entry.until = base::Time::max();
        break;
      case Ejection::kTrialDue:
        break;
      case Ejection::kTrialRuns:
        if (entry.until == base::Time::max()) {
          entry.until = now + kTrialPatience;  // it has just begun
        } else if (entry.until <= now) {
          entry.endpoint->OfferTrial();
          entry.until = base::Time::max();
        }
        break;
    }
    ++it;
  }
  size_.store(entries_.size(), std::memory_order_relaxed);
}

}  // namespace inference::extproc
