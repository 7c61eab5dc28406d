#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace inference::request {

/// Token counts as a model server reported them; -1: not reported.
struct Usage {
  int64_t prompt_tokens = -1;
  int64_t completion_tokens = -1;
  int64_t total_tokens = -1;   // as reported, else the sum of the two when both are known
  int64_t cached_tokens = -1;  // of the prompt

  bool seen() const { return prompt_tokens >= 0 || completion_tokens >= 0 || total_tokens >= 0; }
  bool operator==(const Usage&) const = default;
};

/// Finds `usage` or `response.usage` in one JSON object that comes in pieces cut anywhere. Keeps
/// nothing of the text but the position in it: an object inside a string or deeper down is not
/// taken for usage. Text that is no JSON object gives nothing; what is not looked at is not
/// validated.
class UsageJson {
 public:
  /// Begins a new text; `usage` keeps what later texts don't say.
  void Begin();
  /// Takes over into `usage` field by field when a usage object is complete.
  void Feed(std::string_view piece, Usage& usage);
  /// True when nothing that follows can matter.
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State : uint8_t {
    kStart,     // before the object
    kKeyOrEnd,  // in an object on the way, before a key, comma or its end
    kKey,       // in a key
    kColon,
    kValue,   // before a value
    kNumber,  // in a number that is wanted
    kString,  // in a string that isn't wanted
    kScalar,  // in a scalar that isn't wanted
    kNested,  // in a value that isn't wanted, level by level
    kNestedString,
    kDone,
  };
  // The object that we stand in.
  enum class Object : uint8_t { kTop, kResponse, kUsage, kDetails };
  enum class Field : uint8_t { kNone, kPrompt, kCompletion, kTotal, kCached, kDescend };

  const char* SkipString(const char* at, const char* end);
  const char* SkipNested(const char* at, const char* end);
  const char* ReadKey(const char* at, const char* end);
  const char* ReadNumber(const char* at, const char* end);
  const char* BeginValue(const char* at);
  void CloseObject(Usage& usage);
  void Classify();
  void Store(int64_t number);

  State state_ = State::kDone;
  Object object_ = Object::kTop;
  Object descend_ = Object::kTop;  // when field_ is kDescend: into which
  bool in_response_ = false;       // the usage object is response.usage
  Field field_ = Field::kNone;
  bool escaped_ = false;  // the last byte of the string was an unpaired backslash
  uint32_t nested_ = 0;
  uint8_t key_size_ = 0;  // bytes of key_; more than it holds: no key of ours
  bool number_ok_ = false;
  int64_t number_ = 0;
  std::array<char, 24> key_{};
  Usage found_;  // of the usage object being read
};

}  // namespace inference::request
