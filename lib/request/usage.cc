#include "request/usage.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "request/openai_request.h"

namespace inference::request {
namespace {

constexpr std::string_view kField = "data:";
constexpr std::string_view kDone = "[DONE]";

bool MayHoldUsage(std::string_view text) {
  constexpr std::string_view kKey = "\"usage\"";
  return memmem(text.data(), text.size(), kKey.data(), kKey.size()) != nullptr;
}

}  // namespace

ResponseKind DetectResponseKind(std::string_view content_type, std::string_view content_encoding) {
  const std::string_view encoding = base::TrimSpace(content_encoding);
  if (!encoding.empty() && !base::EqualsIgnoreCase(encoding, "identity")) {
    return ResponseKind::kOpaque;
  }
  const std::string_view type = base::TrimSpace(content_type.substr(0, content_type.find(';')));
  if (base::EqualsIgnoreCase(type, "text/event-stream")) return ResponseKind::kSse;
  return !type.empty() && IsJsonContentType(type) ? ResponseKind::kJson : ResponseKind::kOpaque;
}

void UsageScanner::Reset(ResponseKind kind) {
  kind_ = kind;
  line_ = Line::kField;
  field_size_ = head_size_ = 0;
  head_full_ = json_begun_ = done_ = false;
  events_ = 0;
  usage_ = Usage{};
  json_.Begin();
}

void UsageScanner::Feed(std::string_view chunk) {
  if (kind_ == ResponseKind::kJson) json_.Feed(chunk, usage_);
  if (kind_ == ResponseKind::kSse) FeedLines(chunk);
}

void UsageScanner::Finish() {
  if (kind_ == ResponseKind::kSse) EndLine();
}

void UsageScanner::FeedLines(std::string_view chunk) {
  while (!chunk.empty()) {
    const size_t newline = chunk.find('\n');
    FeedPart(chunk.substr(0, newline), newline != chunk.npos);
    if (newline == chunk.npos) return;
    EndLine();
    chunk.remove_prefix(newline + 1);
  }
}

// Part of one line; `complete`: its end follows.
void UsageScanner::FeedPart(std::string_view part, bool complete) {
  while (line_ == Line::kField && !part.empty()) {
    if (part[0] != kField[field_size_]) {
      line_ = Line::kOther;
    } else if (++field_size_ == kField.size()) {
      line_ = Line::kSpace;
    }
    part.remove_prefix(1);
  }
  if (line_ == Line::kSpace && !part.empty()) {
    if (part[0] == ' ') part.remove_prefix(1);
    line_ = Line::kData;
  }
  if (line_ == Line::kData && !part.empty()) FeedData(part, complete);
}

void UsageScanner::FeedData(std::string_view data, bool complete) {
  const size_t taken = std::min(data.size(), head_.size() - head_size_);
  std::copy_n(data.data(), taken, head_.data() + head_size_);
  head_size_ = static_cast<uint8_t>(head_size_ + taken);
  head_full_ = head_full_ || taken < data.size();
  // The usual case: a whole line that says nothing of usage.
  if (!json_begun_ && complete && !MayHoldUsage(data)) return;
  if (!json_begun_) json_.Begin();
  json_begun_ = true;
  json_.Feed(data, usage_);
}

void UsageScanner::EndLine() {
  std::string_view head(head_.data(), head_size_);
  if (head.ends_with('\r')) head.remove_suffix(1);
  if (!head_full_ && head == kDone) {
    done_ = true;
  } else if (!head.empty()) {
    ++events_;
  }
  line_ = Line::kField;
  field_size_ = head_size_ = 0;
  head_full_ = json_begun_ = false;
}

}  // namespace inference::request
