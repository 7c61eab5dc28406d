#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "base/clock.h"
#include "control/applied_state.h"
#include "control/changes.h"
#include "control/config_loader.h"
#include "control/control_view.h"
#include "control/drain/drains.h"
#include "control/runtime_builder.h"
#include "control/weights/endpoint_weights.h"
#include "inference/result.h"
#include "picker/runtime.h"
#include "scrape/scraper.h"
#include "sources/dns_resolver.h"
#include "sources/manifest_watch.h"
#include "sources/source.h"

namespace inference::control {

/// The one writer. Takes the sources' events on its own thread, builds the next Runtime from the
/// resulting whole, publishes it or keeps the old one and says why.
class Controller final : public ControlView, public ControlActions, public sources::Sink {
 public:
  struct Options {
    std::string config_path;
    const base::Clock* clock = &base::Clock::Real();
    /// How long a change waits for the first answer about its new DNS names.
    base::Duration dns_wait = std::chrono::seconds(2);
    sources::DnsResolver::Options dns{};
    /// Does a daemon of the same configuration run until this one is ready?
    bool take_over = false;
    /// Between two looks whether that one has let go of the state file.
    base::Duration state_retry = std::chrono::seconds(1);
    /// Told when a reload that was asked for begins and (false) when it is over. On any thread.
    std::function<void(bool begins)> on_reload = [](bool) {};
    /// Ends the process as SIGTERM does. On the control thread.
    std::function<void()> on_stop = [] {};
    /// What happens to endpoints and the configuration is told there. Never null.
    std::shared_ptr<telemetry::EventLog> events = std::make_shared<telemetry::EventLog>();
  };

  explicit Controller(Options options);
  ~Controller() override;

  /// Loads everything once; on success publishes the first Runtime and starts the watch, the
  /// resolver and the scraper. Call once.
  Status Start();
  void Stop();
  /// Reads everything again, as if every file had changed. Returns at once; `done` is called on
  /// the control thread, or never when that ends before.
  void BeginReload(ReloadRequest request, std::function<void(ReloadResult)> done);
  /// Runs `work` on the control thread, soon; drops it when that is stopping. Thread-safe.
  void Post(std::function<void()> work);

  const RuntimeHolder& runtime() const override { return runtime_; }
  ConfigStatus config_status() const override;
  std::shared_ptr<const api::DaemonConfig> daemon_config() const override;
  std::string ScrapeError(uint32_t endpoint_id) const override;
  std::shared_ptr<const DrainRows> drains() const override { return drains_.rows(); }
  const telemetry::EventLog& events() const override { return *options_.events; }
  /// Seconds that drains took.
  const telemetry::Histogram& drain_seconds() const { return drains_.seconds(); }
  const scrape::Scraper& scraper() const { return *scraper_; }

  ChangeResult Change(ChangeRequest request) override;
  std::vector<ListedObject> Objects() override;
  Result<std::vector<store::Revision>> History(int64_t limit) override;
  Result<std::vector<store::ChangedObject>> ChangesOf(int64_t generation) override;
  Result<std::vector<store::Operation>> Operations(int64_t limit) override;
  DrainAnswer Drain(DrainCommand command) override;
  DrainAnswer Undrain(UndrainCommand command) override;
  WeightAnswer SetWeight(WeightCommand command) override;
  ReloadResult Reload(ReloadRequest request) override;
  StopAnswer RequestStop(StopRequest request) override;

 private:
  void OnManifests(manifest::ManifestSet set, api::Diagnostics diagnostics) override;
  void OnDns(std::map<std::string, std::vector<std::string>> addresses,
             std::map<std::string, std::string> errors) override;

  /// A change that is good and waits for the first answer about its DNS names.
  struct Held {
    Inputs inputs;
    api::Diagnostics diagnostics;
    base::Time until;
  };

  /// A reload that was asked for.
  struct PendingReload {
    ReloadRequest request;
    std::function<void(ReloadResult)> done;
    ReloadResult::Size before;
    std::vector<manifest::ObjectText> objects;  // of files, before
  };

  void Run();
  /// What is due when nobody has posted anything; `wake`: the next time that something is.
  void OnTimer();
  base::Time WakeAt() const;

  // controller_reload.cc
  ReloadResult::Size SizeNow() const;
  /// The reloads whose files were read, unless their change still waits for DNS names.
  void AnswerReloads();
  ReloadResult ResultOf(const PendingReload& reload) const;
  void Remember(const PendingReload& reload, const ReloadResult& result);
  /// A line of the history about the daemon itself, when a history is kept.
  void KeepOperation(const store::Author& author, std::string subject, std::string before,
                     std::string after);

  // controller_stop.cc
  StopAnswer MakeStop(const StopRequest& request);
  std::vector<StopAnswer::Exposed> ExposedByStop() const;

