#include "manifest/schema/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "api/text_values.h"
#include "base/text.h"

namespace inference::manifest::schema {
namespace {

const Field* Innermost(const Field* field) {
  while (field->items != nullptr) field = field->items;
  return field;
}

void Wrap(std::string_view text, size_t indent, size_t width, std::string& out) {
  const std::string margin(indent, ' ');
  size_t column = 0;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    if (column > 0 && column + 1 + space > width) {
      out += '\n';
      column = 0;
    }
    if (column == 0) {
      out += margin;
      column = indent;
    } else {
      out += ' ';
      ++column;
    }
    out += text.substr(0, space);
    column += space;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  out += '\n';
}

std::string Range(const Field& field) {
  std::string_view what = field.type == Type::kString ? " characters"
                          : field.type == Type::kList ? " items"
                          : field.type == Type::kMap  ? " keys"
                                                      : "";
  const auto shown = [&](int64_t bound) {
    if (field.type == Type::kDuration) return api::FormatDuration(std::chrono::nanoseconds(bound));
    if (field.type == Type::kQuantity) return api::FormatQuantity(bound);
    return std::to_string(bound);
  };
  if (field.min != kNoMin && field.max != kNoMax) {
    return fmt::format("{} to {}{}", shown(field.min), shown(field.max), what);
  }
  if (field.min != kNoMin) return fmt::format("at least {}{}", shown(field.min), what);
  if (field.max != kNoMax) return fmt::format("at most {}{}", shown(field.max), what);
  return "";
}

std::string Facts(const Field& field) {
  std::string out;
  const auto add = [&](const std::string& fact) { out += (out.empty() ? "" : "; ") + fact; };
  if (!field.one_of.empty()) {
    std::string words;
    for (const std::string_view word : field.one_of) {
      words += (words.empty() ? "" : ", ") + std::string(word);
    }
    add("one of " + words);
  }
  if (const std::string range = Range(field); !range.empty()) add(range);
  if (!field.def.empty()) add("default " + std::string(field.def));
  if (!field.since.empty()) add("since release " + std::string(field.since));
  if (!field.until.empty()) add("until release " + std::string(field.until));
  if (field.immutable) add("cannot be changed later");
  return out;
}

void List(std::span<const Field> fields, int depth, size_t indent, size_t width, std::string& out) {
  for (const Field& field : fields) {
    out += fmt::format("{}{}  <{}>{}\n", std::string(indent, ' '), field.name, TypeName(field),
                       field.required ? "  required" : "");
    if (!field.doc.empty()) Wrap(field.doc, indent + 4, width, out);
    if (const std::string facts = Facts(field); !facts.empty()) {
      Wrap(facts, indent + 4, width, out);
    }
    const auto inner = Innermost(&field)->fields;
    if (depth > 1 && !inner.empty()) List(inner, depth - 1, indent + 2, width, out);
  }
}

// "no field 'targetPort' in spec; did you mean 'targetPorts'?"
Status NoField(const Kind& kind, std::string_view path) {
  std::span<const Field> fields = kind.fields;
  std::string parent;
  while (true) {
    const size_t dot = std::min(path.find('.'), path.size());
    const std::string name(path.substr(0, dot));
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& field) { return field.name == name; });
    if (found == fields.end()) {
      std::vector<std::string_view> names;
      for (const Field& field : fields) names.push_back(field.name);
      const std::string_view meant = base::ClosestMatch(name, names);
      std::string known;
      for (const std::string_view each : names)
        known += (known.empty() ? "" : ", ") + std::string(each);
      return {Code::kNotFound,
              fmt::format("{} has no field '{}'{}", kind.kind, base::Printable(name, 60),
                          parent.empty() ? "" : " in " + parent) +
                  (meant.empty() ? (known.empty() ? "; it has no fields" : "; it has " + known)
                                 : fmt::format("; did you mean '{}'?", meant))};
    }
    parent += (parent.empty() ? "" : ".") + name;
    fields = Innermost(&*found)->fields;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
}

}  // namespace

Result<const Kind*> KindNamed(std::string_view name, std::string_view api_version) {
  std::vector<std::string_view> names;
  for (const Kind& kind : Kinds()) {
    const bool named = base::EqualsIgnoreCase(name, kind.kind) ||
                       (!kind.plural.empty() && base::EqualsIgnoreCase(name, kind.plural)) ||
                       (!kind.short_name.empty() && base::EqualsIgnoreCase(name, kind.short_name));
    if (named && (api_version.empty() || api_version == kind.api_version)) return &kind;
    names.push_back(kind.kind);
    if (!kind.plural.empty()) names.push_back(kind.plural);
  }
  const std::string_view meant = base::ClosestMatch(name, names);
  return Status(Code::kNotFound,
                fmt::format("no kind '{}'{}", base::Printable(name, 60),
                            api_version.empty() ? "" : " in " + base::Printable(api_version, 80)) +
                    (meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
}

Result<std::string> Explain(const Kind& kind, std::string_view path, int depth, size_t width) {
  std::string out = fmt::format("KIND:     {}\nVERSION:  {}\n", kind.kind, kind.api_version);
  std::span<const Field> fields = kind.fields;
  std::string_view doc = kind.doc;
  if (!path.empty()) {
    const Field* field = FindField(kind, path);
    if (field == nullptr) return NoField(kind, path);
    out += fmt::format("FIELD:    {}  <{}>{}\n", path, TypeName(*field),
                       field->required ? "  required" : "");
    if (const std::string facts = Facts(*field); !facts.empty()) out += "          " + facts + "\n";
    fields = Innermost(field)->fields;
    doc = field->doc;
  }
  out += '\n';
  Wrap(doc.empty() ? "(no description)" : doc, 0, width, out);
  if (path.empty() && !kind.successor.empty()) {
    out += fmt::format("\nSuperseded by {}", kind.successor);
    if (!kind.removed.empty()) out += fmt::format("; release {} no longer has it", kind.removed);
    out += '\n';
  }
  if (!fields.empty()) {
    out += "\nFIELDS\n";
    List(fields, depth, 2, width, out);
  }
  return out;
}

}  // namespace inference::manifest::schema
