#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "api/origin.h"
#include "inference/admin/v1/admin.pb.h"

// A RoutingTest file, read.
namespace inference::ctl::routing {

/// What a model server reports.
struct ServerState {
  struct Lora {
    std::vector<std::string> running, waiting;
    uint32_t max = 0;
  };
  std::string name;
  api::Origin at;
  std::string state = "ready";  // ready | unreachable | asleep | unknown
  std::chrono::nanoseconds age{0};
  double waiting = 0, running = 0, kv_usage = 0, block_size = 16, num_blocks = 8192;
  std::optional<Lora> lora;
};

struct Expectation {
  std::vector<std::string> any_of;  // `endpoint` is one of one
  std::vector<std::string> none_of, ranking;
  std::map<std::string, double> distribution;  // shares, 0..1
  std::optional<double> tolerance;
  std::string refused;                               // reason or status; empty: it is picked
  std::optional<std::vector<std::string>> findings;  // codes
};

struct Case {
  std::string name;
  api::Origin at;
  std::vector<ServerState> servers;  // those of the test, with the case's own in their place
  std::vector<admin::v1::PickRequest> before;
  std::optional<admin::v1::PickRequest> request;
  int64_t times = 1;
  bool at_once = false;
  uint64_t seed = 1;
  Expectation expect;
};

struct Scenario {
  std::string path;    // of the file, as it was given
  std::string folder;  // that its paths count from
  std::string name;
  std::string config, picker_config;   // as written; empty: none
  std::vector<std::string> manifests;  // as written
  std::vector<Case> cases;
};

/// The scenarios of a file, one per document. Empty, with errors in `findings`, when it can't be
/// used.
std::vector<Scenario> ReadScenarios(const std::string& path, std::string_view text,
                                    api::Diagnostics& findings);

}  // namespace inference::ctl::routing
