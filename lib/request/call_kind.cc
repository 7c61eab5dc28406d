#include "request/call_kind.h"

#include "base/text.h"

namespace inference::request {

using api::CallKind;

CallKind CallKindOfPath(std::string_view path) {
  struct Row {
    std::string_view suffix;
    CallKind call;
  };
  // Longer suffixes stand before those that they end in.
  static constexpr Row kRows[] = {{"/chat/completions", CallKind::kChatCompletions},
                                  {"/completions", CallKind::kCompletions},
                                  {"/embeddings", CallKind::kEmbeddings},
                                  {"/responses", CallKind::kResponses}};
  path = path.substr(0, path.find_first_of("?#"));
  while (path.ends_with('/')) path.remove_suffix(1);
  for (const Row& row : kRows) {
    if (path.ends_with(row.suffix) || path == row.suffix.substr(1)) return row.call;
  }
  return CallKind::kOther;
}

bool IsJsonContentType(std::string_view content_type) {
  content_type = base::TrimSpace(content_type.substr(0, content_type.find(';')));
  if (content_type.empty() || base::EqualsIgnoreCase(content_type, "application/json")) return true;
  constexpr std::string_view kSuffix = "+json";
  return content_type.size() > kSuffix.size() &&
         base::EqualsIgnoreCase(content_type.substr(content_type.size() - kSuffix.size()), kSuffix);
}

}  // namespace inference::request
