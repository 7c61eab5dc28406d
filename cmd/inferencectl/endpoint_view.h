#pragma once

#include <string>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"
#include "inferencectl/table.h"

namespace inference::ctl {

/// By a column of --sort-by: text ascends, numbers descend, unknown ones come last. Empty: as it
/// is.
void SortEndpoints(const std::string& column, admin::v1::ListEndpointsResponse& list);
/// A table with all columns and no row.
Table EndpointColumns();
/// In the format asked for.
void PrintEndpoints(const Invocation& run, const admin::v1::ListEndpointsResponse& list,
                    bool headers);
Json EndpointJson(const admin::v1::Endpoint& endpoint);

}  // namespace inference::ctl
