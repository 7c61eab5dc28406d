#pragma once

#include <string>
#include <utility>
#include <vector>

#include "inference/result.h"

// Asks the program `git`, started without a shell.
namespace inference::ctl {

/// A working tree.
class GitTree {
 public:
  /// The one that `folder` is in. Says so when there is none, or no git.
  static Result<GitTree> Around(const std::string& folder);

  /// Absolute.
  const std::string& top() const { return top_; }
  /// The commit of a branch, tag or hash; says so when there is none.
  Result<std::string> Commit(const std::string& ref) const;
  /// Files that differ from the merge base with `ref`, and those that git does not know yet;
  /// absolute paths. What is deleted is left out.
  Result<std::vector<std::string>> ChangedSince(const std::string& ref) const;
  /// All files below `path` (absolute) as of a commit; absolute paths.
  Result<std::vector<std::string>> FilesAt(const std::string& commit,
                                           const std::string& path) const;
  /// Their texts as of a commit, in the same order.
  Result<std::vector<std::string>> ReadAt(const std::string& commit,
                                          const std::vector<std::string>& files) const;

 private:
  explicit GitTree(std::string top) : top_(std::move(top)) {}
  std::string Relative(const std::string& path) const;
  std::vector<std::string> Absolute(const std::string& nul_separated) const;
  std::string top_;
};

}  // namespace inference::ctl
