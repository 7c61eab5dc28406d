#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "admin/daemon_info.h"
#include "admin/server.h"
#include "base/clock.h"
#include "control/changes.h"
#include "control/control_view.h"
#include "picker/decision_record.h"
#include "picker/runtime.h"

namespace inference::tests {

/// A folder of its own under TMPDIR, gone with it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What control would show, built by hand: pool llm/qwen3 with gpu-1 to gpu-4, and the empty pool
/// llm/empty. gpu-1 idle, gpu-2 busy, gpu-3 unreachable, gpu-4 never scraped.
class FakeView final : public control::ControlView {
 public:
  explicit FakeView(base::Time now);

  const control::RuntimeHolder& runtime() const override { return *runtime_; }
  control::ConfigStatus config_status() const override;
  std::shared_ptr<const api::DaemonConfig> daemon_config() const override { return config_; }
  std::string ScrapeError(uint32_t endpoint_id) const override;
  std::shared_ptr<const control::DrainRows> drains() const override {
    const std::lock_guard lock(mutex_);
    return drains_;
  }
  void SetDrains(control::DrainRows rows) {
    const std::lock_guard lock(mutex_);
    drains_ = std::make_shared<const control::DrainRows>(std::move(rows));
  }

  const telemetry::EventLog& events() const override { return log; }

  telemetry::EventLog log;
  datastore::Endpoint& endpoint(const std::string& name) { return *endpoints_.at(name); }
  void SetStatus(control::ConfigStatus status);

 private:
  std::map<std::string, std::shared_ptr<datastore::Endpoint>> endpoints_;
  std::shared_ptr<api::DaemonConfig> config_;
  std::unique_ptr<control::RuntimeHolder> runtime_;
  mutable std::mutex mutex_;
  // guarded by mutex_
  std::shared_ptr<const control::DrainRows> drains_ = std::make_shared<control::DrainRows>();
  control::ConfigStatus status_;  // guarded by mutex_
};

/// Remembers what it was asked, answers what it was told. A test looks at both and changes them in
/// With() only: the server's threads do it at the same time.
class FakeActions final : public control::ControlActions {
 public:
  struct Book {
    control::ChangeRequest asked;
    control::ChangeResult answer;
    std::vector<control::ListedObject> objects;
    std::vector<store::Revision> history;
    std::vector<store::Operation> operations;
    control::DrainCommand drain_asked;
    control::UndrainCommand undrain_asked;
    control::DrainAnswer drain_answer;
    control::WeightCommand weight_asked;
    control::WeightAnswer weight_answer;
    control::ReloadRequest reload_asked;
    control::ReloadResult reload_answer;
    control::StopRequest stop_asked;
    control::StopAnswer stop_answer;
  };

  template <typename F>
  auto With(F f) {
    const std::lock_guard lock(mutex_);
    return f(book_);
  }
  control::ChangeResult Change(control::ChangeRequest request) override {
    return With([&](Book& b) { return b.asked = std::move(request), b.answer; });
  }
  std::vector<control::ListedObject> Objects() override {
    return With([](Book& b) { return b.objects; });
  }
  Result<std::vector<store::Revision>> History(int64_t) override {
    return With([](Book& b) { return b.history; });
  }
  Result<std::vector<store::ChangedObject>> ChangesOf(int64_t) override {
    return With([](Book& b) { return b.answer.objects; });
  }
  Result<std::vector<store::Operation>> Operations(int64_t) override {
    return With([](Book& b) { return b.operations; });
  }
  control::DrainAnswer Drain(control::DrainCommand command) override {
    return With([&](Book& b) { return b.drain_asked = std::move(command), b.drain_answer; });
  }
  control::DrainAnswer Undrain(control::UndrainCommand command) override {
    return With([&](Book& b) { return b.undrain_asked = std::move(command), b.drain_answer; });
  }
  control::WeightAnswer SetWeight(control::WeightCommand command) override {
    return With([&](Book& b) { return b.weight_asked = std::move(command), b.weight_answer; });
  }
  control::ReloadResult Reload(control::ReloadRequest request) override {
    return With([&](Book& b) { return b.reload_asked = std::move(request), b.reload_answer; });
  }
  control::StopAnswer RequestStop(control::StopRequest request) override {
    return With([&](Book& b) { return b.stop_asked = std::move(request), b.stop_answer; });
  }

 private:
  std::mutex mutex_;
  Book book_;  // guarded by mutex_
};

class FakeDecisions final : public picker::DecisionSource {
 public:
  std::optional<picker::DecisionRecord> FindDecision(std::string_view request_id) override;
  picker::PendingByEndpoint OldestPending(const std::vector<uint32_t>& endpoint_ids) override {
    const std::lock_guard lock(mutex_);
    asked_for_pending_.push_back(endpoint_ids);
    return pending_;
  }
  void Add(const picker::DecisionRecord& record);

  void SetPending(picker::PendingByEndpoint requests) {
    const std::lock_guard lock(mutex_);
    pending_ = std::move(requests);
  }
  std::vector<std::vector<uint32_t>> AskedForPending() {
    const std::lock_guard lock(mutex_);
    return asked_for_pending_;
  }

 private:
  std::mutex mutex_;
  std::vector<picker::DecisionRecord> records_;           // guarded by mutex_
  picker::PendingByEndpoint pending_;                     // guarded by mutex_
  std::vector<std::vector<uint32_t>> asked_for_pending_;  // guarded by mutex_
};

/// A record of a request that gpu-1 served, as the data plane would have written it.
picker::DecisionRecord ServedRecord(FakeView& view, const std::string& request_id);
picker::DecisionRecord RefusedRecord(const std::string& request_id);

/// All of it, served on a socket in a folder of its own.
class FakeDaemon {
 public:
  FakeDaemon();
  std::string address() const { return "unix://" + folder_.path() + "/admin.sock"; }
  std::string socket_path() const { return folder_.path() + "/admin.sock"; }
  const std::string& folder() const { return folder_.path(); }

 private:
  TempFolder folder_;

 public:
  FakeView view;
  FakeActions actions;
  FakeDecisions decisions;
  std::unique_ptr<admin::AdminServer> server;
};

}  // namespace inference::tests
