#include "base/text.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace inference::base {
namespace {

char LowerChar(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Optimal string alignment: insertions, deletions, substitutions, neighbours swapped.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t cost = LowerChar(a[i - 1]) == LowerChar(b[j - 1]) ? 0 : 1;
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[b.size()];
}

// The candidate that has all words of a text of several, in their order, and the fewest others.
std::string_view WithMoreWords(std::string_view text,
                               std::span<const std::string_view> candidates) {
  const std::vector<std::string_view> words = SplitTrimmed(text, '-');
  if (words.size() < 2) return {};
  std::string_view best;
  size_t fewest = 0;
  for (const std::string_view candidate : candidates) {
    const std::vector<std::string_view> all = SplitTrimmed(candidate, '-');
    size_t found = 0;
    for (const std::string_view word : all) {
      if (found < words.size() && EqualsIgnoreCase(word, words[found])) ++found;
    }
    if (found == words.size() && (best.empty() || all.size() < fewest)) {
      best = candidate;
      fewest = all.size();
    }
  }
  return best;
}

std::string_view OnlyOneThatBegins(std::string_view text,
                                   std::span<const std::string_view> candidates) {
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    if (!EqualsIgnoreCase(candidate.substr(0, text.size()), text) || candidate == found) continue;
    if (!found.empty()) return {};
    found = candidate;
  }
  return found;
}

bool IsContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// One character of UTF-8. Terminals obey the controls of U+0080 to U+009F as they do escape
// sequences; U+2028 and U+2029 end lines; the others turn the direction of what follows.
bool ChangesOtherText(std::string_view character) {
  const auto within = [&](std::string_view first, std::string_view last) {
    return character >= first && character <= last;
  };
  if (character.size() == 2) return within("\xc2\x80", "\xc2\x9f") || character == "\u061c";
  return character.size() == 3 &&
         (within("\u200e", "\u200f") || within("\u2028", "\u202e") || within("\u2066", "\u2069"));
}

}  // namespace

std::string ToLower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), LowerChar);
  return out;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerChar(x) == LowerChar(y); });
}

std::string_view TrimSpace(std::string_view text) {
  const char* kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string_view> SplitTrimmed(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    const std::string_view piece = TrimSpace(text.substr(0, end));
    if (!piece.empty()) pieces.push_back(piece);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return pieces;
}

std::string_view ClosestMatch(std::string_view text, std::span<const std::string_view> candidates) {
  if (text.size() < 3 || text.size() > 256) return {};
  for (std::string_view candidate : candidates) {
    if (EqualsIgnoreCase(text, candidate)) return candidate;
  }
  if (const std::string_view longer = WithMoreWords(text, candidates); !longer.empty()) {
    return longer;
  }
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, text.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    const size_t distance = EditDistance(text, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best.empty() ? OnlyOneThatBegins(text, candidates) : best;
}

std::string Printable(std::string_view text, size_t max_bytes) {
  const bool cut = text.size() > max_bytes;
  const bool utf8 = IsValidUtf8(text);
  if (cut) {
    while (utf8 && max_bytes > 0 && IsContinuation(text[max_bytes])) --max_bytes;
    text = text.substr(0, max_bytes);
  }
  std::string out;
  out.reserve(text.size() + 8);
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    size_t size = 1;
    while (utf8 && i + size < text.size() && IsContinuation(text[i + size])) ++size;
    const std::string_view character = text.substr(i, size);
    const bool bad = c < 0x20 || c == 0x7f || c == '\\' || (c >= 0x80 && !utf8);
    if (bad || ChangesOtherText(character)) {
      for (const unsigned char byte : character) {
        std::array<char, 5> escaped;
        std::snprintf(escaped.data(), escaped.size(), "\\x%02x", byte);
        out += escaped.data();
      }
    } else {
      out += character;
    }
    i += size;
  }
  if (cut) out += "...";
  return out;
}

bool IsValidUtf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace inference::base
