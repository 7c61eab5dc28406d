#pragma once

#include "admin/client.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {

/// Waits until the change is in force and every endpoint of the pools that it touches has answered
/// its last scrape, for --timeout at most (exit 5, with what is missing). Says every 10 seconds
/// what it waits for. Ctrl-C ends the waiting, not the change.
Answer WaitUntilServing(const Invocation& run, admin::AdminClient& client,
                        const admin::v1::ChangeResponse& change);

}  // namespace inference::ctl
