#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "api/inference_request.h"
#include "request/json_index.h"

namespace inference::request {

/// A batch's prompts over this number take no part in prefix affinity; the batch is routed all the
/// same.
inline constexpr size_t kMaxPrompts = 4096;
/// Bounds the memory of a prompt's list of views (16 MiB); what follows takes no part in affinity.
inline constexpr size_t kMaxPieces = size_t{1} << 20;
/// Assets of a request over this number count as one token each.
inline constexpr size_t kMaxFullAssets = 64;

/// Gathers the prompt bytes of one request as views: into the body where a string has no escape,
/// else into its own buffer. Both hold until the next Begin.
class PromptBuilder {
 public:
  /// Forgets the last request. Nothing is allocated before it is needed.
  void Begin(const JsonIndex& index, size_t body_size, api::InferenceRequest& out);
  /// Gives back buffers of more than `keep` bytes; ends the views.
  void ShrinkOver(size_t keep);

  /// Bytes of the buffers.
  size_t memory() const { return text_capacity_ + tokens_capacity_ * sizeof(uint32_t); }

  /// Starts a prompt; what is added until the next start belongs to it.
  void StartPrompt();
  /// A string token's bytes, unescaped. REQUIRES: each token is taken once per request.
  std::string_view String(uint32_t token);
  void AddText(uint32_t string) { Add(String(string)); }
  /// The value beginning at `token` as the client wrote it.
  void AddRaw(uint32_t token) { Add(index_->Raw(token)); }
  /// Appends a token id to the run being built; EndTokenIds makes it a piece.
  void AddTokenId(uint32_t id);
  void EndTokenIds();
  /// A picture, sound or film: aligned to 4 bytes, `tokens` (at least 1) copies of a token made of
  /// the content's hash, so that an equal asset in an equal place is an equal prefix.
  void AddAsset(std::string_view content, uint32_t tokens);

 private:
  void Add(std::string_view piece);
  bool ReserveTokens();

  const JsonIndex* index_ = nullptr;
  api::InferenceRequest* out_ = nullptr;
  size_t body_size_ = 0;
  // Strings cannot unescape to more than the body, so that views into this never move.
  std::unique_ptr<char[]> text_;
  size_t text_capacity_ = 0, text_used_ = 0;
  // Token ids and asset patterns: bounded by the number of JSON tokens.
  std::unique_ptr<uint32_t[]> tokens_;
  size_t tokens_capacity_ = 0, tokens_used_ = 0, tokens_run_ = 0;
  size_t prompt_bytes_ = 0;  // of the prompt being built
  size_t assets_ = 0;
  bool open_ = false;  // a prompt takes pieces
};

}  // namespace inference::request
