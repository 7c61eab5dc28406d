#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace inference::sim {

enum class ApiKind : uint8_t { kChat, kCompletions, kEmbeddings, kResponses };

/// A refusal in the form of the OpenAI API as vLLM words it.
struct ApiError {
  int status = 400;
  std::string message;
  std::string param;  // the faulty member, may be empty
};

/// {"error": {...}} for the body of the answer.
std::string ErrorJson(const ApiError& error);

/// What the simulator needs to know of a request.
struct ModelRequest {
  ApiKind kind = ApiKind::kChat;
  std::string model;  // empty: the base model
  std::string cache_salt;
  std::vector<std::string> prompts;    // as bytes, kBytesPerToken of them per token
  std::optional<uint32_t> max_tokens;  // as the client set it
  std::optional<uint32_t> dimensions;  // embeddings
  uint32_t n = 1;
  bool stream = false;
  bool include_usage = false;
  bool base64 = false;  // embeddings
};

/// Most sequences that one request may start (prompts times n).
inline constexpr size_t kMaxSequences = 2048;

/// Reads a body of the given kind. Never throws; nesting is bounded by the JSON parser.
std::variant<ModelRequest, ApiError> ParseModelRequest(ApiKind kind, std::string_view body);

}  // namespace inference::sim
