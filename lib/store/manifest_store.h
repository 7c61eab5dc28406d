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

/// Which object. Objects of one kind in different groups are different objects.
struct ObjectKey {
  std::string group, kind, ns, name;
  auto operator<=>(const ObjectKey&) const = default;
  /// "InferencePool llm/qwen3"
  std::string ToString() const { return kind + " " + ns + "/" + name; }
};

/// An object that somebody applied.
struct StoredObject {
  ObjectKey key;
  std::string text;        // the manifest, one YAML document
  int64_t generation = 0;  // that brought this text
};

struct Change {
  ObjectKey key;
  std::optional<std::string> text;  // empty: delete
};

/// Who did it, and why.
struct Author {
  std::string who;     // "alice (uid 1000)"
  std::string verb;    // "apply", "delete", "rollback to 7"
  std::string reason;  // may be empty
};

/// One line of the history.
struct Revision {
  int64_t generation = 0;
  base::WallTime at{};
  Author author;
  struct Item {
    ObjectKey key;
    enum class What { kCreated, kChanged, kDeleted } what = What::kCreated;
  };
  std::vector<Item> items;
};

/// An object that a generation changed: its text before and after; empty when it wasn't there.
struct ChangedObject {
  ObjectKey key;
  std::optional<std::string> before, after;
};

/// The applied manifests and their history, durable. Each commit is one generation, from 1; its
/// state stays readable until it is pruned. Thread-safe; calls wait for each other and for the
/// disk.
class ManifestStore {
 public:
  /// `keep`: generations that Rollback can still reach; older ones are forgotten at each commit.
  static Result<std::unique_ptr<ManifestStore>> Open(const std::string& path, int64_t keep = 1000);

  /// The newest generation; 0 when nothing was ever applied.
  Result<int64_t> generation() const;
  /// The objects as they are, ordered by key.
  Result<std::vector<StoredObject>> Objects() const;
  /// The objects as they were. NOT_FOUND when the generation isn't there (any more).
  Result<std::vector<StoredObject>> ObjectsAt(int64_t generation) const;

  /// Makes all changes or none, and is on the disk when it answers. Changes that change nothing are
  /// left out; when none is left, the answer is the present generation and nothing is written.
  /// FAILED_PRECONDITION when `expected` is given and isn't the present generation.
  Result<int64_t> Commit(const std::vector<Change>& changes, const Author& author,
                         base::WallTime now, std::optional<int64_t> expected = std::nullopt);

  /// The changes that lead from the present state to that of `generation`.
  Result<std::vector<Change>> ChangesTo(int64_t generation) const;

  /// The newest first, at most `limit`.
  Result<std::vector<Revision>> History(int64_t limit) const;
  /// What that generation changed. NOT_FOUND when it isn't there (any more).
  Result<std::vector<ChangedObject>> ChangesOf(int64_t generation) const;

 private:
  ManifestStore(Database database, int64_t keep);
  Status Write(const Change& change, int64_t generation);
  Status Prune(int64_t newest);
  Result<int64_t> Newest() const;
  Status FindRevision(int64_t generation) const;

  mutable std::mutex mutex_;
  mutable Database database_;  // guarded by mutex_
  const int64_t keep_;
};

}  // namespace inference::store
