#include "request/prompt_builder.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <new>

#include "request/json_syntax.h"

namespace inference::request {
namespace {

static_assert(std::endian::native == std::endian::little, "token ids are viewed as little-endian");

// A long run of an asset's token is many views of one short pattern.
constexpr size_t kPatternTokens = 32;
constexpr size_t kSmallestBuffer = 16384;

}  // namespace

void PromptBuilder::Begin(const JsonIndex& index, size_t body_size, api::InferenceRequest& out) {
  index_ = &index;
  out_ = &out;
  body_size_ = body_size;
  text_used_ = tokens_used_ = tokens_run_ = assets_ = 0;
  open_ = false;
}

void PromptBuilder::ShrinkOver(size_t keep) {
  if (text_capacity_ > keep) {
    text_.reset();
    text_capacity_ = 0;
  }
  if (tokens_capacity_ * sizeof(uint32_t) > keep) {
    tokens_.reset();
    tokens_capacity_ = 0;
  }
}

void PromptBuilder::StartPrompt() {
  open_ = out_->prompts.size() < kMaxPrompts;
  prompt_bytes_ = 0;
  if (open_) out_->prompts.push_back({static_cast<uint32_t>(out_->pieces.size()), 0});
}

void PromptBuilder::Add(std::string_view piece) {
  if (!open_ || piece.empty() || out_->pieces.size() >= kMaxPieces) return;
  out_->pieces.push_back(piece);
  ++out_->prompts.back().count;
  prompt_bytes_ += piece.size();
}

std::string_view PromptBuilder::String(uint32_t token) {
  const std::string_view inside = index_->Inside(token);
  if (inside.find('\\') == std::string_view::npos) return inside;
  if (text_capacity_ < body_size_) {
    // No view points here yet: the first escaped string reserves for all that may follow.
    const size_t capacity = std::bit_ceil(std::max(body_size_, kSmallestBuffer));
    text_capacity_ = 0;
    text_.reset(new (std::nothrow) char[capacity]);
    if (!text_) return inside;  // out of memory: the bytes as written still identify the text
    text_capacity_ = capacity;
  }
  char* const out = text_.get() + text_used_;
  const size_t size = Unescape(inside, out);
  text_used_ += size;
  return {out, size};
}

bool PromptBuilder::ReserveTokens() {
  // A comma or bracket follows each id; an asset takes ten JSON tokens at the least.
  const size_t needed = index_->size() / 2 + kMaxFullAssets * kPatternTokens;
  if (tokens_capacity_ >= needed) return true;
  const size_t capacity = std::bit_ceil(std::max(needed, kSmallestBuffer));
  tokens_capacity_ = 0;
  tokens_.reset(new (std::nothrow) uint32_t[capacity]);
  if (!tokens_) return false;
  tokens_capacity_ = capacity;
  return true;
}

void PromptBuilder::AddTokenId(uint32_t id) {
  if (!open_ || (tokens_used_ == 0 && !ReserveTokens())) return;
  if (tokens_used_ < tokens_capacity_) tokens_[tokens_used_++] = id;
}

void PromptBuilder::EndTokenIds() {
  if (tokens_used_ > tokens_run_) {
    Add({reinterpret_cast<const char*>(tokens_.get() + tokens_run_),
         (tokens_used_ - tokens_run_) * sizeof(uint32_t)});
  }
  tokens_run_ = tokens_used_;
}

void PromptBuilder::AddAsset(std::string_view content, uint32_t tokens) {
  if (!open_ || (tokens_used_ == 0 && !ReserveTokens())) return;
  if (++assets_ > kMaxFullAssets) tokens = 1;
  const size_t pattern = std::min<size_t>(tokens, kPatternTokens);
  if (tokens_used_ + pattern > tokens_capacity_) return;
  if (prompt_bytes_ % 4 != 0) Add(std::string_view("\0\0\0", 3).substr(prompt_bytes_ % 4 - 1));
  uint32_t* const run = tokens_.get() + tokens_used_;
  std::fill_n(run, pattern, static_cast<uint32_t>(XXH64(content.data(), content.size(), 0)));
  tokens_used_ = tokens_run_ = tokens_used_ + pattern;
  for (size_t left = tokens; left > 0;) {
    const size_t now = std::min(left, pattern);
    Add({reinterpret_cast<const char*>(run), now * sizeof(uint32_t)});
    left -= now;
  }
}

}  // namespace inference::request
