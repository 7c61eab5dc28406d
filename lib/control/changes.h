#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "base/clock.h"
#include "control/drain/commands.h"
#include "control/weights/endpoint_weights.h"
#include "inference/result.h"
#include "store/manifest_store.h"

// Changes of the applied state: what is kept in the store beside the files' objects.
namespace inference::control {

/// All of it is done, or nothing.
struct ChangeRequest {
  struct Manifest {
    std::string file;  // what findings show
    std::string text;
  };
  std::vector<Manifest> manifests;          // objects that are to be as written here
  std::vector<store::ObjectKey> deletions;  // an empty group stands for any
  bool ignore_missing = false;              // deletions of what isn't there are fine
  std::optional<api::Labels> prune;         // delete applied objects with these labels that
                                            // `manifests` don't have
  std::optional<int64_t> rollback_to;       // the applied state of that generation, whole
  std::optional<int64_t> expected;          // the applied generation that the change was made for
  bool dry_run = false;
  store::Author author;
};

struct ChangeResult {
  /// INVALID_ARGUMENT: see findings. FAILED_PRECONDITION: refused by a guard (expected generation,
  /// owned by a file, nothing is kept here). NOT_FOUND: to delete, or to go back to.
  Status status;
  /// Errors and warnings that the change brings; those that are there already are left out.
  api::Diagnostics findings;
  /// Every object that the request names. Equal texts: unchanged.
  std::vector<store::ChangedObject> objects;
  int64_t applied_generation = 0;  // now
  uint64_t generation = 0;         // of the running state
  bool in_force = false;           // false: dry run, refused, or waiting for DNS names
};

/// To read all files again.
struct ReloadRequest {
  store::Author author;  // nobody: a signal, which stands in no history
  /// The answer comes then at the latest; the reload itself goes on.
  base::Duration timeout = std::chrono::seconds(60);
};

struct ReloadResult {
  /// INVALID_ARGUMENT: refused, see findings; what ran goes on. UNAVAILABLE: the files can't be
  /// read for want of descriptors, or inferenced is stopping. DEADLINE_EXCEEDED.
  Status status;
  api::Diagnostics findings;                  // errors, or warnings
  std::vector<store::ChangedObject> objects;  // of files: those that are not as they were
  struct Size {
    uint64_t generation = 0;
    size_t pools = 0, endpoints = 0;
  };
  Size before, now;
};

/// To end the daemon as SIGTERM does.
struct StopRequest {
  store::Author author;
  bool force = false;
  bool dry_run = false;
};

struct StopAnswer {
  /// A drained endpoint of a pool that fails open: while no picker answers, its gateway sends
  /// requests wherever it likes.
  struct Exposed {
    std::string pool, endpoint;
    std::vector<std::string> owners;  // of the leases
  };
  /// FAILED_PRECONDITION: endpoints are exposed, and it is not forced. UNAVAILABLE: it stops
  /// already.
  Status status;
  std::vector<Exposed> exposed;
};

/// An object of the files or of the store.
struct ListedObject {
  store::ObjectKey key;
  std::string text;
  api::Labels labels;
  api::Origin origin;  // of a file's object
  bool applied = false;
  int64_t applied_generation = 0;  // that brought this text
};

/// The writing side of control, for admin. Thread-safe; calls wait for each other and for the disk.
class ControlActions {
 public:
  virtual ~ControlActions() = default;
  virtual ChangeResult Change(ChangeRequest request) = 0;
  /// All objects that are in force or wait for DNS names, those of files first.
  virtual std::vector<ListedObject> Objects() = 0;
  /// Newest first. FAILED_PRECONDITION when nothing is kept here.
  virtual Result<std::vector<store::Revision>> History(int64_t limit) = 0;
  virtual Result<std::vector<store::ChangedObject>> ChangesOf(int64_t generation) = 0;
  /// What was done beside applying objects, the newest first. FAILED_PRECONDITION as above.
  virtual Result<std::vector<store::Operation>> Operations(int64_t limit) = 0;
  /// Durable, and in force in every thread, when it answers. Drained later: see ControlView.
  virtual DrainAnswer Drain(DrainCommand command) = 0;
  virtual DrainAnswer Undrain(UndrainCommand command) = 0;
  /// Durable, and in force in every thread, when it answers.
  virtual WeightAnswer SetWeight(WeightCommand command) = 0;
  /// Reads all files again, as if every one had changed; answers when that is in force or refused.
  virtual ReloadResult Reload(ReloadRequest request) = 0;
  /// Answers before the daemon begins to stop.
  virtual StopAnswer RequestStop(StopRequest request) = 0;
};

}  // namespace inference::control
