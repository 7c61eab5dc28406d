#pragma once

#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "control/changes.h"
#include "manifest/reader.h"
#include "store/manifest_store.h"

namespace inference::control {

/// What a request would do to the applied state. Pure.
struct ChangePlan {
  std::vector<store::ChangedObject> objects;  // all that the request names, unchanged ones too
  /// The applied objects afterwards: `checked` with the places where the request has them, for
  /// findings; `stored` as they are named from then on.
  manifest::ManifestSet checked, stored;

  /// Those that change something.
  std::vector<store::Change> Changes() const;
};

/// `applied` and `files` are the present objects. The statuses and findings of ChangeResult.
Result<ChangePlan> MakePlan(const ChangeRequest& request, const manifest::ManifestSet& applied,
                            const manifest::ManifestSet& files, api::Diagnostics& findings);

/// Reads an applied object's text; its place is shown as "applied InferencePool llm/qwen3:3:1".
void ReadApplied(const store::ObjectKey& key, const std::string& text, manifest::ManifestSet& out,
                 api::Diagnostics& findings);

store::ObjectKey KeyOf(const manifest::ObjectText& object);

}  // namespace inference::control
