#include "manifest/edit/scalar_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "manifest/document.h"

namespace inference::manifest::edit {

std::string Quoted(std::string_view value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool IsPlainString(std::string_view text) {
  if (text.empty() || PlainTypeOf(text) != ScalarType::kString) return false;
  for (const std::string_view word : {"null", "~", "y", "n", "=", "<<"}) {
    if (base::EqualsIgnoreCase(text, word)) return false;
  }
  // More is allowed, but names and numbers need no more.
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./+").find(c) != std::string_view::npos;
  };
  const bool inside =
      std::all_of(text.begin() + 1, text.end(), [&](char c) { return harmless(c) || c == '@'; });
  return inside && (harmless(text[0]) && text[0] != '-' && text[0] != '+');
}

std::string InStyleOf(std::string_view written, std::string_view value) {
  if (written.starts_with('\'')) {
    std::string out = "'";
    for (const char c : value) out += c == '\'' ? "''" : std::string(1, c);
    return out + "'";
  }
  if (written.starts_with('"') || !IsPlainString(value)) return Quoted(value);
  return std::string(value);
}

}  // namespace inference::manifest::edit
