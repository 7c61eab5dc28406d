#pragma once

#include "inference/admin/v1/admin.pb.h"
#include "picker/runtime.h"

namespace inference::admin {

/// Every weighted choice that the running state makes, with what it really sent where.
void FillSplits(const picker::Runtime& runtime, v1::ListSplitsResponse* out);

}  // namespace inference::admin
