#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/rng.h"
#include "scrape/fetch.h"
#include "scrape/scraper.h"

namespace inference::scrape {

/// The scraper's thread: epoll, the fetches, and the schedule. What isn't said to be
/// thread-safe belongs to that thread.
class Reactor {
 public:
  explicit Reactor(const Scraper::Options& options);
  ~Reactor();

  Status Start();
  void Stop();
  void SetTargets(std::vector<Target> targets);       // thread-safe
  std::string LastError(uint32_t endpoint_id) const;  // thread-safe
  const Stats& stats() const { return stats_; }

 private:
  struct Job;
  using Schedule = std::multimap<base::Time, Job*>;
  /// One endpoint's page.
  struct Job {
    Target target;
    std::unique_ptr<Fetch> fetch;  // null: it cannot be asked for; `fault` says why
    std::string fault;
    uint64_t mark = 0;   // Endpoint::ScrapeBegins
    base::Time planned;  // when it was due
    base::Time started;  // when it was sent
    int failures = 0;    // of ours, in a row
    bool told = false;   // that it is unreachable; requests may go well there all the same
    bool in_flight = false;
    Schedule::iterator timer;  // in deadlines_ when in flight, else in schedule_
  };

  void Run();
  /// Takes the mailbox. False: the end.
  bool TakeOrders();
  void Apply(std::vector<Target> targets);
  std::unique_ptr<Job> MakeJob(Target target);
  void Remove(Job& job);

  void StartDue(base::Time now);
  void Begin(Job& job, base::Time now);
  /// Fetches that have taken too long.
  void EndOverdue();
  void Continue(Job& job, Fetch::Progress progress);
  void ReadPage(Job& job, base::Time now);
  void Succeed(Job& job, base::Time now, uint32_t bad_series);
  void Fail(Job& job, Failure failure, const std::string& error);
  void Tell(const telemetry::EventKind& kind, const datastore::Endpoint& endpoint,
            std::string message) const;
  void WarnOfShortage(const std::string& error);
  void Reschedule(Job& job, base::Time now);
  /// From one of the two maps to the other, or to another place in the same.
  static void MoveTimer(Job& job, Schedule& from, Schedule& to, base::Time when);

  int WaitMillis() const;
  void Wait(int millis);
  void Wake();

  const Scraper::Options options_;
  Stats stats_;
  std::thread thread_;
  int epoll_ = -1, wake_ = -1;

  mutable std::mutex mutex_;
  std::optional<std::vector<Target>> orders_;         // guarded by mutex_
  bool stop_ = false;                                 // guarded by mutex_
  std::unordered_map<uint32_t, std::string> errors_;  // guarded by mutex_; by endpoint id

  base::Rng rng_;
  Fetch::Shared shared_;
  std::unordered_map<const datastore::Endpoint*, std::unique_ptr<Job>> jobs_;
  Schedule schedule_;   // by the injected clock
  Schedule deadlines_;  // of those in flight, by the real clock: servers know no other
  std::optional<base::Time> warned_of_shortage_;
};

}  // namespace inference::scrape
