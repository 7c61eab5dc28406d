#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inference::base {

/// ASCII only; header names and the like.
std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string_view TrimSpace(std::string_view text);
/// Pieces between `separator`, trimmed, empty ones left out.
std::vector<std::string_view> SplitTrimmed(std::string_view text, char separator);

/// The candidate a person most likely meant, or empty: equal but for case first, then the one with
/// more words (kv-cache-scorer), then the nearest by Damerau-Levenshtein distance of at most
/// max(1, len/3), then the only one that begins so. Never for text of less than 3 characters.
std::string_view ClosestMatch(std::string_view text, std::span<const std::string_view> candidates);

/// `text` with control characters, invalid UTF-8 and what would break a log line as \xNN, cut at
/// `max_bytes` (then ending in "..."). For untrusted text in messages and logs.
std::string Printable(std::string_view text, size_t max_bytes = 200);

/// True when `text` is well-formed UTF-8 (simdjson's validator).
bool IsValidUtf8(std::string_view text);

}  // namespace inference::base
