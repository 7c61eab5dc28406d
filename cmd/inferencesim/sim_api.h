#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inferencesim/instance.h"

namespace inference::sim {

/// The paths under /sim/: state of and faults at instances. Every instance serves them, whatever
/// its faults; so does the control port. Lives on the event loop's thread.
///
/// GET /sim/state, GET /sim/faults, POST /sim/faults, DELETE /sim/faults; the query parameter
/// `instance` names another instance, or `*` for all. The control port means all by default.
class SimApi final : public SimHandler {
 public:
  explicit SimApi(const std::vector<std::unique_ptr<Instance>>& instances)
      : instances_(instances) {}

  /// `self` is null on the control port.
  void Handle(Call* call, Instance* self) override;

 private:
  bool Select(Call* call, Instance* self, std::vector<Instance*>* selected, bool* all) const;

  const std::vector<std::unique_ptr<Instance>>& instances_;
};

}  // namespace inference::sim
