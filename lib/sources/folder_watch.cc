#include "sources/folder_watch.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace inference::sources {
namespace {

constexpr uint32_t kEvents = IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                             IN_ONLYDIR;
constexpr int kMaxLinks = 40;  // as the kernel
constexpr size_t kMaxGlobFolders = 256;

bool IsFolder(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string ParentOf(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const size_t slash = path.rfind('/', end == std::string::npos ? 0 : end);
  if (slash == std::string::npos || slash == 0) return "/";
  return path.substr(0, slash);
}

// The folder itself, or the nearest one above it that is there.
std::string NearestFolder(std::string path) {
  while (path != "/" && !IsFolder(path)) path = ParentOf(path);
  return path;
}

// Follows the symbolic links on the way to `path`, one component after the other: each link lives
// in a folder where it can be exchanged.
void AddLinks(const std::string& path, std::set<std::string>& out, int& links) {
  size_t slash = 0;
  while (slash != std::string::npos) {
    slash = path.find('/', slash + 1);
    const std::string prefix = path.substr(0, slash);
    std::array<char, PATH_MAX> target{};
    const ssize_t length = readlink(prefix.c_str(), target.data(), target.size() - 1);
    if (length <= 0) continue;
    if (++links > kMaxLinks) return;
    const std::string parent = ParentOf(prefix);
    out.insert(NearestFolder(parent));
    std::string next(target.data(), static_cast<size_t>(length));
    if (next[0] != '/') next = parent + "/" + next;
    if (slash != std::string::npos) next += path.substr(slash);
    AddLinks(next, out, links);
    return;  // the rest was followed behind the link
  }
  out.insert(NearestFolder(IsFolder(path) ? path : ParentOf(path)));
}

void AddPath(const std::string& path, std::set<std::string>& out) {
  out.insert(NearestFolder(ParentOf(path)));
  if (IsFolder(path)) out.insert(path);
  int links = 0;
  AddLinks(path, out, links);
}

}  // namespace

std::set<std::string> FoldersToWatch(const std::string& path) {
  std::set<std::string> folders;
  const size_t wild = path.find_first_of("*?[");
  struct stat info{};
  if (wild == std::string::npos || lstat(path.c_str(), &info) == 0) {
    AddPath(path, folders);
    return folders;
  }
  // The folder in front of the first wildcard, and every folder that matches on the way down.
  for (size_t slash = path.rfind('/', wild); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string pattern = slash == 0 ? "/" : path.substr(0, slash);
    glob_t found{};
    if (glob(pattern.c_str(), GLOB_ONLYDIR, nullptr, &found) == 0) {
      const size_t count = std::min<size_t>(found.gl_pathc, kMaxGlobFolders);
      for (size_t i = 0; i < count; ++i) folders.insert(NearestFolder(found.gl_pathv[i]));
    } else {
      folders.insert(NearestFolder(pattern.substr(0, pattern.find_first_of("*?["))));
    }
    globfree(&found);
  }
  return folders;
}

FolderWatch::~FolderWatch() {
  if (inotify_ >= 0) close(inotify_);
  if (bell_ >= 0) close(bell_);
}

Status FolderWatch::Open() {
  inotify_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (inotify_ >= 0 && bell_ >= 0) return Status::Ok();
  return {Code::kResourceExhausted,
          "cannot watch files: " + std::generic_category().message(errno) +
              "; raise fs.inotify.max_user_instances or the limit of open files"};
}

std::map<std::string, std::string> FolderWatch::SetFolders(const std::set<std::string>& folders) {
  std::map<std::string, std::string> refused;
  std::map<std::string, int> next;
  // Asked for again even when known: behind the same name there may be another folder now.
  for (const std::string& folder : folders) {
    const int watch = inotify_add_watch(inotify_, folder.c_str(), kEvents);
    if (watch >= 0) {
      next[folder] = watch;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      refused[folder] = std::generic_category().message(errno);
    }
  }
  std::set<int> kept;
  for (const auto& [folder, watch] : next) kept.insert(watch);
  for (const auto& [folder, watch] : watched_) {
    if (!kept.count(watch)) inotify_rm_watch(inotify_, watch);
  }
  watched_ = std::move(next);
  return refused;
}

void FolderWatch::Note(int watch, uint32_t mask, const std::string& name) {
  if (mask == IN_MODIFY) {  // it will be closed, and that is the news
    written_[{watch, name}] = std::chrono::steady_clock::now();
    return;
  }
  if ((mask & IN_Q_OVERFLOW) != 0) written_.clear();  // closing it may be what was lost
  if ((mask & IN_ATTRIB) == 0) written_.erase({watch, name});
  // The answer to our own removal of a watch is no news.
  if (mask == IN_IGNORED) {
    std::erase_if(written_, [&](const auto& one) { return one.first.first == watch; });
  } else {
    changed_ = true;
  }
}

void FolderWatch::Drain() {
  alignas(inotify_event) std::array<char, 16 << 10> buffer;
  while (true) {
    const ssize_t length = read(inotify_, buffer.data(), buffer.size());
    if (length <= 0) return;
    for (ssize_t at = 0; at < length;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      Note(event->wd, event->mask, event->len == 0 ? "" : event->name);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

bool FolderWatch::BeingWritten(const std::string& path) {
  Drain();
  const base::Time now = std::chrono::steady_clock::now();
  std::erase_if(written_, [&](const auto& one) { return now - one.second > kWriteLimit; });
  if (written_.empty()) return false;
  std::error_code failed;
  const std::filesystem::path file = std::filesystem::canonical(path, failed);
  if (failed) return false;
  for (const auto& [folder, watch] : watched_) {
    if (written_.count({watch, file.filename()}) != 0 &&
        std::filesystem::equivalent(folder, file.parent_path(), failed)) {
      return true;
    }
  }
  return false;
}

FolderWatch::Woken FolderWatch::Wait(std::chrono::nanoseconds timeout) {
  std::array<pollfd, 2> fds{pollfd{inotify_, POLLIN, 0}, pollfd{bell_, POLLIN, 0}};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const int64_t bounded = changed_ ? 0 : std::clamp<int64_t>(ms, 0, 60'000);
  Woken woken;
  if (poll(fds.data(), fds.size(), static_cast<int>(bounded)) > 0) {
    if (fds[0].revents != 0) Drain();
    uint64_t count = 0;
    if (fds[1].revents != 0) woken.rung = read(bell_, &count, sizeof(count)) > 0;
  }
  woken.changed = std::exchange(changed_, false);
  return woken;
}

void FolderWatch::Ring() {
  const uint64_t one = 1;
  // Full means that it already rings.
  [[maybe_unused]] const ssize_t written = write(bell_, &one, sizeof(one));
}

}  // namespace inference::sources
