#include "inferencectl/changes/wait.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "inferencectl/changes/kinds.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"

namespace inference::ctl {
namespace {

using admin::v1::ObjectChange;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenLooks(100);
constexpr std::chrono::seconds kBetweenWords(10);

/// The pools that the change can have touched: its own, and those beside its endpoint sets.
struct Touched {
  std::set<std::string> pools, namespaces;

  bool Has(const std::string& pool) const {
    return pools.contains(pool) || namespaces.contains(pool.substr(0, pool.find('/')));
  }
};

Touched TouchedBy(const admin::v1::ChangeResponse& change) {
  Touched out;
  for (const ObjectChange& object : change.objects()) {
    const auto& key = object.key();
    if (key.kind() == "EndpointSet") {
      out.namespaces.insert(key.namespace_());
    } else if (key.kind() == "InferencePool" && object.has_after()) {
      out.pools.insert(key.namespace_() + "/" + key.name());
    }
  }
  return out;
}

std::string Text(const admin::v1::Endpoint& endpoint) {
  const char* state = endpoint.state() == admin::v1::Endpoint::UNREACHABLE ? "unreachable"
                      : endpoint.state() == admin::v1::Endpoint::ASLEEP    ? "asleep"
                                                                           : "not scraped yet";
  std::string out =
      fmt::format("endpoint {} of {} is {}", endpoint.name(), endpoint.pool(),
                  endpoint.ejection_note().empty() ? state : endpoint.ejection_note());
  if (!endpoint.scrape_error().empty()) out += ": " + endpoint.scrape_error();
  return SafeForTerminal(out);
}

/// What is still missing; empty when nothing is.
Result<std::string> Missing(admin::AdminClient& client, const admin::v1::ChangeResponse& change,
                            const Touched& touched) {
  const auto status = client.GetStatus();
  if (!status) return status.status();
  if (status->config().applied_generation() < change.applied_generation()) {
    return fmt::format("applied generation {} waits for the first answer about its DNS names",
                       change.applied_generation());
  }
  const auto endpoints = client.ListEndpoints({});
  if (!endpoints) return endpoints.status();
  std::set<std::string> without = touched.pools;
  for (const admin::v1::Endpoint& endpoint : endpoints->endpoints()) {
    if (!touched.Has(endpoint.pool())) continue;
    without.erase(endpoint.pool());
    // Who drains an endpoint has said that it isn't to be ready.
    const bool wanted =
        endpoint.leases().empty() && endpoint.state() != admin::v1::Endpoint::WARMING;
    if (wanted && endpoint.state() != admin::v1::Endpoint::READY) return Text(endpoint);
  }
  if (without.empty()) return std::string();
  return SafeForTerminal("pool " + *without.begin() + " has no endpoint");
}

}  // namespace

Answer WaitUntilServing(const Invocation& run, admin::AdminClient& client,
                        const admin::v1::ChangeResponse& change) {
  const Touched touched = TouchedBy(change);
  const auto begin = Clock::now();
  const auto end = begin + run.args.Duration("timeout");
  auto next_word = begin + kBetweenWords;
  std::mutex mutex;
  std::condition_variable interrupted;
  bool stop = false;
  const Interrupt interrupt([&] {
    const std::lock_guard lock(mutex);
    stop = true;
    interrupted.notify_all();
  });
  while (true) {
    const auto missing = Missing(client, change, touched);
    if (!missing) return missing.status();
    const auto now = Clock::now();
    if (missing->empty()) {
      run.Remark(fmt::format(
          "all endpoints ready after {}",
          HumanMillis(std::chrono::duration_cast<std::chrono::milliseconds>(now - begin).count())));
      return ExitCode::kOk;
    }
    if (now >= end) {
      return Status(Code::kDeadlineExceeded,
                    "the change is in the store, but after --timeout " + *missing);
    }
    if (now >= next_word) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - now).count();
      run.Remark(fmt::format("waiting: {}; {} left", *missing, HumanMillis(left)));
      next_word = now + kBetweenWords;
    }
    std::unique_lock lock(mutex);
    interrupted.wait_for(lock, kBetweenLooks, [&] { return stop; });
    if (stop) {
      run.world.err << "inferencectl: detached; the change stays. Look again: inferencectl get "
                       "endpoints\n";
      return static_cast<ExitCode>(128 + interrupt.signal());
    }
  }
}

}  // namespace inference::ctl
