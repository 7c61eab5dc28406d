#include "admin/endpoints.h"

#include <utility>

#include "admin/conversion.h"

namespace inference::admin {

Result<std::vector<store::EndpointKey>> ToKeys(
    const google::protobuf::RepeatedPtrField<v1::EndpointKey>& keys) {
  if (keys.empty()) return Status(Code::kInvalidArgument, "endpoints is empty");
  std::vector<store::EndpointKey> out;
  for (const v1::EndpointKey& key : keys) {
    out.push_back({key.namespace_(), key.name(), key.ip(), key.port()});
  }
  return out;
}

void FillKey(const store::EndpointKey& key, v1::EndpointKey* out) {
  out->set_namespace_(key.ns);
  out->set_name(key.name);
  out->set_ip(key.address);
  out->set_port(key.port);
}

Result<control::WeightCommand> ToCommand(const v1::SetWeightRequest& request,
                                         const std::string& peer) {
  auto endpoints = ToKeys(request.endpoints());
  if (!endpoints.ok()) return endpoints.status();
  if (request.weight_permille() < 1 ||
      request.weight_permille() > datastore::Endpoint::kFullWeight) {
    return Status(Code::kInvalidArgument, "weight_permille is 1 to 1000; without any share: Drain");
  }
  return control::WeightCommand{*std::move(endpoints), request.weight_permille(), peer,
                                request.reason(), request.dry_run()};
}

void FillAnswer(const control::WeightAnswer& answer, v1::SetWeightResponse* out) {
  out->set_generation(answer.generation);
  for (const control::WeightAnswer::Row& row : answer.rows) {
    v1::SetWeightResponse::Row* r = out->add_endpoints();
    FillKey(row.endpoint, r->mutable_endpoint());
    r->set_before_permille(row.before);
    r->set_after_permille(row.after);
  }
}

void FillEvent(const telemetry::Event& event, v1::Event* out) {
  out->set_id(event.id);
  *out->mutable_at() = ToTimestamp(event.at);
  out->set_kind(std::string(event.kind.name));
  out->set_warning(event.kind.warning);
  out->set_subject_kind(std::string(event.subject.kind));
  out->set_namespace_(event.subject.ns);
  out->set_name(event.subject.name);
  out->set_address(event.subject.address);
  out->set_message(SafeText(event.message));
  out->set_who(SafeText(event.who));
  out->set_reason(SafeText(event.reason));
}

}  // namespace inference::admin
