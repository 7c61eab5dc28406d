#pragma once

#include <cerrno>

namespace inference::scrape {

/// True when a system call failed for want of something on this machine (descriptors, memory): that
/// says nothing about the server.
inline bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace inference::scrape
