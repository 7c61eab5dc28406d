#include "sources/manifest_watch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "api/codes.h"

namespace inference::sources {
namespace {

using std::chrono::steady_clock;

// `message` may begin with the path, which the place says already.
api::Diagnostic Unreadable(const std::string& path, std::string message) {
  if (message.starts_with(path + ": ")) message.erase(0, path.size() + 2);
  return {api::Severity::kError,
          std::string(api::codes::kUnreadable),
          {std::make_shared<const std::string>(path), 0, 0},
          std::move(message),
          ""};
}

}  // namespace

ManifestWatch::ManifestWatch(Options options, Sink& sink)
    : options_(std::move(options)), sink_(sink) {}

ManifestWatch::~ManifestWatch() {
  Stop();
}

Status ManifestWatch::Start() {
  if (Status opened = folders_.Open(); !opened.ok()) return opened;
  thread_ = std::thread([this] { Run(); });
  return Status::Ok();
}

void ManifestWatch::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  folders_.Ring();
  thread_.join();
}

void ManifestWatch::Reload(std::function<void()> told) {
  {
    const std::lock_guard lock(reload_mutex_);
    reloads_.push_back(std::move(told));
  }
  folders_.Ring();
}

void ManifestWatch::ReloadLater() {
  reload_later_ = true;
}

void ManifestWatch::Run() {
  // Taken before reading: what changes while we read must look different later.
  std::string fingerprint = Fingerprint();
  Look(/*force=*/true);
  base::Time next_scan = steady_clock::now() + options_.rescan;
  base::Time first_event{}, last_event{};
  bool pending = false;
  while (!stopping_) {
    const base::Time due =
        pending ? std::min(last_event + options_.debounce, first_event + options_.max_wait)
                : next_scan;
    const FolderWatch::Woken woken = folders_.Wait(due - steady_clock::now());
    if (stopping_) return;
    const base::Time now = steady_clock::now();
    if (woken.changed) {
      last_event = now;
      if (!std::exchange(pending, true)) first_event = now;
    }
    const bool due_again = now >= next_scan && reload_later_.exchange(false);
    std::vector<std::function<void()>> reloads;
    {
      const std::lock_guard lock(reload_mutex_);
      reloads.swap(reloads_);
    }
    const bool force = !reloads.empty() || due_again;
    bool look = force || (pending && now >= std::min(last_event + options_.debounce,
                                                     first_event + options_.max_wait));
    if (!look && !pending && now >= next_scan) look = Fingerprint() != fingerprint;
    if (look) {
      pending = false;
      fingerprint = Fingerprint();
      Look(force);
    }
    for (const auto& told : reloads) told();
    if (look || now >= next_scan) next_scan = steady_clock::now() + options_.rescan;
  }
}

std::string ManifestWatch::Absolute(const std::string& path) const {
  std::error_code ignored;
  std::filesystem::path whole = std::filesystem::path(options_.base_dir) / path;
  if (whole.is_relative()) whole = std::filesystem::current_path(ignored) / whole;
  return whole.string();
}

std::set<std::string> ManifestWatch::Folders() const {
  std::set<std::string> folders;
  for (const std::vector<std::string>* list : {&options_.paths, &options_.extra_files}) {
    for (const std::string& path : *list) folders.merge(FoldersToWatch(Absolute(path)));
  }
  // Files of a folder may be links that lead elsewhere.
  for (const std::string& path : options_.paths) {
    const auto files = manifest::ExpandPaths({path}, options_.base_dir);
    if (!files.ok()) continue;
    for (const std::string& file : *files) {
      if (std::error_code ignored; std::filesystem::is_symlink(file, ignored)) {
        folders.merge(FoldersToWatch(Absolute(file)));
      }
    }
  }
  return folders;
}

void ManifestWatch::UpdateWatches() {
  // Again until it stands still: a folder made before the one above it was watched sends no event.
  std::set<std::string> folders = Folders();
  for (int round = 0; round < 8; ++round) {
    unwatched_ = folders_.SetFolders(folders);
    std::set<std::string> now = Folders();
    if (now == folders) return;
    folders = std::move(now);
  }
}

