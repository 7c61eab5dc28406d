#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace inference::api {

/// A request header; name in lower case.
struct Header {
  std::string_view name;
  std::string_view value;
};

enum class CallKind : uint8_t { kChatCompletions, kCompletions, kEmbeddings, kResponses, kOther };

/// One inference request as plugins see it. All views point into buffers that outlive the pick and
/// no more: whoever keeps something copies it. Nothing here is to be trusted.
struct InferenceRequest {
  /// One prompt (a batch of completions has several): a run of `pieces`.
  struct Prompt {
    uint32_t first = 0;
    uint32_t count = 0;
  };

  CallKind call = CallKind::kOther;
  std::string_view model;         // as the client wrote it; empty when the call carries none
  std::string_view target_model;  // after rewriting; equal to `model` without a rewrite
  bool stream = false;
  std::optional<int64_t> max_tokens;
  std::string_view cache_salt;
  /// Unescaped prompt bytes in order: role, text, role, text ... or token ids as little-endian
  /// uint32. Tokens are estimated as 4 bytes each (a prompt's bytes are padded to a multiple of 4).
  std::vector<std::string_view> pieces;
  std::vector<Prompt> prompts;
  std::span<const Header> headers;

  uint64_t PromptBytes() const {
    uint64_t bytes = 0;
    for (std::string_view piece : pieces) bytes += piece.size();
    return bytes;
  }
};

}  // namespace inference::api
