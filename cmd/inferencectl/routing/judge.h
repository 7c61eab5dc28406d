#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/routing/scenario.h"

namespace inference::ctl::routing {

/// How one case went.
struct Outcome {
  const Scenario* scenario = nullptr;
  std::string name;
  api::Origin at;
  std::vector<std::string> failures;  // empty: passed
  /// Of the last request, for whoever asks why. Empty without a request.
  admin::v1::PickResponse last;
  std::map<std::string, int64_t> picks;  // by endpoint
  double seconds = 0;
};

/// Runs every case; `codes`: what validate finds in the scenario's files.
std::vector<Outcome> RunScenario(const Scenario& scenario, const std::vector<std::string>& codes);

/// What the picks of a case have against its expectation; empty: nothing. Pure.
std::vector<std::string> Judge(const Expectation& expect,
                               const std::map<std::string, int64_t>& picks,
                               const admin::v1::PickResponse& last);

}  // namespace inference::ctl::routing
