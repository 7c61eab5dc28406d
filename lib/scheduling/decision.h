#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datastore/endpoint.h"

namespace inference::scheduling {

inline constexpr size_t kMaxRanked = 16;  // longest destination list
inline constexpr size_t kMaxTop = 8;      // candidates that a decision record remembers
inline constexpr size_t kMaxColumns = 8;  // scorers that a decision record remembers
inline constexpr size_t kMaxDropped = 8;  // endpoints without a score that a record names

/// What a decision record keeps of one candidate; plain data. NaN: unknown.
struct TopCandidate {
  uint32_t endpoint_id = 0;
  uint32_t pool_index = 0;  // position in the pool's endpoints()
  float total = 0;
  std::array<float, kMaxColumns>
      scores{};  // unweighted, [0,1], in the order of the profile's scorers
  float waiting = 0, running = 0, kv_usage = 0, unseen_picks = 0;
  uint32_t in_flight = 0;
  uint32_t prefix_match = 0;
  int32_t metrics_age_ms = -1;  // -1: never scraped
};

/// Why an endpoint of the pool got no score.
enum class DropCause : uint8_t { kDrain, kEjected, kUnreachable, kAsleep, kWeight, kFilter };

/// The pool's endpoints that got no score; plain data.
struct Dropped {
  struct One {
    uint32_t endpoint_id = 0;
    DropCause cause = DropCause::kDrain;
    uint8_t filter = 0;  // of kFilter: its position in the profile
  };
  std::array<One, kMaxDropped> named{};  // the first ones
  uint32_t total = 0;
  uint32_t out_of_subset = 0;  // beside `total`: left out by the gateway, and only counted

  size_t n_named() const { return total < kMaxDropped ? total : kMaxDropped; }
  void Add(uint32_t endpoint_id, DropCause cause, uint8_t filter = 0) {
    if (total < kMaxDropped) named[total] = {endpoint_id, cause, filter};
    ++total;
  }
  void Append(const Dropped& other);
};

/// Where the request goes, best first. Points into the pool of the runtime that was asked.
struct Decision {
  std::array<const std::shared_ptr<datastore::Endpoint>*, kMaxRanked> ranked{};
  size_t n_ranked = 0;
  uint32_t considered = 0;        // candidates before filters
  uint32_t scored = 0;            // candidates after filters
  bool only_unreachable = false;  // nothing reachable was left, so an unreachable one was taken
  uint32_t profile_columns = 0;   // id of the scorer names, see picker::ColumnNames
  uint32_t prefix_total = 0;      // blocks of the request
  uint32_t prefix_block_tokens = 0;
  std::array<TopCandidate, kMaxTop> top{};  // best totals first; [0] is the pick
  size_t n_top = 0;
  Dropped dropped;
};

/// The whole story of one pick, for people. Filled by the same code path as the decision when the
/// caller passes one.
struct Explanation {
  struct Column {
    std::string scorer;  // plugin name
    double weight = 1;
  };
  struct Row {
    std::string endpoint;  // name
    std::string host_port;
    std::vector<double> scores;  // unweighted, per column
    double total = 0;
    // What the scorers looked at; NaN unknown.
    double waiting, running, kv_usage, unseen_picks;
    int64_t in_flight = 0;
    uint32_t prefix_match = 0;
    int64_t metrics_age_ms = -1;
    bool stale = false;
    int rank = -1;  // 0: picked, 1..: fallbacks, -1: not in the list
  };
  struct Dropped {
    std::string filter;  // plugin name, or "subset", "drain", "reachability", "weight"
    std::string endpoint;
    std::string host_port;
    std::string reason;
  };
  std::string profile;
  std::string picker;
  std::vector<Column> columns;
  std::vector<Row> rows;         // by total, best first
  std::vector<Dropped> dropped;  // in the order of the filters
  uint32_t prefix_total = 0;
  uint32_t prefix_block_tokens = 0;
  std::vector<std::string>
      notes;  // sentences: rewrites, unknown values, only unreachable ones left
};

}  // namespace inference::scheduling
