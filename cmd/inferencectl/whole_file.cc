#include "inferencectl/whole_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "base/text.h"

namespace inference::ctl {
namespace {

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

Status WriteWhole(const std::string& path, std::string_view text, unsigned mode) {
  std::string draft = path + ".XXXXXX";
  const int fd = mkstemp(draft.data());
  bool good = fd >= 0 && WriteAll(fd, text) && fchmod(fd, mode) == 0;
  int error = errno;
  if (fd >= 0 && close(fd) != 0 && good) {
    error = errno;
    good = false;
  }
  if (good && rename(draft.c_str(), path.c_str()) != 0) {
    error = errno;
    good = false;
  }
  if (good) return Status::Ok();
  if (fd >= 0) unlink(draft.c_str());
  return {Code::kUnavailable,
          "cannot write " + base::Printable(path) + ": " + std::generic_category().message(error)};
}

}  // namespace inference::ctl
