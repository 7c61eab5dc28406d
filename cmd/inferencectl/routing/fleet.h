#pragma once

#include <memory>
#include <string>

#include "api/diagnostic.h"
#include "base/clock.h"
#include "base/rng.h"
#include "control/runtime_builder.h"
#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"
#include "inferencectl/routing/scenario.h"
#include "picker/runtime.h"

namespace inference::ctl::routing {

/// What a scenario's daemon would run with.
Result<control::Inputs> ReadInputs(const Scenario& scenario, api::Diagnostics& findings);

/// The pools of a daemon whose servers report what a test says, with a clock of its own. Requests
/// are picked by the code that serves them. Not thread-safe.
class Fleet {
 public:
  /// An error when the configuration can't run, or a server is named that isn't there.
  static Result<Fleet> Make(const control::Inputs& inputs, const std::vector<ServerState>& servers,
                            uint64_t seed);

  /// Where one request goes, with all scores. In flight until EndAll().
  Result<admin::v1::PickResponse> Send(const admin::v1::PickRequest& request);
  /// All requests have ended, and every server has reported again.
  void EndAll();

 private:
  Fleet(std::shared_ptr<const picker::Runtime> runtime,
        std::shared_ptr<const api::DaemonConfig> config, std::vector<ServerState> servers,
        uint64_t seed);
  void Report();
  admin::v1::PickRequest WithNewPrompt(admin::v1::PickRequest request);

  std::shared_ptr<const picker::Runtime> runtime_;
  std::shared_ptr<const api::DaemonConfig> config_;
  std::vector<ServerState> servers_;
  base::Rng rng_;
  base::Time now_;
  std::vector<datastore::Reservation> in_flight_;
  uint32_t prompts_ = 0;
};

}  // namespace inference::ctl::routing
