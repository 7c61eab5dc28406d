#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/diagnostic.h"
#include "control/change_plan.h"
#include "inference/result.h"
#include "manifest/reader.h"
#include "store/file_lock.h"
#include "store/manifest_store.h"

namespace inference::control {

/// The applied manifests as the store has them, read. The control thread's own, but for store().
class AppliedState {
 public:
  enum class Beside { kNobody, kPredecessor };

  /// Opens the file, or makes it and its folder. Only one process writes it: UNAVAILABLE when
  /// another one does, unless that is a predecessor, whose end this one then waits for.
  /// Errors about what is in it go to `findings`, with INVALID_ARGUMENT.
  static Result<std::unique_ptr<AppliedState>> Open(const std::string& path, Beside beside,
                                                    api::Diagnostics& findings);

  /// False while the predecessor may still write.
  bool writable() const { return lock_.has_value(); }
  /// Tries again to become the writer. True when the state was read anew and has changed.
  Result<bool> TryLock(api::Diagnostics& findings);

  const manifest::ManifestSet& manifests() const { return manifests_; }
  int64_t generation() const { return generation_; }
  /// Which generation brought that object's present text; 0 when it isn't there.
  int64_t GenerationOf(const store::ObjectKey& key) const;
  store::ManifestStore& store() { return *store_; }

  /// Makes the plan's changes durable, then they are what manifests() gives. Nothing has changed on
  /// an error.
  Status Commit(ChangePlan plan, const store::Author& author, base::WallTime now);

 private:
  AppliedState(std::string path, std::unique_ptr<store::ManifestStore> store)
      : path_(std::move(path)), store_(std::move(store)) {}
  Status Read(api::Diagnostics& findings);

  const std::string path_;
  const std::unique_ptr<store::ManifestStore> store_;
  std::optional<store::FileLock> lock_;
  manifest::ManifestSet manifests_;
  int64_t generation_ = 0;
  std::map<store::ObjectKey, int64_t> brought_by_;
};

}  // namespace inference::control