  void NoteChange(const ChangeRequest& request, const ChangeResult& result);

  // controller_changes.cc
  /// False, with `findings`, when the daemon can't start with what is in the state file.
  bool OpenState(api::Diagnostics& findings);
  /// Opens what is kept of endpoints beside the applied state.
  Status OpenEndpointStore(const std::string& path);
  Status LoadEndpointStore();
  void SetOwner(bool owner);
  /// Becomes the writer once the predecessor is gone.
  void TryToOwnState();
  ChangeResult MakeChange(ChangeRequest& request);
  Status MayChange(const ChangeRequest& request) const;
  Status AddRollback(ChangeRequest& request) const;
  /// Takes the applied state as it is now into the running one.
  void OfferApplied();
  /// Runs `work` on the control thread and waits; empty when the controller is stopping.
  template <typename T>
  std::optional<T> Ask(std::function<T()> work);

  /// Installs what was read from the files, holds it, or rejects it.
  void Offer(Inputs inputs, api::Diagnostics diagnostics);
  void Apply(Inputs inputs, api::Diagnostics diagnostics);
  /// Installs what is held when nothing is to be waited for any more: then true.
  bool ReleaseHeld();
  /// Until when to wait for an answer about a name of `inputs`; the past when there is none.
  base::Time AwaitUntil(const Inputs& inputs);
  void ShowHeld();
  /// Tells the resolver which names the running state and a held change have.
  void AskForNames();
  /// Builds from `inputs`; publishes and remembers them on success.
  bool Install(Inputs inputs, api::Diagnostics& diagnostics);
  /// One finding for each running endpoint whose DNS name has no answer, or does not resolve now.
  api::Diagnostics UnresolvedNames() const;
  void Reject(api::Diagnostics diagnostics);
  /// Could the files not be read for want of descriptors? Then they are read again later: that says
  /// nothing about what is in them.
  bool MustTryAgain(const api::Diagnostics& diagnostics) const;
  /// Gives the first `count` findings about unreadable `manifests:` entries the entry's place.
  void PlaceUnreadable(const api::DaemonConfig& daemon, size_t count,
                       api::Diagnostics& diagnostics) const;
  /// Reads the daemon's and the picker's configuration files again into `inputs`.
  void ReadConfigFiles(Inputs& inputs, api::Diagnostics& diagnostics) const;
  void ForgetRemoved(const picker::Runtime& before, const picker::Runtime& now);

  const Options options_;
  RuntimeHolder runtime_;

  // Constant after Start().
  std::unique_ptr<LoadedConfig> config_;
  std::unique_ptr<scrape::Scraper> scraper_;
  std::unique_ptr<sources::ManifestWatch> watch_;
  std::unique_ptr<sources::DnsResolver> resolver_;

  // The control thread's own.
  RuntimeBuilder builder_;
  Inputs inputs_;                                  // of the running state
  std::map<std::string, std::string> dns_errors_;  // by name
  std::map<std::string, base::Time> asked_;        // names without any answer yet; since when
  std::optional<Held> held_;
  api::Diagnostics file_findings_;  // of the files that `inputs_` has, each file by itself
  bool files_refused_ = false;      // the files were read again since, and refused
  bool files_busy_ = false;         // they could not be read for want of descriptors
  std::vector<std::shared_ptr<PendingReload>> reloads_;  // read, not answered

  // Null when nothing is kept; then the reason. Constant after Start(), what it holds is the
  // control thread's, but for the store.
  std::unique_ptr<AppliedState> applied_;
  std::string no_state_;
  std::unique_ptr<store::EndpointStore> endpoint_store_;  // null when applied_ is
  Drains drains_;  // the control thread's, but for what it says
  EndpointWeights weights_;
  base::Time state_retry_at_{};

  mutable std::mutex status_mutex_;
  std::condition_variable first_attempt_;
  ConfigStatus status_;                              // guarded by status_mutex_; of the files
  api::Diagnostics dns_findings_;                    // guarded by status_mutex_
  std::shared_ptr<const api::DaemonConfig> daemon_;  // guarded by status_mutex_

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<std::function<void()>> queue_;  // guarded by queue_mutex_
  bool stopping_ = false;                    // guarded by queue_mutex_
  std::thread thread_;
};

template <typename T>
std::optional<T> Controller::Ask(std::function<T()> work) {
  auto task = std::make_shared<std::packaged_task<T()>>(std::move(work));
  std::future<T> answer = task->get_future();
  Post([task] { (*task)(); });
  task.reset();  // the queue's is the last one: gone unasked, it breaks the promise
  try {
    return answer.get();
  } catch (const std::future_error&) {
    return std::nullopt;
  }
}

}  // namespace inference::control
