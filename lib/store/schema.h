#pragma once

#include "inference/result.h"
#include "store/database.h"

namespace inference::store {

/// Makes the tables of the state file, or brings those of an earlier release up to this one.
/// FAILED_PRECONDITION when a newer release wrote the file: it is not touched.
Status MakeSchema(Database& database);

}  // namespace inference::store
