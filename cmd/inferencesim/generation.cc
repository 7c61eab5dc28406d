#include "inferencesim/generation.h"

#include <algorithm>
#include <numeric>

namespace inference::sim {

Generation::Generation(const ModelRequest& request, const AnswerHead& head, uint32_t dimensions,
                       const std::vector<uint32_t>& prompt_tokens,
                       std::vector<uint64_t> fingerprints)
    : kind_(request.kind),
      head_(head),
      stream_(request.stream),
      base64_(request.base64),
      alternatives_(request.n),
      dimensions_(dimensions),
      fingerprints_(std::move(fingerprints)),
      begun_(prompt_tokens.size() * request.n),
      choices_(prompt_tokens.size() * request.n) {
  if (kind_ != ApiKind::kEmbeddings) writer_ = MakeAnswerWriter(kind_, head_);
  usage_.prompt_tokens = std::accumulate(prompt_tokens.begin(), prompt_tokens.end(), 0u);
}

std::string Generation::OnEvent(const EngineEvent& event) {
  const auto index = static_cast<uint32_t>(
      std::find(sequences_.begin(), sequences_.end(), event.sequence) - sequences_.begin());
  if (index >= choices_.size()) return {};
  // A prompt counts once, however many alternatives it has.
  if (!begun_[index] && index % alternatives_ == 0) usage_.cached_tokens += event.cached_tokens;
  begun_[index] = true;
  if (!event.text.empty()) ++usage_.completion_tokens;
  if (event.finished) ++finished_;
  Choice& choice = choices_[index];
  choice.reason = event.reason;
  if (!stream_) {
    choice.text += event.text;
    return {};
  }
  std::string out;
  if (!started_) out = writer_->Start(static_cast<uint32_t>(choices_.size()));
  started_ = true;
  out += writer_->Token(index, event.text);
  if (event.finished) out += writer_->Finish(index, event.reason);
  if (done()) out += writer_->End(usage_);
  return out;
}

std::string Generation::Body() const {
  if (writer_) return writer_->Body(choices_, usage_);
  return EmbeddingsBody(head_, fingerprints_, dimensions_, base64_, usage_);
}

}  // namespace inference::sim
