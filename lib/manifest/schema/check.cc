#include "manifest/schema/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/kinds.h"

namespace inference::manifest::schema {
namespace {

namespace codes = api::codes;

// "1.4" before "1.10".
std::pair<int, int> ReleaseOf(std::string_view text) {
  std::pair<int, int> release{0, 0};
  const size_t dot = std::min(text.find('.'), text.size());
  std::from_chars(text.data(), text.data() + dot, release.first);
  if (dot < text.size()) {
    std::from_chars(text.data() + dot + 1, text.data() + text.size(), release.second);
  }
  return release;
}

std::string_view FormatNote(Format format) {
  switch (format) {
    case Format::kGroup:
    case Format::kDnsSubdomain:
      return "lower-case letters, digits, '-' and '.', a letter or digit at both ends";
    case Format::kKind:
      return "letters, digits and '-', beginning with a letter";
    case Format::kNamespace:
      return "at most 63 of a-z, 0-9 and '-', a letter or digit at both ends";
    case Format::kLabelKey:
      return "at most 63 of letters, digits, '-', '_' and '.', with an optional DNS name and '/' "
             "in front";
    case Format::kLabelValue:
      return "at most 63 of letters, digits, '-', '_' and '.', a letter or digit at both ends";
    case Format::kControllerName:
      return "a domain, a slash and a path, such as example.com/gateway";
    case Format::kIpAddress:
      return "IPv4 or IPv6, without port and brackets";
    case Format::kHostName:
    case Format::kNone:
      return "";
  }
  return "";
}

std::string_view FormatName(Format format) {
  switch (format) {
    case Format::kGroup:
      return "an API group";
    case Format::kDnsSubdomain:
      return "a DNS name";
    case Format::kKind:
      return "a kind";
    case Format::kNamespace:
      return "a namespace";
    case Format::kLabelKey:
      return "a label key";
    case Format::kLabelValue:
      return "a label value";
    case Format::kControllerName:
      return "a controller's name";
    case Format::kIpAddress:
      return "an IP address";
    case Format::kHostName:
      return "a host name";
    case Format::kNone:
      return "a text";
  }
  return "a text";
}

std::string_view RangeCode(const Field& field) {
  return field.range_code.empty() ? codes::kOutOfRange : field.range_code;
}

std::string_view FormatCode(Format format) {
  return format == Format::kLabelKey || format == Format::kLabelValue ? codes::kBadLabel
                                                                      : codes::kBadName;
}

class Checker {
 public:
  Checker(const CheckOptions& options, api::Diagnostics& out) : options_(options), out_(out) {}

  void Object(const Node& node, std::span<const Field> fields, bool open, const std::string& path) {
    if (node.kind != Node::Kind::kMap) return WrongType(node, path, "a map");
    for (const NodeMember& member : node.members) {
      if (path.empty() && IsFrame(member.key)) continue;
      const auto field = std::find_if(fields.begin(), fields.end(),
                                      [&](const Field& f) { return f.name == member.key; });
      if (field == fields.end()) {
        if (!open) Unknown(member, fields, path);
        continue;
      }
      if (member.value.kind == Node::Kind::kNull) continue;
      Release(member, *field, path);
      Value(member.value, *field, Join(path, member.key));
    }
    for (const Field& field : fields) {
      if (field.required && !Has(node, field.name)) Missing(node, field, fields, open, path);
    }
  }

 private:
  static bool IsFrame(std::string_view key) {
    return key == "apiVersion" || key == "kind" || key == "metadata" || key == "status";
  }
  static std::string Join(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
  }
  static bool Has(const Node& node, std::string_view name) {
    return std::any_of(node.members.begin(), node.members.end(), [&](const NodeMember& member) {
      return member.key == name && member.value.kind != Node::Kind::kNull;
    });
  }

  void WrongType(const Node& node, const std::string& path, std::string_view expected) {
    Report(out_, codes::kWrongType, node.at,
           fmt::format("{} must be {}, not {}", path, expected, Describe(node)));
  }

  // A field that stands there under a name which is nearly the right one.
  static std::string_view MeantBy(std::string_view key, std::span<const Field> fields) {
    std::vector<std::string_view> names;
    for (const Field& field : fields) names.push_back(field.name);
    return base::ClosestMatch(key, names);
  }

  void Unknown(const NodeMember& member, std::span<const Field> fields, const std::string& path) {
    const std::string_view meant = MeantBy(member.key, fields);
    Report(out_, codes::kUnknownField, member.key_at,
           fmt::format("unknown field '{}'{}", base::Printable(member.key, 60),
                       path.empty() ? "" : " in " + path),
           meant.empty() ? "" : fmt::format("did you mean '{}'?", meant));
  }

