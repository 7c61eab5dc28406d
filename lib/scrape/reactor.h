#pragma once

#include <curl/curl.h>

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

/// The scraper's thread: epoll, one curl multi handle, and the schedule. What isn't said to be
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
    std::unique_ptr<Fetch> fetch;  // null: its URL is no good
    std::string body;              // while it is being fetched
    uint64_t mark = 0;             // Endpoint::ScrapeBegins
    base::Time planned;            // when it was due
    base::Time started;            // when it was sent
    int failures = 0;              // of ours, in a row
    bool in_flight = false;
    std::optional<Schedule::iterator> due;  // when not in flight
  };

  void Run();
  /// Takes the mailbox. False: the end.
  bool TakeOrders();
  void Apply(std::vector<Target> targets);
  std::unique_ptr<Job> MakeJob(Target target);
  void Remove(Job& job);

  void StartDue(base::Time now);
  void Begin(Job& job, base::Time now);
  void ReadDone();
  void Finish(Job& job, CURLcode code);
  void Succeed(Job& job, base::Time now, uint32_t bad_series);
  void Fail(Job& job, Failure failure, const std::string& error);
  void Reschedule(Job& job, base::Time now);
  void ReturnBody(std::string body);

  int WaitMillis(base::Time now) const;
  void Wait(int millis);
  void Wake();
  static int OnSocket(CURL* easy, curl_socket_t fd, int what, void* self, void* known);
  static int OnTimer(CURLM* multi, long millis, void* self);

  const Scraper::Options options_;
  Stats stats_;
  std::thread thread_;
  int epoll_ = -1, wake_ = -1;

  mutable std::mutex mutex_;
  std::optional<std::vector<Target>> orders_;         // guarded by mutex_
  bool stop_ = false;                                 // guarded by mutex_
  std::unordered_map<uint32_t, std::string> errors_;  // guarded by mutex_; by endpoint id

  CURLM* multi_ = nullptr;
  std::optional<base::Time> curl_due_;  // by the real clock: curl has its own
  base::Rng rng_;
  std::unordered_map<const datastore::Endpoint*, std::unique_ptr<Job>> jobs_;
  Schedule schedule_;
  std::vector<std::string> spare_bodies_;
};

}  // namespace inference::scrape
