#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inferencesim/engine_stats.h"
#include "inferencesim/openai_request.h"

namespace inference::sim {

/// Token counts at the end of an answer.
struct Usage {
  uint32_t prompt_tokens = 0;
  uint32_t completion_tokens = 0;
  uint32_t cached_tokens = 0;
};

/// One finished alternative of an answer that was not streamed.
struct Choice {
  std::string text;
  FinishReason reason = FinishReason::kLength;
};

/// What all pieces of an answer carry.
struct AnswerHead {
  std::string request_id;  // from x-request-id, or made up
  std::string model;       // as the client named it
  int64_t created = 0;     // unix seconds
  bool include_usage = false;
};

/// Writes the answer to one request in the form of its API; no I/O. A stream is Start, then Token
/// and Finish per choice, then End; each returns complete server-sent events. Body is the whole
/// answer instead.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  /// Sent with the first token of the first choice; `choices` will follow.
  virtual std::string Start(uint32_t choices) = 0;
  virtual std::string Token(uint32_t choice, std::string_view text) = 0;
  virtual std::string Finish(uint32_t choice, FinishReason reason) = 0;
  virtual std::string End(const Usage& usage) = 0;
  virtual std::string Body(const std::vector<Choice>& choices, const Usage& usage) = 0;
};

/// For chat, completions and responses.
std::unique_ptr<AnswerWriter> MakeAnswerWriter(ApiKind kind, const AnswerHead& head);

/// The answer to an embeddings request; one vector per fingerprint.
std::string EmbeddingsBody(const AnswerHead& head, const std::vector<uint64_t>& fingerprints,
                           uint32_t dimensions, bool base64, const Usage& usage);

}  // namespace inference::sim
