#pragma once

#include <compare>
#include <string>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"
#include "inferencectl/invocation.h"
#include "inferencectl/replicas.h"

namespace inference::ctl {

/// An endpoint to drain.
struct Target {
  std::string ns, name, ip;
  int port = 0;
  auto operator<=>(const Target&) const = default;

  std::string address() const;  // ip:port, IPv6 in brackets
};

Target TargetOf(const admin::v1::EndpointKey& key);
void FillKey(const Target& target, admin::v1::EndpointKey* out);

/// Either `operands`, or --selector with --pool; else a message says so.
Status CheckChoice(const Invocation& run, const std::vector<std::string>& operands);

/// The endpoints that the operands name (a name, "ip:port", or a server's name for all of its
/// ports; "endpoint/" before it is fine) or that --selector and --pool choose, of all daemons that
/// answer, sorted. `drained`: those that are drained or gone count too. NOT_FOUND names what there
/// isn't; UNAVAILABLE when no daemon answers.
Result<std::vector<Target>> FindTargets(const Invocation& run, std::vector<Replica>& replicas,
                                        const std::vector<std::string>& operands, bool drained);

}  // namespace inference::ctl
