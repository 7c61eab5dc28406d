#include "extproc/out_chain.h"

#include <algorithm>

namespace inference::extproc {

void OutChain::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  const bool extend = first_ < runs_.size() && runs_.back().data == nullptr;
  if (extend) {
    runs_.back().size += bytes.size();
  } else {
    runs_.push_back({{}, bytes_.size(), nullptr, bytes.size()});
  }
  bytes_.append(bytes);
  size_ += bytes.size();
}

void OutChain::AppendSlice(std::string_view bytes, const Body& body) {
  if (bytes.empty()) return;
  runs_.push_back({body, 0, bytes.data(), bytes.size()});
  size_ += bytes.size();
}

size_t OutChain::Peek(std::span<iovec> io) const {
  size_t n = 0;
  for (size_t i = first_; i < runs_.size() && n < io.size(); ++i, ++n) {
    const Run& run = runs_[i];
    const char* data = run.data != nullptr ? run.data : bytes_.data() + run.offset;
    io[n] = {const_cast<char*>(data), run.size};
  }
  return n;
}

void OutChain::Consume(size_t n) {
  constexpr size_t kKeep = 256 * 1024;
  size_ -= n;
  while (n > 0) {
    Run& run = runs_[first_];
    const size_t taken = std::min(n, run.size);
    run.offset += taken;
    if (run.data != nullptr) run.data += taken;
    run.size -= taken;
    n -= taken;
    if (run.size == 0) {
      run.body.Release();
      ++first_;
    }
  }
  if (size_ > 0) return;
  runs_.clear();
  first_ = 0;
  if (bytes_.capacity() > kKeep) {
    std::string().swap(bytes_);
  } else {
    bytes_.clear();
  }
}

}  // namespace inference::extproc
