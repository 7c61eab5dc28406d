#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inference::request {

/// Objects and arrays may lie this deep in one another; the outermost is level 1. Tool schemas of
/// real clients stay below 40.
inline constexpr uint32_t kMaxJsonDepth = 256;

/// What is wrong with a text that should be JSON.
struct SyntaxFault {
  size_t offset = 0;    // in bytes from the start; equal to the size at the end of the text
  std::string message;  // in plain words, without the position; holds no raw byte of the text
};

/// The first fault of `text` by RFC 8259, or nothing. UTF-8 must be well-formed, escapes of lone
/// surrogates pass, a depth over kMaxJsonDepth is a fault. Goes byte by byte: meant for texts that
/// JsonIndex refused, which it agrees with.
std::optional<SyntaxFault> FindSyntaxFault(std::string_view text);

/// Bytes of the well-formed UTF-8 sequence that `text`, not empty, begins with; 0 when it is none
/// (Unicode 15, table 3-7).
size_t Utf8Length(std::string_view text);

/// True for the number, true, false or null that fills `text`.
bool IsJsonScalar(std::string_view text);

/// True when every backslash in `text`, the inside of a JSON string, begins a known escape.
bool HasValidEscapes(std::string_view text);

/// Writes `text`, the inside of a valid JSON string, unescaped to `out`, which must have room for
/// text.size() bytes; returns the bytes written. A lone surrogate becomes U+FFFD.
size_t Unescape(std::string_view text, char* out);

}  // namespace inference::request
