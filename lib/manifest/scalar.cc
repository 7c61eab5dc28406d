#include <fmt/format.h>

#include <charconv>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/document.h"

// What a scalar means: the rules on which YAML 1.1, 1.2 and JSON agree.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

bool MatchesInt(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

size_t SkipDigits(std::string_view text, size_t i) {
  while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
  return i;
}

bool MatchesFloat(std::string_view text) {
  size_t i = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const size_t whole = SkipDigits(text, i);
  size_t digits = whole - i;
  i = whole;
  if (i < text.size() && text[i] == '.') {
    const size_t end = SkipDigits(text, i + 1);
    digits += end - i - 1;
    i = end;
  }
  if (digits == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    const size_t end = SkipDigits(text, i);
    if (end == i) return false;
    i = end;
  }
  return i == text.size();
}

// What YAML 1.1 reads as a boolean, an octal, hexadecimal, binary or grouped number, or no number.
bool IsAmbiguous(std::string_view text) {
  const std::string lower = base::ToLower(text);
  for (const std::string_view word : {"yes", "no", "on", "off", ".nan", ".inf", "+.inf", "-.inf"}) {
    if (lower == word) return true;
  }
  std::string_view digits = lower;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
  if (digits.empty() || digits[0] < '0' || digits[0] > '9') return false;
  if (digits.size() > 2 && digits[0] == '0' &&
      (digits[1] == 'x' || digits[1] == 'o' || digits[1] == 'b')) {
    return digits.substr(2).find_first_not_of("0123456789abcdef_") == std::string_view::npos;
  }
  return digits.find_first_not_of("0123456789_") == std::string_view::npos;
}

}  // namespace

ScalarType TypeOf(const Node& scalar) {
  return scalar.plain ? PlainTypeOf(scalar.text) : ScalarType::kString;
}

ScalarType PlainTypeOf(std::string_view text) {
  for (const std::string_view word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == word) return ScalarType::kBool;
  }
  if (MatchesInt(text)) return ScalarType::kInt;
  if (IsAmbiguous(text)) return ScalarType::kAmbiguous;
  return MatchesFloat(text) ? ScalarType::kFloat : ScalarType::kString;
}

api::Value ToValue(const Node& node, api::Diagnostics& diagnostics) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return {};
    case Node::Kind::kList: {
      api::Value::List list;
      for (const Node& item : node.items) list.push_back(ToValue(item, diagnostics));
      return {std::move(list), node.at};
    }
    case Node::Kind::kMap: {
      api::Value::Map map;
      for (const NodeMember& member : node.members) {
        map.push_back({member.key, member.key_at, ToValue(member.value, diagnostics)});
      }
      return {std::move(map), node.at};
    }
    case Node::Kind::kScalar:
      break;
  }
  std::string_view number = node.text;
  if (number.starts_with('+')) number.remove_prefix(1);
  switch (TypeOf(node)) {
    case ScalarType::kString:
      return {node.text, node.at};
    case ScalarType::kBool:
      return {node.text[0] == 't' || node.text[0] == 'T', node.at};
    case ScalarType::kInt: {
      int64_t value = 0;
      const auto end = number.data() + number.size();
      if (std::from_chars(number.data(), end, value).ec == std::errc()) return {value, node.at};
      [[fallthrough]];
    }
    case ScalarType::kFloat: {
      double value = 0;
      const auto end = number.data() + number.size();
      if (std::from_chars(number.data(), end, value).ec == std::errc()) return {value, node.at};
      [[fallthrough]];
    }
    case ScalarType::kAmbiguous:
      break;
  }
  diagnostics.push_back(
      {api::Severity::kError, std::string(codes::kAmbiguousScalar), node.at,
       fmt::format("{} means different things to different YAML readers",
                   base::Printable(node.text, 60)),
       "put it in quotes for a string, or write true, false or a decimal number"});
  return {};
}

}  // namespace inference::manifest
