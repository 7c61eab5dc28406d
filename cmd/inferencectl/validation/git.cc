#include "inferencectl/validation/git.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/text.h"

extern char** environ;

namespace inference::ctl {
namespace {

constexpr size_t kMaxOutput = size_t{1} << 30;

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  void Reset() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

struct Ran {
  int status = 0;
  std::string out, err;
};

std::string ReadMemory(int fd) {
  std::string text;
  lseek(fd, 0, SEEK_SET);
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, n);
  return text;
}

// Runs git in `folder`. Input and errors go through memory files, so that nothing can block on a
// full pipe but the output, which is read here.
Result<Ran> RunGit(const std::string& folder, std::vector<std::string> words,
                   std::string_view input = {}) {
  words.insert(words.begin(), {"git", "--no-pager", "--literal-pathspecs", "-C", folder});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Descriptor in{memfd_create("git-input", MFD_CLOEXEC)};
  Descriptor err{memfd_create("git-errors", MFD_CLOEXEC)};
  int pipes[2];
  if (in.fd < 0 || err.fd < 0 || pipe2(pipes, O_CLOEXEC) != 0) {
    return Status(Code::kUnavailable,
                  "cannot start git: " + std::generic_category().message(errno));
  }
  Descriptor out{pipes[0]}, out_child{pipes[1]};
  if (write(in.fd, input.data(), input.size()) != static_cast<ssize_t>(input.size()) ||
      lseek(in.fd, 0, SEEK_SET) != 0) {
    return Status(Code::kUnavailable, "cannot pass names to git");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_child.fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.fd, STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, "git", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  out_child.Reset();
  if (error == ENOENT) {
    return Status(Code::kInvalidArgument, "git is not installed, or not on the PATH");
  }
  if (error != 0) {
    return Status(Code::kUnavailable,
                  "cannot start git: " + std::generic_category().message(error));
  }
  Ran ran;
  char buffer[65536];
  while (ran.out.size() < kMaxOutput) {
    const ssize_t n = read(out.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    ran.out.append(buffer, static_cast<size_t>(n));
  }
  out.Reset();
  while (waitpid(pid, &ran.status, 0) < 0 && errno == EINTR) {
  }
  ran.err = ReadMemory(err.fd);
  return ran;
}

bool Succeeded(const Ran& ran) {
  return WIFEXITED(ran.status) && WEXITSTATUS(ran.status) == 0;
}

// What git said, in one line.
Status Failure(std::string_view what, const Ran& ran) {
  std::string_view said = base::TrimSpace(ran.err);
  said = said.substr(0, said.find('\n'));
  if (said.starts_with("fatal: ")) said.remove_prefix(7);
  return {Code::kInvalidArgument, fmt::format("{}: {}", what, base::Printable(said, 300))};
}

Result<std::string> Output(const std::string& folder, std::vector<std::string> words,
                           std::string_view what, std::string_view input = {}) {
  auto ran = RunGit(folder, std::move(words), input);
  if (!ran) return ran.status();
  if (!Succeeded(*ran)) return Failure(what, *ran);
  return std::move(ran->out);
}

}  // namespace

Result<GitTree> GitTree::Around(const std::string& folder) {
  auto ran = RunGit(folder, {"rev-parse", "--show-toplevel"});
  if (!ran) return ran.status();
  if (!Succeeded(*ran)) {
    return Failure(base::Printable(folder, 400) + " is in no git working tree", *ran);
  }
  return GitTree(std::string(base::TrimSpace(ran->out)));
}

std::string GitTree::Relative(const std::string& path) const {
  if (path == top_) return ".";
  return path.starts_with(top_ + "/") ? path.substr(top_.size() + 1) : path;
}

std::vector<std::string> GitTree::Absolute(const std::string& nul_separated) const {
  std::vector<std::string> out;
  std::string_view rest = nul_separated;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    if (end > 0) out.push_back(top_ + "/" + std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

Result<std::string> GitTree::Commit(const std::string& ref) const {
  auto out =
      Output(top_, {"rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}"}, "");
  if (!out) {
    return Status(Code::kInvalidArgument,
                  fmt::format("git knows no commit \"{}\" in {}; a shallow clone may lack it: git "
                              "fetch",
                              base::Printable(ref, 200), base::Printable(top_, 400)));
  }
  return std::string(base::TrimSpace(*out));
}

Result<std::vector<std::string>> GitTree::ChangedSince(const std::string& ref) const {
  const auto commit = Commit(ref);
  if (!commit) return commit.status();
  auto base = RunGit(top_, {"merge-base", *commit, "HEAD"});
  if (!base) return base.status();
  if (!Succeeded(*base)) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("\"{}\" and HEAD have no common commit here; a shallow clone may lack "
                    "it: git fetch --unshallow",
                    base::Printable(ref, 200)));
  }
  const auto changed = Output(top_,
                              {"diff", "--name-only", "-z", "--no-renames", "--no-ext-diff",
                               "--diff-filter=d", std::string(base::TrimSpace(base->out)), "--"},
                              "git diff");
  if (!changed) return changed.status();
  const auto added =
      Output(top_, {"ls-files", "--others", "--exclude-standard", "-z"}, "git ls-files");
  if (!added) return added.status();
  return Absolute(*changed + *added);
}

Result<std::vector<std::string>> GitTree::FilesAt(const std::string& commit,
                                                  const std::string& path) const {
  const auto out = Output(
      top_, {"ls-tree", "-r", "-z", "--name-only", commit, "--", Relative(path)}, "git ls-tree");
  if (!out) return out.status();
  return Absolute(*out);
}

Result<std::vector<std::string>> GitTree::ReadAt(const std::string& commit,
                                                 const std::vector<std::string>& files) const {
  std::string names;
  for (const std::string& file : files) {
    if (file.find('\n') != std::string::npos) {
      return Status(Code::kInvalidArgument,
                    "a file's name has a line break: " + base::Printable(file, 400));
    }
    names += commit + ":" + Relative(file) + "\n";
  }
  const auto out = Output(top_, {"cat-file", "--batch"}, "git cat-file", names);
  if (!out) return out.status();
  // "<hash> blob <size>\n<text>\n" each.
  std::vector<std::string> texts;
  std::string_view rest = *out;
  for (const std::string& file : files) {
    const size_t line = std::min(rest.find('\n'), rest.size());
    const std::string_view head = rest.substr(0, line);
    const size_t space = head.rfind(' ');
    size_t size = 0;
    const bool blob = head.find(" blob ") != std::string_view::npos;
    if (!blob || std::from_chars(head.data() + space + 1, head.data() + head.size(), size).ec !=
                     std::errc()) {
      return Status(Code::kInvalidArgument,
                    fmt::format("git cannot read {} of {}", base::Printable(file, 400),
                                commit.substr(0, 12)));
    }
    rest.remove_prefix(std::min(line + 1, rest.size()));
    texts.emplace_back(rest.substr(0, size));
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  return texts;
}

}  // namespace inference::ctl
