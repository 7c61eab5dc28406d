#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace inference::request {

/// How a JSON text that was cut off anywhere is made whole: its first `kept` bytes, then `closing`.
/// Half numbers, literals, keys and strings are left out, as are members without a value.
struct JsonCut {
  bool whole = false;  // nothing is missing; the rest means nothing
  size_t kept = 0;
  std::string closing;
  /// A shorter way: the root object's last member left out, closed by one '}'. 0: there is none.
  size_t without_last_member = 0;
};

/// `open_strings`: names of members of the root object under which a value string that was cut is
/// kept as far as it came, to a whole character and escape. Nothing when the text is no JSON that
/// was cut: wrong brackets, deeper than kMaxJsonDepth. Looks no closer than it needs to: what is
/// completed may still be refused by JsonIndex. Linear in the text's size, allocates only
/// `closing`.
std::optional<JsonCut> FindCut(std::string_view text,
                               std::span<const std::string_view> open_strings);

}  // namespace inference::request
