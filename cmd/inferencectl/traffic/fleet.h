#pragma once

#include <string>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"
#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"
#include "inferencectl/replicas.h"

// Weighted choices of several daemons taken together.
namespace inference::ctl::traffic {

/// What all daemons that answer draw by, and how often they did.
struct FleetSplits {
  admin::v1::ListSplitsResponse together;  // requests added up; `since` is the latest one
  int have = 0, want = 0;                  // daemons that answered, of all
  /// "unix:///a.sock: silent: ..." and "InferenceModelRewrite llm/chat rule 0: unix:///b.sock has
  /// other weights": for people; empty when all say the same.
  std::vector<std::string> differences;
  std::vector<std::string> differing;  // names of splits (NameOf) that are not the same everywhere

  bool acknowledged() const { return have == want; }
};
/// The failure of the last one when none answers.
Result<FleetSplits> AskSplits(std::vector<Replica>& replicas);

Json AckJson(int have, int want);

}  // namespace inference::ctl::traffic
