#pragma once

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {

/// In the format asked for.
void PrintPools(const Invocation& run, const admin::v1::ListPoolsResponse& list);

}  // namespace inference::ctl
