#include "control/endpoint_commands.h"

namespace inference::control {

store::EndpointKey KeyOf(const datastore::Endpoint& endpoint) {
  const datastore::EndpointInfo& info = endpoint.info();
  return {info.ns, info.name, info.address, info.port};
}

std::string SubjectText(const store::EndpointKey& key) {
  return "endpoint " + key.ToString();
}

telemetry::EventSubject SubjectOf(const store::EndpointKey& key) {
  return {"endpoint", key.ns, key.name, datastore::JoinHostPort(key.address, key.port)};
}

Status MayKeep(const store::EndpointStore* store, bool owner) {
  if (store == nullptr) {
    return {Code::kFailedPrecondition,
            "this daemon keeps nothing on a disk, so this would be lost with it; set stateFile"};
  }
  if (!owner) {
    return {Code::kUnavailable,
            "the daemon before this one still has the state file; try again when it has ended"};
  }
  return Status::Ok();
}

}  // namespace inference::control
