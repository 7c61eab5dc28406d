#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/invocation.h"

// --namespace, for verbs that name objects of a daemon.
namespace inference::ctl {

/// "namespace/name" of a name that has no namespace, when --namespace gives one; else as it is.
std::string InNamespace(const Invocation& run, const std::string& name);

/// Leaves only what is in --namespace, if that is given. REQUIRES: names were asked for by
/// InNamespace where they have one.
void KeepNamespace(const Invocation& run, admin::v1::ListPoolsResponse& list);
void KeepNamespace(const Invocation& run, admin::v1::ListObjectsResponse& list);
/// Of `names`, those of endpoints that are elsewhere become unknown.
void KeepNamespace(const Invocation& run, const std::vector<std::string>& names,
                   admin::v1::ListEndpointsResponse& list);

}  // namespace inference::ctl
