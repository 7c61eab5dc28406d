#pragma once

#include <string>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"
#include "inferencectl/table.h"

// The manifests that a daemon has, of its files and applied.
namespace inference::ctl {

/// Keeps those of that name, "namespace/name" or the name alone, whatever their kind. Gives back
/// the names that none has.
std::vector<std::string> KeepNamed(const std::vector<std::string>& names,
                                   admin::v1::ListObjectsResponse& list);
/// A table with all columns and no row.
Table ObjectColumns();
/// In the format asked for; `text` is the manifests as they were written.
void PrintObjects(const Invocation& run, const admin::v1::ListObjectsResponse& list);
/// "pool.yaml:3:1", or "applied, generation 7".
std::string SourceText(const admin::v1::Object& object);

}  // namespace inference::ctl
