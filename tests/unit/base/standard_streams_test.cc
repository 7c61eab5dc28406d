#include "base/standard_streams.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>

namespace inference::base {
namespace {

// What `check` says in a process of its own.
bool InChild(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("closed standard streams are opened again, to nowhere") {
  CHECK(InChild([] {
    for (const int fd : {0, 1, 2}) close(fd);
    KeepStandardStreams();
    char byte = 'x';
    const bool end = read(0, &byte, 1) == 0;
    const bool full = write(1, &byte, 1) == -1 && errno == ENOSPC;
    const bool lost = write(2, &byte, 1) == 1;
    return end && full && lost && open("/dev/null", O_RDONLY) > 2;
  }));
}

TEST_CASE("open standard streams stay what they are") {
  CHECK(InChild([] {
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], 1) != 1) return false;
    close(2);
    KeepStandardStreams();
    char byte = 'x';
    const bool written = write(1, &byte, 1) == 1 && write(2, "y", 1) == 1;
    return written && read(ends[0], &byte, 1) == 1 && byte == 'x';
  }));
}

}  // namespace
}  // namespace inference::base