// Half a file may well be a good one, with less in it, and an empty one surely is: what is being
// written is as it was before.
std::optional<ManifestWatch::Content> ManifestWatch::ReadOne(const std::string& path,
                                                             const std::vector<Content>& last) {
  if (folders_.BeingWritten(path)) {
    const auto known = std::find_if(last.begin(), last.end(),
                                    [&](const Content& content) { return content.path == path; });
    if (known == last.end()) return std::nullopt;
    return *known;
  }
  Result<std::string> text = manifest::ReadFile(path, options_.limits);
  if (!text.ok()) return Content{path, "", text.status().message()};
  return Content{path, *std::move(text), ""};
}

ManifestWatch::Reading ManifestWatch::ReadAll() {
  Reading reading;
  for (const std::string& path : options_.paths) {
    const auto files = manifest::ExpandPaths({path}, options_.base_dir);
    if (!files.ok()) {
      const bool relative = !path.starts_with('/') && !options_.base_dir.empty();
      const std::string whole = relative ? options_.base_dir + "/" + path : path;
      reading.missing.push_back({whole, "", files.status().message()});
      continue;
    }
    for (const std::string& file : *files) {
      const bool known = std::any_of(reading.files.begin(), reading.files.end(),
                                     [&](const Content& c) { return c.path == file; });
      if (known) continue;
      if (auto content = ReadOne(file, last_.files)) reading.files.push_back(*std::move(content));
    }
  }
  for (const std::string& file : options_.extra_files) {
    auto content = ReadOne(Absolute(file), last_.extra);
    if (content) reading.extra.push_back(*std::move(content));
  }
  return reading;
}

std::string ManifestWatch::Fingerprint() {
  std::string out;
  const auto add = [&](const std::string& file) {
    struct stat info{};
    if (stat(file.c_str(), &info) != 0) {
      out += file + " missing\n";
      return;
    }
    // When the patience with who writes it is over, it is a change to be read.
    const char* state = folders_.BeingWritten(file) ? " being written" : "";
    out += fmt::format("{}{} {} {} {} {}.{} {}.{}\n", file, state, info.st_dev, info.st_ino,
                       info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec,
                       info.st_ctim.tv_nsec);
  };
  for (const std::string& path : options_.paths) {
    const auto files = manifest::ExpandPaths({path}, options_.base_dir);
    if (!files.ok()) {
      out += path + " names nothing\n";
      continue;
    }
    for (const std::string& file : *files) add(file);
  }
  for (const std::string& file : options_.extra_files) add(Absolute(file));
  return out;
}

void ManifestWatch::Look(bool force) {
  UpdateWatches();  // before reading: what changes from here on is an event
  Reading reading = ReadAll();
  const bool same = reading == last_;
  last_ = std::move(reading);
  if (force || !same) Tell();
}

void ManifestWatch::Tell() const {
  manifest::ManifestSet set;
  api::Diagnostics diagnostics;
  for (const Content& path : last_.missing) {
    diagnostics.push_back(Unreadable(path.path, path.error));
  }
  for (const Content& file : last_.files) {
    if (!file.error.empty()) {
      diagnostics.push_back(Unreadable(file.path, file.error));
      continue;
    }
    manifest::ReadManifests(file.path, file.text, set, diagnostics, options_.limits);
  }
  for (const auto& [folder, reason] : unwatched_) {
    diagnostics.push_back({api::Severity::kWarning,
                           std::string(api::codes::kUnreadable),
                           {std::make_shared<const std::string>(folder), 0, 0},
                           "the folder cannot be watched: " + reason,
                           "changes are seen a few seconds late; see fs.inotify.max_user_watches"});
  }
  sink_.OnManifests(std::move(set), std::move(diagnostics));
}

}  // namespace inference::sources
