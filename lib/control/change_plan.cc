#include "control/change_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "api/codes.h"

namespace inference::control {
namespace {

using manifest::ManifestSet;
using manifest::ObjectText;
using store::ObjectKey;
using ByKey = std::map<ObjectKey, const ObjectText*>;

ByKey Index(const ManifestSet& set) {
  ByKey out;
  for (const ObjectText& object : set.objects) out.emplace(KeyOf(object), &object);
  return out;
}

void Refuse(api::Diagnostics& findings, std::string_view code, const api::Origin& at,
            std::string message, std::string note) {
  findings.push_back(
      {api::Severity::kError, std::string(code), at, std::move(message), std::move(note)});
}

bool HasLabels(const api::Labels& labels, const api::Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

// The objects of `set` that are not in `touched`.
ManifestSet Without(const ManifestSet& set, const std::set<ObjectKey>& touched) {
  std::set<std::pair<std::string_view, std::string>> gone;  // kind, "namespace/name"
  for (const ObjectKey& key : touched) gone.emplace(key.kind, key.ns + "/" + key.name);
  const auto drop = [&](auto& objects, const auto& kind_of) {
    std::erase_if(objects, [&](const auto& object) {
      return gone.contains({kind_of(object), object.meta.key()});
    });
  };
  ManifestSet out = set;
  drop(out.pools, [](const auto&) { return std::string_view("InferencePool"); });
  drop(out.endpoint_sets, [](const auto&) { return std::string_view("EndpointSet"); });
  drop(out.rewrites, [](const auto& rewrite) { return std::string_view(rewrite.kind); });
  drop(out.objectives, [](const auto&) { return std::string_view("InferenceObjective"); });
  drop(out.routes, [](const auto&) { return std::string_view("HTTPRoute"); });
  std::erase_if(out.objects,
                [&](const ObjectText& object) { return touched.contains(KeyOf(object)); });
  return out;
}

// One request against the present objects.
class Planner {
 public:
  Planner(const ManifestSet& applied, const ManifestSet& files, api::Diagnostics& findings)
      : applied_(Index(applied)), files_(Index(files)), findings_(findings) {}

  void Set(const ObjectText& object) {
    const ObjectKey key = KeyOf(object);
    if (OwnedByFile(key, object.origin)) return;
    const auto [it, inserted] = given_.emplace(key, &object);
    if (!inserted) {
      Refuse(findings_, api::codes::kDuplicateObject, object.origin,
             key.ToString() + " is given twice",
             "the first one is at " + it->second->origin.ToString());
      return;
    }
    Add(key, object.text);
  }

  void Delete(const ObjectKey& wanted) {
    for (const auto& [key, object] : applied_) {
      if (Names(wanted, key)) return Add(key, std::nullopt);
    }
    for (const auto& [key, object] : files_) {
      if (Names(wanted, key)) {
        OwnedByFile(key, {});
        return;
      }
    }
    missing_ += (missing_.empty() ? "" : ", ") + wanted.ToString();
  }

  void Prune(const api::Labels& labels) {
    for (const auto& [key, object] : applied_) {
      if (!given_.contains(key) && HasLabels(object->labels, labels)) Add(key, std::nullopt);
    }
  }

  bool owned() const { return owned_; }
  const std::string& missing() const { return missing_; }
  std::map<ObjectKey, store::ChangedObject>& changes() { return changes_; }

 private:
  static bool Names(const ObjectKey& wanted, const ObjectKey& key) {
    return wanted.kind == key.kind && wanted.ns == key.ns && wanted.name == key.name &&
           (wanted.group.empty() || wanted.group == key.group);
  }

  bool OwnedByFile(const ObjectKey& key, const api::Origin& at) {
    const auto file = files_.find(key);
    if (file == files_.end()) return false;
    Refuse(findings_, api::codes::kOwnedByFile, at,
           key.ToString() + " is defined in " + file->second->origin.ToString(),
           "change it there, or take it out of that file first");
    owned_ = true;
    return true;
  }

  void Add(const ObjectKey& key, std::optional<std::string> after) {
    store::ChangedObject& change = changes_[key];
    change.key = key;
    const auto before = applied_.find(key);
    if (before != applied_.end()) change.before = before->second->text;
    change.after = std::move(after);
  }

  const ByKey applied_, files_;
  api::Diagnostics& findings_;
  ByKey given_;
  std::map<ObjectKey, store::ChangedObject> changes_;
  std::string missing_;
  bool owned_ = false;
};

}  // namespace

ObjectKey KeyOf(const ObjectText& object) {
  return {object.group, object.kind, object.ns, object.name};
}

void ReadApplied(const ObjectKey& key, const std::string& text, ManifestSet& out,
                 api::Diagnostics& findings) {
  manifest::ReadManifests("applied " + key.ToString(), text, out, findings);
}

std::vector<store::Change> ChangePlan::Changes() const {
  std::vector<store::Change> out;
  for (const store::ChangedObject& object : objects) {
    if (object.before != object.after) out.push_back({object.key, object.after});
  }
  return out;
}

Result<ChangePlan> MakePlan(const ChangeRequest& request, const ManifestSet& applied,
                            const ManifestSet& files, api::Diagnostics& findings) {
  ManifestSet given;
  for (const ChangeRequest::Manifest& manifest : request.manifests) {
    manifest::ReadManifests(manifest.file, manifest.text, given, findings);
  }
  if (api::HasErrors(findings)) {
    return Status(Code::kInvalidArgument, "the manifests have errors; nothing was changed");
  }
  if (given.objects.empty() && request.deletions.empty() && !request.rollback_to) {
    return Status(Code::kInvalidArgument, "there is no object in what was given");
  }
  Planner planner(applied, files, findings);
  for (const ObjectText& object : given.objects) planner.Set(object);
  for (const ObjectKey& key : request.deletions) planner.Delete(key);
  if (request.prune) planner.Prune(*request.prune);
  if (planner.owned()) {
    return Status(Code::kFailedPrecondition,
                  "what files define can't be changed from here; nothing was changed");
  }
  if (api::HasErrors(findings)) {
    return Status(Code::kInvalidArgument, "the manifests have errors; nothing was changed");
  }
  if (!planner.missing().empty() && !request.ignore_missing) {
    return Status(Code::kNotFound,
                  fmt::format("not applied here: {}; nothing was changed", planner.missing()));
  }
  std::set<ObjectKey> touched;
  for (const auto& [key, change] : planner.changes()) touched.insert(key);
  ChangePlan plan;
  plan.checked = Without(applied, touched);
  plan.stored = plan.checked;
  plan.checked.Append(given);
  api::Diagnostics seen;  // the same as for `given`
  for (const ObjectText& object : given.objects) {
    ReadApplied(KeyOf(object), object.text, plan.stored, seen);
  }
  if (api::HasErrors(seen)) {
    return Status(Code::kInternal, "an object reads otherwise by itself: " + seen[0].ToString());
  }
  for (auto& [key, change] : planner.changes()) plan.objects.push_back(std::move(change));
  return plan;
}

}  // namespace inference::control
