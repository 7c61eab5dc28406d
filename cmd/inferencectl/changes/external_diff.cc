#include "inferencectl/changes/external_diff.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "inferencectl/whole_file.h"

extern char** environ;

namespace inference::ctl {
namespace {

namespace fs = std::filesystem;

/// A folder that only its owner can look into, gone with the object.
class ScratchFolder {
 public:
  explicit ScratchFolder(const Environment& environment) {
    const char* given = environment("TMPDIR");
    std::string path =
        std::string(given != nullptr && *given == '/' ? given : "/tmp") + "/inferencectl-XXXXXX";
    if (mkdtemp(path.data()) != nullptr) path_ = path;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Status WriteObject(const fs::path& folder, const admin::v1::ObjectKey& key,
                   const std::string& text) {
  const std::string name = fmt::format("{}.{}.{}.yaml", key.kind(), key.namespace_(), key.name());
  return WriteWhole((folder / name).string(), text, 0600);
}

/// The program's exit status; empty when a signal ended it.
Result<std::optional<int>> RunProgram(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
  if (error != 0) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--external: cannot run \"{}\": {}", base::Printable(words[0], 200),
                              std::generic_category().message(error)));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
}

}  // namespace

Answer RunExternalDiff(Invocation& run, const std::string& command,
                       const google::protobuf::RepeatedPtrField<admin::v1::ObjectChange>& objects) {
  std::vector<std::string> words;
  for (const std::string_view word : base::SplitTrimmed(command, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  if (words.empty()) {
    return {ExitCode::kUsage, Status(Code::kInvalidArgument, "--external wants a program")};
  }
  const ScratchFolder scratch(run.world.environment);
  const fs::path live = scratch.path() / "live", applied = scratch.path() / "applied";
  std::error_code error;
  if (scratch.path().empty() || !fs::create_directory(live, error) ||
      !fs::create_directory(applied, error)) {
    return Status(Code::kUnavailable, "cannot make a folder for the texts; set TMPDIR to another");
  }
  bool differs = false;
  for (const admin::v1::ObjectChange& change : objects) {
    if (change.what() == admin::v1::ObjectChange::UNCHANGED) continue;
    differs = true;
    Status written = Status::Ok();
    if (change.has_before()) written = WriteObject(live, change.key(), change.before());
    if (written.ok() && change.has_after()) {
      written = WriteObject(applied, change.key(), change.after());
    }
    if (!written.ok()) return written;
  }
  if (!differs) return ExitCode::kOk;
  words.push_back(live.string());
  words.push_back(applied.string());
  run.world.out.flush();
  const auto ended = RunProgram(words);
  if (!ended) return {ExitCode::kUsage, ended.status()};
  if (*ended == 0) return ExitCode::kOk;
  if (*ended == 1) return ExitCode::kNo;
  return {ExitCode::kBadInput,
          Status(Code::kInvalidArgument,
                 fmt::format("--external: \"{}\" {}", base::Printable(words[0], 200),
                             *ended ? fmt::format("ended with {}", **ended) : "was killed"))};
}

}  // namespace inference::ctl
