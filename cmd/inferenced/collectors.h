#pragma once

#include "control/control_view.h"
#include "extproc/server.h"
#include "telemetry/exposition.h"

namespace inferenced {

/// What the metrics page says of endpoints: their numbers with ages, reachability, our own counts.
/// A number that is unknown or stale has no sample; its age tells why.
void CollectEndpoints(const inference::control::ControlView& view,
                      const inference::base::Clock& clock,
                      inference::telemetry::Families& families);

/// Where rules that choose by weight sent requests, and where they should.
void CollectSplits(const inference::control::ControlView& view,
                   inference::telemetry::Families& families);

/// Endpoints that are drained, and how long drains took.
void CollectDrains(const inference::control::ControlView& view,
                   const inference::telemetry::Histogram& seconds,
                   inference::telemetry::Families& families);

/// Generation, last reload, refused changes.
void CollectConfig(const inference::control::ControlView& view,
                   inference::telemetry::Families& families);

/// Certificates of the listeners: reloads, refused pairs, expiry.
void CollectTls(const inference::extproc::Server& server, inference::telemetry::Families& families);

/// Build info, CPU time, memory, open files, start time; names as Prometheus clients have them.
void CollectProcess(inference::telemetry::Families& families);

}  // namespace inferenced
