#include "extproc/upstream_health.h"

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

void UpstreamHealth::NoteFailure(const std::shared_ptr<datastore::Endpoint>& endpoint,
                                 const char* fault, base::Time picked, base::Time now) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[endpoint->id()];
  if (!entry.endpoint) {
    entry.endpoint = endpoint;
    size_.store(entries_.size(), std::memory_order_relaxed);
  }
  // What fails now was sent before it was shunned, or for want of anything better.
  if (entry.shunned || picked < entry.changed) return;
  entry.until = now + kForgetAfter;
  const bool tried_again = entry.pause > base::Duration::zero();
  if (++entry.failures < datastore::Endpoint::kFailuresToUnreachable && !tried_again) return;
  entry.pause = tried_again ? std::min(2 * entry.pause, kLongestPause) : kFirstPause;
  entry.shunned = true;
  entry.changed = now;
  entry.until = now + entry.pause;
  endpoint->Shun(fault);
  if (!tried_again) {
    spdlog::warn("endpoint {} ({}) is unreachable: the gateway reports that {}",
                 endpoint->info().name, endpoint->info().host_port, fault);
  }
}

void UpstreamHealth::NoteResponse(const datastore::Endpoint& endpoint, base::Time picked) {
  if (size() == 0) return;
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(endpoint.id());
  if (found == entries_.end() || picked < found->second.changed) return;
  found->second.endpoint->EndShun();
  if (found->second.pause > base::Duration::zero()) {
    spdlog::info("endpoint {} ({}) answers the gateway again", endpoint.info().name,
                 endpoint.info().host_port);
  }
  entries_.erase(found);
  size_.store(entries_.size(), std::memory_order_relaxed);
}

void UpstreamHealth::Readmit(base::Time now) {
  std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    if (entry.until > now) {
      ++it;
    } else if (entry.shunned) {
      entry.endpoint->EndShun();
      entry.shunned = false;
      entry.changed = now;
      entry.until = now + kForgetAfter;
      ++it;
    } else {
      it = entries_.erase(it);
    }
  }
  size_.store(entries_.size(), std::memory_order_relaxed);
}

}  // namespace inference::extproc
