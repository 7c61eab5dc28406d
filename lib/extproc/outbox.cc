#include "extproc/outbox.h"

namespace inference::extproc {

void Outbox::AddSlice(const Body& body, size_t offset, size_t size) {
  if (size == 0) return;
  slices_.push_back({bytes_.size(), body, offset, size});
  slice_bytes_ += size;
}

void Outbox::Close(Code code, std::string message) {
  if (closing_) return;
  closing_ = true;
  code_ = code;
  message_ = std::move(message);
}

void Outbox::Compact() {
  // A stream in its response phase may live for minutes: it keeps no more than a small buffer.
  constexpr size_t kKeep = 256;
  if (bytes_.capacity() > kKeep) {
    std::string().swap(bytes_);
  } else {
    bytes_.clear();
  }
  if (!slices_.empty()) std::vector<Slice>().swap(slices_);
  taken_ = first_slice_ = slice_bytes_ = 0;
}

}  // namespace inference::extproc
