#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "datastore/endpoint.h"
#include "metrics/name_map.h"
#include "scrape/stats.h"
#include "telemetry/event_log.h"

namespace inference::scrape {

/// A metrics page to be fetched again and again. None of the pointers is null.
struct Target {
  std::shared_ptr<datastore::Endpoint> endpoint;
  api::ScrapeConfig config;
  std::shared_ptr<const metrics::NameMap> map;
};

class Reactor;

/// Fetches the metrics pages of all targets on one thread of its own and writes them into the
/// endpoints. A page that is refused, late, not 200, too large or without a known metric counts as
/// a failure of the endpoint (Endpoint::RecordFailure, `page_errors`); an applied page as a
/// success. An endpoint that keeps failing is probed less often (pace.h) until it answers.
class Scraper {
 public:
  struct Options {
    const base::Clock* clock = &base::Clock::Real();
    uint64_t seed = 0;  // of jitter and start phases; 0: a random one
    size_t max_page_bytes = size_t{8} << 20;
    /// Told of endpoints that can't be scraped any more, and can again. Never null.
    std::shared_ptr<telemetry::EventLog> events = std::make_shared<telemetry::EventLog>();
  };

  explicit Scraper(Options options);
  /// Stops.
  ~Scraper();
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  /// Starts the thread; call once. Fails when the system refuses it what it needs.
  Status Start();
  /// Ends what is under way, without counting it as failed, and joins the thread. Then nothing is
  /// written to any endpoint. May be called again; not after that Start().
  void Stop();

  /// Scrapes these from now on. A target whose endpoint object and settings are the same as before
  /// keeps its connection and its schedule; the first fetch of a new one is within its interval. Of
  /// two targets with one endpoint the first counts. Thread-safe, returns at once.
  void SetTargets(std::vector<Target> targets);

  /// Why the last scrape of an endpoint (Endpoint::id) failed, at most 300 bytes of printable text;
  /// empty when it didn't. Thread-safe.
  std::string LastError(uint32_t endpoint_id) const;

  /// Thread-safe to read; lives as long as the scraper.
  const Stats& stats() const;

 private:
  std::unique_ptr<Reactor> reactor_;
};

}  // namespace inference::scrape
