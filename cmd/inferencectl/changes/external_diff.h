#pragma once

#include <string>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {

/// Shows the differences by a program: `command`, words separated by spaces, gets two folders, the
/// objects as they are and as they would be, one file each, those that differ only. Its exit status
/// is that of diff: 0, 1 for differences; another is a failure. Not run when nothing differs.
Answer RunExternalDiff(Invocation& run, const std::string& command,
                       const google::protobuf::RepeatedPtrField<admin::v1::ObjectChange>& objects);

}  // namespace inference::ctl
