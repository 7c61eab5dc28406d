#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "inference/result.h"
#include "store/database.h"

namespace inference::store {

/// Which endpoint. Another server at the same address, or the same name elsewhere, is another one.
struct EndpointKey {
  std::string ns, name, address;  // address without port or brackets
  int port = 0;
  auto operator<=>(const EndpointKey&) const = default;
  /// "llm/gpu-1 (10.2.0.11:8000)"
  std::string ToString() const;
};

/// What becomes of a lease whose time is over before its endpoint is drained.
enum class OnDeadline : uint8_t {
  kLeave,  // it stays
  kUndo,   // it goes
  kForce,  // it stays, and whoever waits goes on as if it were drained
};

/// Somebody wants an endpoint to have no requests. Each owner has at most one for an endpoint.
struct Lease {
  std::string id;  // "d-7f3a09bc"
  EndpointKey endpoint;
  std::string owner;           // who says so: "alice@bastion"
  std::string peer;            // who asked, as the kernel says: "alice (uid 1000)"
  std::string reason;          // may be empty
  base::Duration soft_for{0};  // since `created`, soft; hard from then on
  base::WallTime created{};
  base::Duration timeout{0};  // 0: none was set
  std::optional<base::WallTime>
      deadline;  // none: no time limit, or the endpoint was drained in time
  OnDeadline on_deadline = OnDeadline::kLeave;
  base::Duration settle{0};

  bool operator==(const Lease&) const = default;
};

/// An endpoint gets less than its share of the requests. One for each endpoint at most.
struct Weight {
  EndpointKey endpoint;
  uint32_t permille = 1000;  // 1..999
  std::string who, reason;   // who set it, and why
  base::WallTime at{};

  bool operator==(const Weight&) const = default;
};

/// One line of the history that is not about applied objects.
struct Operation {
  int64_t id = 0;  // given by the store, rising
  base::WallTime at{};
  std::string who, verb, reason;
  std::string subject;        // "endpoint llm/gpu-1 (10.2.0.11:8000)"
  std::string before, after;  // for people; empty: nothing was there
};

/// What was set for single endpoints (leases of drains, weights), and what was done by command
/// beside applying objects. In the state file, with a connection of its own. Thread-safe; calls
/// wait for each other and for the disk.
class EndpointStore {
 public:
  /// `keep`: operations that are remembered.
  static Result<std::unique_ptr<EndpointStore>> Open(const std::string& path, int64_t keep = 1000);

  struct Change {
    std::vector<Lease> puts;            // new, or in place of the one with that id
    std::vector<std::string> removals;  // ids
    std::vector<Operation> operations;
    std::vector<Weight> weights;  // new, or in place of the endpoint's
    std::vector<EndpointKey> unweighted;
  };
  /// All of it or nothing; on the disk when it answers. Times are kept in milliseconds.
  Status Commit(const Change& change);
  Result<std::vector<Lease>> Leases() const;
  Result<std::vector<Weight>> Weights() const;
  /// The newest first.
  Result<std::vector<Operation>> Operations(int64_t limit) const;

 private:
  EndpointStore(Database database, int64_t keep) : database_(std::move(database)), keep_(keep) {}
  Status Put(const Lease& lease);
  Status Remove(const std::string& id);
  Status Put(const Weight& weight);
  Status RemoveWeight(const EndpointKey& endpoint);
  Status Add(const Operation& operation);
  Status Prune();

  mutable std::mutex mutex_;
  mutable Database database_;  // guarded by mutex_
  const int64_t keep_;
};

}  // namespace inference::store
