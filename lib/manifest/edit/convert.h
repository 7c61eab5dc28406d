#pragma once

#include <string>
#include <string_view>

#include "api/diagnostic.h"
#include "manifest/reader.h"

// Older kinds and API versions to those of today.
namespace inference::manifest::edit {

struct Converted {
  std::string text;
  size_t objects = 0;  // that were converted
  /// What the new kinds cannot say or say otherwise (kNotConvertible), and what is wrong with an
  /// object that therefore stays as it is (errors).
  api::Diagnostics findings;
  bool unusable = false;  // not YAML: nothing was converted
};

/// Converts the objects of one file and leaves everything else as it is, comments too:
///
/// - InferencePool of inference.networking.x-k8s.io (v1alpha1, v1alpha2) to
///   inference.networking.k8s.io/v1;
/// - InferenceModel (v1alpha1, v1alpha2) to an InferenceObjective and an InferenceModelRewrite of
///   llm-d.ai/v1alpha2 with the same name: criticality Critical, Standard, Sheddable to priority 2,
///   1, -1; the rewrite only when it names target models;
/// - InferenceObjective, InferenceModelRewrite and EndpointPickerConfig of x-k8s.io to llm-d.ai;
/// - the group of pools in backendRefs of routes and in poolRefs.
///
/// What comes out is read again; an object whose text doesn't then say what it must is written anew
/// without its comments, and that is a finding. Pure; thread-safe.
Converted ConvertToV1(const std::string& path, std::string_view text, const Limits& limits = {});

}  // namespace inference::manifest::edit