  void Missing(const Node& node, const Field& field, std::span<const Field> fields, bool open,
               const std::string& path) {
    for (const NodeMember& member : node.members) {
      const bool known = std::any_of(fields.begin(), fields.end(),
                                     [&](const Field& f) { return f.name == member.key; });
      if (known || MeantBy(member.key, fields) != field.name) continue;
      // Reported as unknown, with this field as the one that was meant.
      if (open) Unknown(member, fields, path);
      return;
    }
    Report(out_, codes::kMissing, node.at, fmt::format("{} is missing", Join(path, field.name)),
           std::string(field.doc));
  }

  void Release(const NodeMember& member, const Field& field, const std::string& path) {
    if (options_.release.empty()) return;
    const auto release = ReleaseOf(options_.release);
    if (!field.since.empty() && release < ReleaseOf(field.since)) {
      Report(out_, codes::kNotInRelease, member.key_at,
             fmt::format("{} came with release {}; these manifests are for {}",
                         Join(path, member.key), field.since, options_.release),
             "an API server of that release drops it silently");
    } else if (!field.until.empty() && ReleaseOf(field.until) < release) {
      Report(out_, codes::kNotInRelease, member.key_at,
             fmt::format("{} went after release {}; these manifests are for {}",
                         Join(path, member.key), field.until, options_.release),
             "an API server of that release drops it silently");
    }
  }

  void Value(const Node& node, const Field& field, const std::string& path) {
    switch (field.type) {
      case Type::kObject:
        return Object(node, field.fields, field.open, path);
      case Type::kMap:
        return Map(node, field, path);
      case Type::kList:
        return List(node, field, path);
      case Type::kString:
        return String(node, field, path);
      case Type::kInteger:
        return Integer(node, field, path);
      case Type::kNumber:
        return Number(node, field, path);
      case Type::kBool:
        ReadBool(node, path, out_);
        return;
      case Type::kDuration:
        return Duration(node, field, path);
      case Type::kQuantity:
        ReadQuantity(node, path, std::max<int64_t>(field.min, 0), field.max, out_);
        return;
      case Type::kIntOrString:
        if (node.kind != Node::Kind::kScalar) WrongType(node, path, "a number or a name");
        return;
      case Type::kAny:
        return;
    }
  }

  void Count(const Node& node, size_t count, const Field& field, const std::string& path,
             std::string_view what) {
    const auto n = static_cast<int64_t>(count);
    if (n < field.min) {
      Report(out_, RangeCode(field), node.at,
             fmt::format("{} needs at least {} {}{}", path, field.min, what,
                         field.min == 1 ? "" : "s"));
    } else if (n > field.max) {
      Report(out_, RangeCode(field), node.at,
             fmt::format("{} has {} {}s; at most {}", path, n, what, field.max));
    }
  }

  void Map(const Node& node, const Field& field, const std::string& path) {
    if (node.kind != Node::Kind::kMap) return WrongType(node, path, "a map");
    Count(node, node.members.size(), field, path, "key");
    for (const NodeMember& member : node.members) {
      if (field.format != Format::kNone && !Matches(field.format, member.key)) {
        BadFormat(member.key, member.key_at, field.format, "");
      }
      Value(member.value, *field.items, Join(path, base::Printable(member.key, 80)));
    }
  }

  void List(const Node& node, const Field& field, const std::string& path) {
    if (node.kind != Node::Kind::kList) return WrongType(node, path, "a list");
    Count(node, node.items.size(), field, path, "item");
    for (size_t i = 0; i < node.items.size(); ++i) {
      Value(node.items[i], *field.items, fmt::format("{}[{}]", path, i));
    }
  }

  void String(const Node& node, const Field& field, const std::string& path) {
    const std::optional<std::string> text = ReadString(node, path, out_);
    if (!text) return;
    if (!field.one_of.empty()) {
      if (std::find(field.one_of.begin(), field.one_of.end(), *text) == field.one_of.end()) {
        NotOneOf(node, field, path);
      }
      return;
    }
    const auto length = static_cast<int64_t>(CodePoints(*text));
    if (length < field.min) {
      Report(out_, codes::kOutOfRange, node.at, fmt::format("{} must not be empty", path));
    } else if (length > field.max) {
      Report(out_, codes::kOutOfRange, node.at,
             fmt::format("{} has {} characters; at most {}", path, length, field.max));
    } else if (!Matches(field.format, *text)) {
      BadFormat(*text, node.at, field.format, path + " ");
    }
  }

