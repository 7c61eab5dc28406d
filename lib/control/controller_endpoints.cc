#include <optional>
#include <utility>

#include "control/controller.h"

// Drains and weights, asked from other threads.
namespace inference::control {
namespace {

template <typename T>
T Stopping() {
  T answer;
  answer.status = Status(Code::kUnavailable, "inferenced is stopping");
  return answer;
}

}  // namespace

Status Controller::OpenEndpointStore(const std::string& path) {
  Result<std::unique_ptr<store::EndpointStore>> opened = store::EndpointStore::Open(path);
  if (!opened.ok()) return opened.status();
  endpoint_store_ = *std::move(opened);
  return LoadEndpointStore();
}

Status Controller::LoadEndpointStore() {
  if (Status read = drains_.Load(*endpoint_store_); !read.ok()) return read;
  return weights_.Load(*endpoint_store_);
}

void Controller::SetOwner(bool owner) {
  drains_.SetOwner(owner);
  weights_.SetOwner(owner);
}

DrainAnswer Controller::Drain(DrainCommand command) {
  auto answer = Ask<DrainAnswer>([this, &command] { return drains_.Drain(command); });
  return answer ? *std::move(answer) : Stopping<DrainAnswer>();
}

DrainAnswer Controller::Undrain(UndrainCommand command) {
  auto answer = Ask<DrainAnswer>([this, &command] { return drains_.Undrain(command); });
  return answer ? *std::move(answer) : Stopping<DrainAnswer>();
}

WeightAnswer Controller::SetWeight(WeightCommand command) {
  auto answer = Ask<WeightAnswer>([this, &command] { return weights_.Set(command); });
  return answer ? *std::move(answer) : Stopping<WeightAnswer>();
}

Result<std::vector<store::Operation>> Controller::Operations(int64_t limit) {
  if (!endpoint_store_) return MayChange({});
  return endpoint_store_->Operations(limit);
}

}  // namespace inference::control
