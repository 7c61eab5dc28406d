#pragma once

#include <map>
#include <string>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/invocation.h"
#include "inferencectl/replicas.h"
#include "inferencectl/traffic/removed.h"

namespace inference::ctl::traffic {

/// What a daemon's objects remember of targets that left. Says on stderr which annotation can't be
/// read. Not thread-safe.
class RemovedView {
 public:
  RemovedView(const Invocation& run, const admin::v1::ListObjectsResponse& objects);

  /// Of one rule, but for those that are its targets now.
  std::vector<std::string> Of(const admin::v1::Split& split) const;

 private:
  std::map<std::string, RemovedTargets> by_object_;
};

/// By the first daemon that answers; none answers: nothing is remembered, which stderr is told.
RemovedView AskRemoved(const Invocation& run, std::vector<Replica>& replicas);

}  // namespace inference::ctl::traffic
