#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "extproc/body.h"

namespace inference::extproc {

/// What a connection has yet to write: small things copied together, body slices by reference.
class OutChain {
 public:
  void Append(std::string_view bytes);
  /// `bytes` lie in `body`, which is kept until they are written.
  void AppendSlice(std::string_view bytes, const Body& body);

  size_t size() const { return size_; }
  /// The front of the chain as at most `io.size()` runs; returns how many.
  size_t Peek(std::span<iovec> io) const;
  /// The first `n` bytes are written.
  void Consume(size_t n);

 private:
  struct Run {
    Body body;      // empty: the run lies in bytes_
    size_t offset;  // in bytes_
    const char* data;
    size_t size;
  };
  std::string bytes_;
  std::vector<Run> runs_;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace inference::extproc
