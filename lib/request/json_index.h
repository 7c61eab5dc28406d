#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace inference::request {

/// Readable bytes that must lie behind a body; their content doesn't matter.
inline constexpr size_t kBodyPadding = 64;

/// A JSON text as a list of tokens in place: brackets, commas, colons, strings and scalars, each at
/// its offset. simdjson's vectorised first stage finds them and checks UTF-8 and control
/// characters; the second stage here checks everything else and pairs the brackets. Unlike
/// simdjson's own second stages it copies no string, passes escapes of lone surrogates and finds
/// faults in parts that nobody reads. Not thread-safe; memory is kept between uses.
class JsonIndex {
 public:
  JsonIndex();
  ~JsonIndex();
  JsonIndex(const JsonIndex&) = delete;
  JsonIndex& operator=(const JsonIndex&) = delete;

  /// Indexes `size` bytes, at most 4 GB; false when they are no JSON text (FindSyntaxFault says
  /// why) or memory ran out. The text must outlive the use of the tokens.
  bool Build(const char* data, size_t size);
  /// Gives the memory back when it was made for more than `keep` bytes of text.
  void ShrinkOver(size_t keep);

  /// Bytes reserved: two 32-bit numbers for each byte of text, in pages that fill only as tokens
  /// come.
  size_t memory() const { return capacity_ * 2 * sizeof(uint32_t); }

  uint32_t size() const { return count_; }
  /// The first byte of a token: one of {}[],:" or a letter, digit or minus; '\0' behind the last.
  char Kind(uint32_t token) const { return token < count_ ? data_[offsets_[token]] : '\0'; }
  uint32_t Offset(uint32_t token) const { return offsets_[token]; }
  /// The token's bytes; strings with their quotes.
  std::string_view Text(uint32_t token) const {
    const size_t begin = offsets_[token];
    size_t end = token + 1 < count_ ? offsets_[token + 1] : text_size_;
    while (end > begin + 1 && IsBlank(data_[end - 1])) --end;
    return {data_ + begin, end - begin};
  }
  /// The inside of a string, still escaped.
  std::string_view Inside(uint32_t string) const {
    const std::string_view text = Text(string);
    return text.substr(1, text.size() - 2);
  }
  /// The token that ends the value beginning at `token`: itself or the closing bracket.
  uint32_t End(uint32_t token) const {
    const char kind = Kind(token);
    return kind == '{' || kind == '[' ? close_[token] : token;
  }
  /// The bytes of the value beginning at `token`, as written.
  std::string_view Raw(uint32_t token) const {
    const uint32_t last = End(token);
    return {data_ + offsets_[token], offsets_[last] - offsets_[token] + Text(last).size()};
  }
  /// Tests a key as it is written: "\u006dodel" is "model" too.
  static bool KeyEquals(std::string_view key, std::string_view name) {
    return key.size() == name.size() ? key == name : EscapedKeyEquals(key, name);
  }

  /// Calls fn(key as written, value token) for each member in order until it returns false; false
  /// then.
  template <typename Fn>
  bool ForEachMember(uint32_t object, Fn&& fn) const {
    const uint32_t end = close_[object];
    for (uint32_t t = object + 1; t < end; t = End(t + 2) + 2) {
      if (!fn(Inside(t), t + 2)) return false;
    }
    return true;
  }
  /// Calls fn(value token) for each element in order until it returns false; false then.
  template <typename Fn>
  bool ForEachElement(uint32_t array, Fn&& fn) const {
    const uint32_t end = close_[array];
    for (uint32_t t = array + 1; t < end; t = End(t) + 2) {
      if (!fn(t)) return false;
    }
    return true;
  }

 private:
  struct Stage1;
  static bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  static bool EscapedKeyEquals(std::string_view key, std::string_view name);
  bool Reserve(size_t size);
  bool CheckAndPair();
  bool IsValidString(uint32_t token) const;

  std::unique_ptr<Stage1> stage1_;
  std::unique_ptr<uint32_t[]> close_;  // by token; set for opening brackets only
  size_t capacity_ = 0;                // bytes of text that there is memory for
  const char* data_ = nullptr;
  size_t text_size_ = 0;
  const uint32_t* offsets_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace inference::request
