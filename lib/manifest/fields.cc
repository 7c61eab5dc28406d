#include "manifest/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"

namespace inference::manifest {
namespace {

namespace codes = api::codes;

std::string Subject(std::string_view path) {
  return path.empty() ? "the document" : std::string(path);
}

// A plain value that YAML readers take differently is wrong for that alone.
std::string_view TypeCode(const Node& node) {
  const bool ambiguous = node.kind == Node::Kind::kScalar && TypeOf(node) == ScalarType::kAmbiguous;
  return ambiguous ? codes::kAmbiguousScalar : codes::kWrongType;
}

void WrongType(const Node& node, std::string_view path, std::string_view expected,
               api::Diagnostics& out, std::string note = "") {
  Report(out, TypeCode(node), node.at,
         fmt::format("{} must be {}, not {}", Subject(path), expected, Describe(node)),
         std::move(note));
}

std::string Join(std::initializer_list<std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

}  // namespace

void Report(api::Diagnostics& out, std::string_view code, const api::Origin& at,
            std::string message, std::string note) {
  out.push_back(
      {api::Severity::kError, std::string(code), at, std::move(message), std::move(note)});
}

void Warn(api::Diagnostics& out, std::string_view code, const api::Origin& at, std::string message,
          std::string note) {
  out.push_back(
      {api::Severity::kWarning, std::string(code), at, std::move(message), std::move(note)});
}

size_t CodePoints(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string Describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kScalar:
      break;
  }
  const std::string text = base::Printable(node.text, 60);
  return node.plain && TypeOf(node) != ScalarType::kString ? text : "'" + text + "'";
}

std::optional<std::string> ReadString(const Node& node, std::string_view path,
                                      api::Diagnostics& out) {
  if (node.kind != Node::Kind::kScalar) {
    WrongType(node, path, "a string", out);
    return std::nullopt;
  }
  if (TypeOf(node) != ScalarType::kString) {
    WrongType(node, path, "a string", out,
              "put it in quotes: \"" + base::Printable(node.text, 60) + "\"");
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> ReadString(const Node& node, std::string_view path, size_t min,
                                      size_t max, api::Diagnostics& out) {
  std::optional<std::string> text = ReadString(node, path, out);
  if (!text || (text->size() >= min && text->size() <= max)) return text;
  Report(out, codes::kOutOfRange, node.at,
         text->size() < min
             ? fmt::format("{} must not be empty", path)
             : fmt::format("{} is {} bytes long; at most {}", path, text->size(), max));
  return std::nullopt;
}

std::optional<std::string> ReadEnum(const Node& node, std::string_view path,
                                    std::initializer_list<std::string_view> allowed,
                                    api::Diagnostics& out) {
  std::optional<std::string> text = ReadString(node, path, out);
  if (!text || std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return text;
  const std::vector<std::string_view> candidates(allowed);
  const std::string_view meant = base::ClosestMatch(*text, candidates);
  Report(out, codes::kBadValue, node.at,
         fmt::format("{} must be one of {}, not {}", path, Join(allowed), Describe(node)),
         meant.empty() ? "" : fmt::format("did you mean '{}'?", meant));
  return std::nullopt;
}

std::optional<bool> ReadBool(const Node& node, std::string_view path, api::Diagnostics& out) {
  if (node.kind == Node::Kind::kScalar && TypeOf(node) == ScalarType::kBool) {
    return node.text[0] == 't' || node.text[0] == 'T';
  }
  const bool quoted = node.kind == Node::Kind::kScalar && !node.plain;
  const bool ambiguous = TypeCode(node) == codes::kAmbiguousScalar;
  WrongType(node, path, "true or false", out,
            quoted      ? "write it without quotes"
            : ambiguous ? "only true and false mean the same to every reader"
                        : "");
  return std::nullopt;
}

std::optional<int64_t> ReadInt(const Node& node, std::string_view path, int64_t min, int64_t max,
                               api::Diagnostics& out) {
  if (node.kind != Node::Kind::kScalar || TypeOf(node) != ScalarType::kInt) {
    const bool scalar = node.kind == Node::Kind::kScalar;
    const bool quoted = scalar && !node.plain && PlainTypeOf(node.text) == ScalarType::kInt;
    const bool ambiguous = scalar && TypeOf(node) == ScalarType::kAmbiguous;
    WrongType(node, path, "a whole number", out,
              quoted      ? "write it without quotes"
              : ambiguous ? "write a decimal number without leading zeros"
                          : "");
    return std::nullopt;
  }
  std::string_view text = node.text;
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  const bool fits =
      std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  if (fits && value >= min && value <= max) return value;
  Report(out, codes::kOutOfRange, node.at,
         fmt::format("{} must be {} to {}, not {}", path, min, max, Describe(node)));
  return std::nullopt;
}

std::optional<double> ReadWeight(const Node& node, std::string_view path, api::Diagnostics& out) {
  const ScalarType type = node.kind == Node::Kind::kScalar ? TypeOf(node) : ScalarType::kString;
  if (type != ScalarType::kInt && type != ScalarType::kFloat) {
    WrongType(node, path, "a number", out);
    return std::nullopt;
  }
  std::string_view text = node.text;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const bool fits =
      std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  if (fits && std::isfinite(value) && value >= 0) return value;
  Report(out, codes::kOutOfRange, node.at,
         fmt::format("{} must be a finite number of at least 0, not {}", path, Describe(node)));
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> ReadDuration(const Node& node, std::string_view path,
                                                     std::chrono::nanoseconds min,
                                                     std::chrono::nanoseconds max,
                                                     api::Diagnostics& out) {
  std::optional<std::chrono::nanoseconds> value;
  if (node.kind == Node::Kind::kScalar) value = api::ParseDuration(node.text);
  if (!value) {
    const bool number = node.kind == Node::Kind::kScalar && TypeOf(node) != ScalarType::kString;
    WrongType(node, path, "a duration", out,
              number ? "it needs a unit: 500ms, 2s, 1m30s" : "such as 500ms, 2s or 1m30s");
    return std::nullopt;
  }
  if (*value >= min && *value <= max) return value;
  Report(out, codes::kOutOfRange, node.at,
         fmt::format("{} must be {} to {}, not {}", path, api::FormatDuration(min),
                     api::FormatDuration(max), node.text));
  return std::nullopt;
}

std::optional<int64_t> ReadQuantity(const Node& node, std::string_view path, int64_t min,
                                    int64_t max, api::Diagnostics& out) {
  std::optional<int64_t> value;
  if (node.kind == Node::Kind::kScalar && TypeOf(node) != ScalarType::kAmbiguous) {
    value = api::ParseQuantity(node.text);
  }
  if (!value) {
    WrongType(node, path, "a number of bytes", out, "such as 64Mi, 2Gi or 1000000");
    return std::nullopt;
  }
  if (*value >= min && *value <= max) return value;
  Report(out, codes::kOutOfRange, node.at,
         fmt::format("{} must be {} to {}, not {}", path, api::FormatQuantity(min),
                     api::FormatQuantity(max), node.text));
  return std::nullopt;
}

const std::vector<Node>* ReadList(const Node& node, std::string_view path, size_t min, size_t max,
                                  api::Diagnostics& out) {
  if (node.kind != Node::Kind::kList) {
    WrongType(node, path, "a list", out);
    return nullptr;
  }
  if (node.items.size() >= min && node.items.size() <= max) return &node.items;
  Report(out, codes::kOutOfRange, node.at,
         node.items.size() < min
             ? fmt::format("{} needs at least {} item{}", path, min, min == 1 ? "" : "s")
             : fmt::format("{} has {} items; at most {}", path, node.items.size(), max));
  return nullptr;
}

MapReader::MapReader(const Node& node, std::string path, api::Diagnostics& out)
    : node_(node), path_(std::move(path)), out_(out) {
  if (node.kind == Node::Kind::kMap) return;
  ok_ = false;
  WrongType(node, path_, "a map", out);
}

const Node* MapReader::Find(std::string_view name) {
  known_.push_back(name);
  for (const NodeMember& member : node_.members) {
    if (member.key == name) return member.value.kind == Node::Kind::kNull ? nullptr : &member.value;
  }
  return nullptr;
}

const Node* MapReader::Need(std::string_view name) {
  const Node* value = Find(name);
  if (!value && ok_) missing_.push_back({{name}, fmt::format("{} is missing", Path(name))});
  return value;
}

void MapReader::NeedOneOf(std::initializer_list<std::string_view> names, std::string message) {
  for (const NodeMember& member : node_.members) {
    const bool named = std::find(names.begin(), names.end(), member.key) != names.end();
    if (named && member.value.kind != Node::Kind::kNull) return;
  }
  if (ok_) missing_.push_back({names, std::move(message)});
}

void MapReader::Refuse(std::string_view name, std::string_view note) {
  if (!Find(name)) return;
  Report(out_, codes::kFieldNotActedOn, KeyOrigin(name),
         fmt::format("no part of this build acts on {}", Path(name)), std::string(note));
}

void MapReader::Ignore(std::initializer_list<std::string_view> names) {
  known_.insert(known_.end(), names.begin(), names.end());
}

api::Origin MapReader::KeyOrigin(std::string_view name) const {
  for (const NodeMember& member : node_.members) {
    if (member.key == name) return member.key_at;
  }
  return node_.at;
}

std::string MapReader::Path(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

bool MapReader::IsKnown(std::string_view name) const {
  return std::find(known_.begin(), known_.end(), name) != known_.end();
}

void MapReader::ReportUnknown(const NodeMember& member, std::string_view consequence) {
  const std::string_view meant = base::ClosestMatch(member.key, known_);
  Report(out_, codes::kUnknownField, member.key_at,
         fmt::format("unknown field '{}'{}{}", base::Printable(member.key, 60),
                     path_.empty() ? "" : " in " + path_, consequence),
         meant.empty() ? "" : fmt::format("did you mean '{}'?", meant));
  reported_.push_back(&member);
}

bool MapReader::HasMisspelt(std::string_view name) const {
  return std::any_of(node_.members.begin(), node_.members.end(), [&](const NodeMember& member) {
    return !IsKnown(member.key) && base::ClosestMatch(member.key, known_) == name;
  });
}

void MapReader::ReportMissing() {
  for (const Missing& missing : missing_) {
    const NodeMember* misspelt = nullptr;
    for (const NodeMember& member : node_.members) {
      if (misspelt || IsKnown(member.key)) continue;
      const std::string_view meant = base::ClosestMatch(member.key, known_);
      const auto& names = missing.names;
      if (std::find(names.begin(), names.end(), meant) != names.end()) misspelt = &member;
    }
    if (misspelt) {
      ReportUnknown(*misspelt, ", and " + missing.message);
    } else {
      Report(out_, codes::kMissing, node_.at, missing.message);
    }
  }
  missing_.clear();
}

void MapReader::Done() {
  ReportMissing();
  for (const NodeMember& member : node_.members) {
    const bool said = std::find(reported_.begin(), reported_.end(), &member) != reported_.end();
    if (!said && !IsKnown(member.key)) ReportUnknown(member, "");
  }
}

}  // namespace inference::manifest
