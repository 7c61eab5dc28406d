// Usage from responses. First byte: the kind; the next two: where it is cut. However a response is
// cut the outcome is the same, and for plain JSON it is what a library finds.
#include <simdjson.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "request/usage.h"

namespace {

using namespace inference::request;

void Require(bool condition) {
  if (!condition) std::abort();
}

// A chunk in memory of its own, so that reading past it shows.
void FeedCopy(UsageScanner& scanner, std::string_view chunk) {
  const auto copy = std::make_unique<char[]>(chunk.size());
  chunk.copy(copy.get(), chunk.size());
  scanner.Feed({copy.get(), chunk.size()});
}

UsageScanner Scan(ResponseKind kind, std::string_view text, size_t step) {
  UsageScanner scanner(kind);
  for (; text.size() > step; text.remove_prefix(step)) FeedCopy(scanner, text.substr(0, step));
  FeedCopy(scanner, text);
  scanner.Finish();
  return scanner;
}

void RequireSame(const UsageScanner& a, const UsageScanner& b) {
  Require(a.usage() == b.usage() && a.events() == b.events() && a.done() == b.done());
}

void TakeCount(simdjson::dom::element value, int64_t& into) {
  uint64_t number = 0;
  if (value.get(number) == simdjson::SUCCESS && number <= uint64_t{1} << 53) {
    into = static_cast<int64_t>(number);
  }
}

void TakeUsage(simdjson::dom::object object, Usage& into) {
  Usage found;
  for (const auto [key, value] : object) {
    if (key == "prompt_tokens" || key == "input_tokens") TakeCount(value, found.prompt_tokens);
    if (key == "completion_tokens" || key == "output_tokens") {
      TakeCount(value, found.completion_tokens);
    }
    if (key == "total_tokens") TakeCount(value, found.total_tokens);
    simdjson::dom::object details;
    const bool has_details = key == "prompt_tokens_details" || key == "input_tokens_details";
    if (!has_details || value.get(details) != simdjson::SUCCESS) continue;
    for (const auto [name, count] : details) {
      if (name == "cached_tokens") TakeCount(count, found.cached_tokens);
    }
  }
  if (found.total_tokens < 0 && found.prompt_tokens >= 0 && found.completion_tokens >= 0) {
    found.total_tokens = found.prompt_tokens + found.completion_tokens;
  }
  if (found.prompt_tokens >= 0) into.prompt_tokens = found.prompt_tokens;
  if (found.completion_tokens >= 0) into.completion_tokens = found.completion_tokens;
  if (found.total_tokens >= 0) into.total_tokens = found.total_tokens;
  if (found.cached_tokens >= 0) into.cached_tokens = found.cached_tokens;
}

void TakeAll(simdjson::dom::object object, bool top, Usage& into) {
  for (const auto [key, value] : object) {
    simdjson::dom::object child;
    if (value.get(child) != simdjson::SUCCESS) continue;
    if (key == "usage") TakeUsage(child, into);
    if (key == "response" && top) TakeAll(child, false, into);
  }
}

void CompareWithLibrary(std::string_view text, const Usage& usage) {
  // Escaped names are not looked for, "-0" is no count.
  if (text.find_first_of("\\-") != text.npos) return;
  static simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return;
  Usage expected;
  TakeAll(root, true, expected);
  Require(expected == usage);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const ResponseKind kind = data[0] % 2 == 0 ? ResponseKind::kSse : ResponseKind::kJson;
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const UsageScanner whole = Scan(kind, text, text.size() + 1);
  RequireSame(whole, Scan(kind, text, 1));
  RequireSame(whole, Scan(kind, text, size_t{1} + data[1]));
  RequireSame(whole, Scan(kind, text, size_t{1} + data[2]));
  if (kind == ResponseKind::kJson) CompareWithLibrary(text, whole.usage());
  return 0;
}
