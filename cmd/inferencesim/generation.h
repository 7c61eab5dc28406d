#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inferencesim/answers.h"
#include "inferencesim/engine.h"
#include "inferencesim/openai_request.h"

namespace inference::sim {

/// The answer to one model request while its sequences run; turns engine events into the bytes to
/// send. Not thread-safe; no I/O.
class Generation {
 public:
  /// `prompt_tokens` and `fingerprints` per prompt.
  Generation(const ModelRequest& request, const AnswerHead& head, uint32_t dimensions,
             const std::vector<uint32_t>& prompt_tokens, std::vector<uint64_t> fingerprints);

  /// Sequences in the order of the choices: all alternatives of the first prompt first.
  void AddSequence(uint64_t sequence) { sequences_.push_back(sequence); }
  const std::vector<uint64_t>& sequences() const { return sequences_; }

  /// What to send now; always empty unless streaming.
  std::string OnEvent(const EngineEvent& event);
  bool done() const { return finished_ == choices_.size(); }
  /// Tokens written so far, all choices together.
  uint32_t tokens() const { return usage_.completion_tokens; }
  bool stream() const { return stream_; }
  /// The whole answer. REQUIRES: done() and not stream().
  std::string Body() const;

 private:
  const ApiKind kind_;
  const AnswerHead head_;
  const bool stream_;
  const bool base64_;
  const uint32_t alternatives_;  // per prompt
  const uint32_t dimensions_;
  const std::vector<uint64_t> fingerprints_;
  std::unique_ptr<AnswerWriter> writer_;  // none for embeddings
  std::vector<uint64_t> sequences_;
  std::vector<bool> begun_;
  std::vector<Choice> choices_;
  size_t finished_ = 0;
  bool started_ = false;
  Usage usage_;
};

}  // namespace inference::sim
