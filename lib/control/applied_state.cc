#include "control/applied_state.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace inference::control {
namespace {

// Only the last folder may be missing on a system that is set up; a user's own path is made whole.
Status MakeFolder(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (folder.empty()) return Status::Ok();
  std::error_code error;
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), error);
  if (!error && (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST)) return Status::Ok();
  const std::string why = error ? error.message() : std::strerror(errno);
  return {Code::kPermissionDenied, "cannot make the folder " + folder.string() + ": " + why};
}

}  // namespace

Result<std::unique_ptr<AppliedState>> AppliedState::Open(const std::string& path, Beside beside,
                                                         api::Diagnostics& findings) {
  if (const Status made = MakeFolder(path); !made.ok()) return made;
  Result<store::FileLock> lock = store::FileLock::Acquire(path + ".lock");
  const bool waits =
      !lock.ok() && lock.status().code() == Code::kUnavailable && beside == Beside::kPredecessor;
  if (!lock.ok() && !waits) {
    if (lock.status().code() != Code::kUnavailable) return lock.status();
    return Status(Code::kUnavailable, path + " is in use by another inferenced");
  }
  Result<std::unique_ptr<store::ManifestStore>> store = store::ManifestStore::Open(path);
  if (!store.ok()) return store.status();
  std::unique_ptr<AppliedState> state(new AppliedState(path, *std::move(store)));
  if (lock.ok()) state->lock_ = *std::move(lock);
  if (const Status read = state->Read(findings); !read.ok()) return read;
  return state;
}

Status AppliedState::Read(api::Diagnostics& findings) {
  const Result<int64_t> generation = store_->generation();
  if (!generation.ok()) return generation.status();
  const Result<std::vector<store::StoredObject>> objects = store_->Objects();
  if (!objects.ok()) return objects.status();
  manifest::ManifestSet read;
  api::Diagnostics found;
  std::map<store::ObjectKey, int64_t> brought_by;
  for (const store::StoredObject& object : *objects) {
    ReadApplied(object.key, object.text, read, found);
    brought_by[object.key] = object.generation;
  }
  const bool bad = api::HasErrors(found);
  findings.insert(findings.end(), found.begin(), found.end());
  if (bad) {
    return {Code::kInvalidArgument, path_ + " has applied manifests that this release refuses"};
  }
  manifests_ = std::move(read);
  brought_by_ = std::move(brought_by);
  generation_ = *generation;
  return Status::Ok();
}

Result<bool> AppliedState::TryLock(api::Diagnostics& findings) {
  if (lock_) return false;
  Result<store::FileLock> lock = store::FileLock::Acquire(path_ + ".lock");
  if (!lock.ok()) {
    if (lock.status().code() == Code::kUnavailable) return false;
    return lock.status();
  }
  const int64_t before = generation_;
  if (const Status read = Read(findings); !read.ok()) return read;
  lock_ = *std::move(lock);
  return generation_ != before;
}

int64_t AppliedState::GenerationOf(const store::ObjectKey& key) const {
  const auto found = brought_by_.find(key);
  return found == brought_by_.end() ? 0 : found->second;
}

Status AppliedState::Commit(ChangePlan plan, const store::Author& author, base::WallTime now) {
  const std::vector<store::Change> changes = plan.Changes();
  const Result<int64_t> committed = store_->Commit(changes, author, now, generation_);
  if (!committed.ok()) return committed.status();
  generation_ = *committed;
  for (const store::Change& change : changes) {
    if (change.text) {
      brought_by_[change.key] = generation_;
    } else {
      brought_by_.erase(change.key);
    }
  }
  manifests_ = std::move(plan.stored);
  return Status::Ok();
}

}  // namespace inference::control
