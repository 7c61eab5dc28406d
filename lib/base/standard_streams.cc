#include "base/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace inference::base {

void KeepStandardStreams() {
  // In this order: open() takes the lowest number that is free.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    const char* device = fd == STDOUT_FILENO ? "/dev/full" : "/dev/null";
    if (open(device, fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0) open("/dev/null", O_RDWR);
  }
}

}  // namespace inference::base
