#include "extproc/body.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>

namespace inference::extproc {

bool BodyBudget::Take(size_t bytes) {
  const int64_t wanted = static_cast<int64_t>(bytes);
  if (used_.fetch_add(wanted, std::memory_order_relaxed) + wanted <= limit_) return true;
  used_.fetch_sub(wanted, std::memory_order_relaxed);
  return false;
}

void BodyBudget::Give(size_t bytes) {
  used_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
}

bool Body::Reserve(size_t bytes, BodyAccount& account) {
  const size_t have = block_ ? block_->capacity : 0;
  if (bytes <= have) return true;
  assert(!block_ || block_->refs == 1);
  if (!account.Take(bytes - have)) return false;
  Block* grown = static_cast<Block*>(std::realloc(block_, sizeof(Block) + bytes + kPadding));
  if (grown == nullptr) {
    account.Give(bytes - have);
    return false;
  }
  if (block_ == nullptr) *grown = {&account, 0, 0, 1};
  grown->capacity = bytes;
  // The padding's value never matters to a parser, but it must not be uninitialised memory.
  std::memset(grown->data() + grown->size, 0, kPadding);
  block_ = grown;
  return true;
}

bool Body::Append(std::string_view bytes, BodyAccount& account) {
  if (bytes.empty()) return true;
  const size_t needed = size() + bytes.size();
  if (needed > (block_ ? block_->capacity : 0)) {
    const size_t doubled = block_ ? block_->capacity * 2 : 0;
    if (!Reserve(std::max(needed, doubled), account) && !Reserve(needed, account)) return false;
  }
  std::memcpy(block_->data() + block_->size, bytes.data(), bytes.size());
  block_->size = needed;
  std::memset(block_->data() + needed, 0, kPadding);
  return true;
}

void Body::Release() {
  if (block_ == nullptr) return;
  if (--block_->refs == 0) {
    block_->account->Give(block_->capacity);
    std::free(block_);
  }
  block_ = nullptr;
}

}  // namespace inference::extproc