  void NotOneOf(const Node& node, const Field& field, const std::string& path) {
    std::string list;
    for (const std::string_view word : field.one_of) {
      list += (list.empty() ? "" : ", ") + std::string(word);
    }
    const std::string_view meant = base::ClosestMatch(node.text, field.one_of);
    Report(out_, codes::kBadValue, node.at,
           fmt::format("{} must be {}{}, not {}", path, field.one_of.size() > 1 ? "one of " : "",
                       list, Describe(node)),
           meant.empty() ? "" : fmt::format("did you mean '{}'?", meant));
  }

  void BadFormat(std::string_view text, const api::Origin& at, Format format, std::string path) {
    Report(out_, FormatCode(format), at,
           fmt::format("{}'{}' is not {}", path, base::Printable(text, 80), FormatName(format)),
           std::string(FormatNote(format)));
  }

  void Integer(const Node& node, const Field& field, const std::string& path) {
    const int64_t min = field.min == kNoMin ? std::numeric_limits<int64_t>::min() : field.min;
    const size_t before = out_.size();
    ReadInt(node, path, min, field.max, out_);
    if (field.range_code.empty()) return;
    for (size_t i = before; i < out_.size(); ++i) {
      if (out_[i].code != codes::kOutOfRange) continue;
      out_[i].code = field.range_code;
      if (field.range_code == codes::kTargetWeight && node.text == "0") {
        out_[i].note = "to send it nothing, take the target out";
      }
    }
  }

  void Duration(const Node& node, const Field& field, const std::string& path) {
    constexpr int64_t kYear = Nanos(std::chrono::hours(24 * 365));
    ReadDuration(node, path, std::chrono::nanoseconds(std::max<int64_t>(field.min, 0)),
                 std::chrono::nanoseconds(std::min(field.max, kYear)), out_);
  }

  void Number(const Node& node, const Field& field, const std::string& path) {
    const ScalarType type = node.kind == Node::Kind::kScalar ? TypeOf(node) : ScalarType::kString;
    if (type != ScalarType::kInt && type != ScalarType::kFloat) {
      return WrongType(node, path, "a number");
    }
    std::string_view text = node.text;
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    const bool low = field.min != kNoMin && value < static_cast<double>(field.min);
    const bool high = field.max != kNoMax && value > static_cast<double>(field.max);
    if (!low && !high) return;
    Report(out_, codes::kOutOfRange, node.at,
           low ? fmt::format("{} must be at least {}, not {}", path, field.min, Describe(node))
               : fmt::format("{} must be at most {}, not {}", path, field.max, Describe(node)));
  }

  const CheckOptions& options_;
  api::Diagnostics& out_;
};

bool IsControllerName(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash + 1 == text.size()) return false;
  if (!api::IsDnsSubdomain(text.substr(0, slash))) return false;
  return std::all_of(text.begin() + static_cast<ptrdiff_t>(slash), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~%!$&'()*+,;=:").find(c) != std::string_view::npos;
  });
}

bool IsKind(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || !letter(text.front()) || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || digit(c) || c == '-'; });
}

}  // namespace

bool IsEarlier(std::string_view a, std::string_view b) {
  return ReleaseOf(a) < ReleaseOf(b);
}

bool Matches(Format format, std::string_view text) {
  switch (format) {
    case Format::kNone:
    case Format::kIpAddress:  // the reader of EndpointSets says more than yes or no
    case Format::kHostName:
      return true;
    case Format::kGroup:
      return text.empty() || api::IsDnsSubdomain(text);
    case Format::kDnsSubdomain:
      return api::IsDnsSubdomain(text);
    case Format::kKind:
      return IsKind(text);
    case Format::kNamespace:
      return api::IsDnsLabel(text);
    case Format::kLabelKey:
      return api::IsLabelKey(text);
    case Format::kLabelValue:
      return api::IsLabelValue(text);
    case Format::kControllerName:
      return IsControllerName(text);
  }
  return true;
}

void Check(const Node& document, const Kind& kind, const CheckOptions& options,
           api::Diagnostics& out) {
  if (kind.has_metadata) {
    api::Diagnostics found;
    MapReader map(document, "", found);
    ReadObjectMeta(map);
    out.insert(out.end(), found.begin(), found.end());
  }
  Checker(options, out).Object(document, kind.fields, false, "");
}

}  // namespace inference::manifest::schema
