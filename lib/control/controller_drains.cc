#include <optional>
#include <utility>

#include "control/controller.h"

// Drains, asked from other threads.
namespace inference::control {
namespace {

DrainAnswer Stopping() {
  DrainAnswer answer;
  answer.status = Status(Code::kUnavailable, "inferenced is stopping");
  return answer;
}

}  // namespace

Status Controller::OpenLeases(const std::string& path) {
  Result<std::unique_ptr<store::LeaseStore>> opened = store::LeaseStore::Open(path);
  if (!opened.ok()) return opened.status();
  leases_ = *std::move(opened);
  return drains_.Load(*leases_);
}

DrainAnswer Controller::Drain(DrainCommand command) {
  auto answer = Ask<DrainAnswer>([this, &command] { return drains_.Drain(command); });
  return answer ? *std::move(answer) : Stopping();
}

DrainAnswer Controller::Undrain(UndrainCommand command) {
  auto answer = Ask<DrainAnswer>([this, &command] { return drains_.Undrain(command); });
  return answer ? *std::move(answer) : Stopping();
}

Result<std::vector<store::Operation>> Controller::Operations(int64_t limit) {
  if (!leases_) return MayChange({});
  return leases_->Operations(limit);
}

}  // namespace inference::control
