#include "admin/changes.h"

#include <utility>

#include "admin/conversion.h"

namespace inference::admin {
namespace {

store::ObjectKey FromKey(const v1::ObjectKey& key) {
  return {key.group(), key.kind(), key.namespace_(), key.name()};
}

void FillKey(const store::ObjectKey& key, v1::ObjectKey* out) {
  out->set_group(SafeText(key.group));
  out->set_kind(SafeText(key.kind));
  out->set_namespace_(SafeText(key.ns));
  out->set_name(SafeText(key.name));
}

void FillObjectChange(const store::ChangedObject& object, v1::ObjectChange* out) {
  FillKey(object.key, out->mutable_key());
  if (object.before) out->set_before(*object.before);
  if (object.after) out->set_after(*object.after);
  out->set_what(object.before == object.after ? v1::ObjectChange::UNCHANGED
                : !object.before              ? v1::ObjectChange::CREATED
                : !object.after               ? v1::ObjectChange::DELETED
                                              : v1::ObjectChange::CHANGED);
}

}  // namespace

control::ChangeRequest ToRequest(const v1::ChangeRequest& request, std::string who) {
  control::ChangeRequest out;
  for (const v1::ManifestText& manifest : request.manifests()) {
    out.manifests.push_back({manifest.file(), manifest.text()});
  }
  for (const v1::ObjectKey& key : request.deletions()) out.deletions.push_back(FromKey(key));
  out.ignore_missing = request.ignore_missing();
  if (request.has_prune()) {
    const auto& labels = request.prune().match_labels();
    out.prune.emplace(labels.begin(), labels.end());
  }
  if (request.has_rollback_to()) out.rollback_to = request.rollback_to();
  if (request.has_expected_applied_generation()) {
    out.expected = request.expected_applied_generation();
  }
  out.dry_run = request.dry_run();
  out.author = {std::move(who), request.verb(), request.reason()};
  return out;
}

Status FillChange(const control::ChangeResult& result, v1::ChangeResponse* out) {
  switch (result.status.code()) {
    case Code::kOk:
      break;
    case Code::kInvalidArgument:
      out->set_refusal(v1::ChangeResponse::INVALID);
      break;
    case Code::kFailedPrecondition:
      out->set_refusal(v1::ChangeResponse::GUARDED);
      break;
    case Code::kNotFound:
      out->set_refusal(v1::ChangeResponse::NOT_FOUND);
      break;
    default:
      return result.status;
  }
  out->set_message(SafeText(result.status.message()));
  for (const api::Diagnostic& d : result.findings) FillDiagnostic(d, out->add_findings());
  for (const store::ChangedObject& object : result.objects) {
    FillObjectChange(object, out->add_objects());
  }
  out->set_applied_generation(result.applied_generation);
  out->set_generation(result.generation);
  out->set_in_force(result.in_force);
  return Status::Ok();
}

Status FillReload(const control::ReloadResult& result, v1::ReloadResponse* out) {
  if (!result.status.ok() && result.status.code() != Code::kInvalidArgument) return result.status;
  out->set_refused(!result.status.ok());
  out->set_message(SafeText(result.status.message()));
  for (const api::Diagnostic& d : result.findings) FillDiagnostic(d, out->add_findings());
  for (const store::ChangedObject& object : result.objects) {
    FillObjectChange(object, out->add_objects());
  }
  const auto fill = [](const control::ReloadResult::Size& size, v1::ReloadResponse::Size* to) {
    to->set_generation(size.generation);
    to->set_pools(static_cast<int>(size.pools));
    to->set_endpoints(static_cast<int>(size.endpoints));
  };
  fill(result.before, out->mutable_before());
  fill(result.now, out->mutable_now());
  return Status::Ok();
}

Status FillStop(const control::StopAnswer& answer, v1::StopResponse* out) {
  if (!answer.status.ok() && answer.status.code() != Code::kFailedPrecondition) {
    return answer.status;
  }
  out->set_refused(!answer.status.ok());
  out->set_message(SafeText(answer.status.message()));
  for (const control::StopAnswer::Exposed& one : answer.exposed) {
    v1::StopResponse::Exposed* exposed = out->add_exposed();
    exposed->set_pool(one.pool);
    exposed->set_endpoint(one.endpoint);
    for (const std::string& owner : one.owners) exposed->add_owners(SafeText(owner));
  }
  return Status::Ok();
}

void FillObject(const control::ListedObject& object, v1::Object* out) {
  FillKey(object.key, out->mutable_key());
  out->set_text(object.text);
  for (const auto& [key, value] : object.labels) {
    (*out->mutable_labels())[SafeText(key)] = SafeText(value);
  }
  out->set_applied_generation(object.applied_generation);
  if (object.applied) return;
  if (object.origin.known()) out->set_file(SafeText(*object.origin.file));
  out->set_line(object.origin.line);
  out->set_column(object.origin.column);
}

void FillRevision(const store::Revision& revision, v1::Revision* out) {
  out->set_generation(revision.generation);
  *out->mutable_at() = ToTimestamp(revision.at);
  out->set_who(SafeText(revision.author.who));
  out->set_verb(SafeText(revision.author.verb));
  out->set_reason(SafeText(revision.author.reason));
  for (const store::Revision::Item& item : revision.items) {
    using What = store::Revision::Item::What;
    v1::ObjectChange* change = out->add_objects();
    FillKey(item.key, change->mutable_key());
    change->set_what(item.what == What::kCreated   ? v1::ObjectChange::CREATED
                     : item.what == What::kDeleted ? v1::ObjectChange::DELETED
                                                   : v1::ObjectChange::CHANGED);
  }
}

void FillTexts(const std::vector<store::ChangedObject>& objects, v1::Revision* out) {
  out->clear_objects();
  for (const store::ChangedObject& object : objects) {
    FillObjectChange(object, out->add_objects());
  }
}

}  // namespace inference::admin
