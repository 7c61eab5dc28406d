#include "inferencectl/replicas.h"

#include <algorithm>

namespace inference::ctl {

std::optional<std::chrono::milliseconds> Replica::SilentFor() const {
  if (!silent_since_) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - *silent_since_);
}

Status Replica::NoteSilence(Status status) {
  if (!silent_since_) silent_since_ = Clock::now();
  return status;
}

std::vector<Replica> ReplicasOf(const Invocation& run) {
  std::vector<std::string> addresses;
  if (run.args.Given("server")) {
    addresses = run.args.List("server");
  } else {
    addresses = run.args.List("replicas");
  }
  if (addresses.empty()) addresses = {run.Server()};
  std::vector<Replica> out;
  std::vector<std::string> seen;
  for (const std::string& address : addresses) {
    if (std::find(seen.begin(), seen.end(), address) != seen.end()) continue;
    seen.push_back(address);
    run.Detail("daemon: " + address);
    out.emplace_back(address);
  }
  return out;
}

}  // namespace inference::ctl
