#include <fmt/format.h>

#include <cassert>
#include <charconv>
#include <cmath>

#include "api/codes.h"
#include "api/plugin_catalogue.h"
#include "api/text_values.h"
#include "base/text.h"

namespace inference::api {
namespace {

std::string_view TypeWord(ParamType type) {
  switch (type) {
    case ParamType::kBool:
      return "true or false";
    case ParamType::kInt:
      return "a whole number";
    case ParamType::kNumber:
      return "a number";
    case ParamType::kString:
      return "a string";
    case ParamType::kDuration:
      return "a duration such as 200ms";
    case ParamType::kStringList:
      return "a list of strings";
    case ParamType::kList:
      return "a list";
    case ParamType::kMap:
      return "a map";
  }
  return "";
}

bool AllStrings(const Value::List& list) {
  for (const Value& item : list) {
    if (!item.AsString()) return false;
  }
  return true;
}

bool HasType(const Value& value, ParamType type) {
  switch (type) {
    case ParamType::kBool:
      return value.AsBool() != nullptr;
    case ParamType::kInt:
      return value.AsInt() != nullptr;
    case ParamType::kNumber:
      return value.AsInt() || (value.AsDouble() && std::isfinite(*value.AsDouble()));
    case ParamType::kString:
      return value.AsString() != nullptr;
    case ParamType::kDuration:
      return value.AsString() && ParseDuration(*value.AsString());
    case ParamType::kStringList:
      return value.AsList() && AllStrings(*value.AsList());
    case ParamType::kList:
      return value.AsList() != nullptr;
    case ParamType::kMap:
      return value.AsMap() != nullptr;
  }
  return false;
}

// What was written, for the message: the value itself when it is short, else its type.
std::string Written(const Value& value) {
  if (const std::string* text = value.AsString()) return "'" + base::Printable(*text, 60) + "'";
  if (const int64_t* number = value.AsInt()) return std::to_string(*number);
  if (const double* number = value.AsDouble()) return fmt::format("{}", *number);
  if (const bool* flag = value.AsBool()) return *flag ? "true" : "false";
  return "a " + std::string(value.TypeName());
}

void ReportUnknown(const PluginInfo& info, const Value::Member& member, Diagnostics& out) {
  std::vector<std::string_view> names;
  std::string list;
  for (const ParamSpec& spec : info.params) {
    names.push_back(spec.name);
    list += (list.empty() ? "" : ", ") + std::string(spec.name);
  }
  const std::string_view meant = base::ClosestMatch(member.key, names);
  std::string note =
      !meant.empty() ? fmt::format("did you mean '{}'?", meant)
      : names.empty()
          ? (info.available ? "it takes no parameters in this build: " + std::string(info.doc)
                            : "it takes no parameters")
          : "it takes " + list;
  out.push_back({Severity::kError, std::string(codes::kUnknownParameter), member.key_origin,
                 fmt::format("plugin type '{}' has no parameter '{}'", info.type,
                             base::Printable(member.key, 60)),
                 std::move(note)});
}

std::string RangeText(const ParamSpec& spec) {
  if (spec.max >= 2147483647.0) return fmt::format("at least {}", spec.min);
  return fmt::format("{} to {}", spec.min, spec.max);
}

bool InRange(const ParamSpec& spec, const Value& value) {
  if (spec.min > spec.max || (spec.min == 0 && spec.max == 0)) return true;
  if (const int64_t* number = value.AsInt()) {
    return static_cast<double>(*number) >= spec.min && static_cast<double>(*number) <= spec.max;
  }
  const double* number = value.AsDouble();
  return !number || (*number >= spec.min && *number <= spec.max);
}

// True when the written value is good.
bool CheckOne(const PluginInfo& info, const ParamSpec& spec, const Value& value, Diagnostics& out) {
  if (!HasType(value, spec.type)) {
    out.push_back({Severity::kError, std::string(codes::kParameterType), value.origin(),
                   fmt::format("parameter '{}' of '{}' must be {}, not {}", spec.name, info.type,
                               TypeWord(spec.type), Written(value)),
                   ""});
    return false;
  }
  if (!InRange(spec, value)) {
    out.push_back({Severity::kError, std::string(codes::kParameterRange), value.origin(),
                   fmt::format("parameter '{}' of '{}' must be {}, not {}", spec.name, info.type,
                               RangeText(spec), Written(value)),
                   ""});
    return false;
  }
  return true;
}

const ParamSpec* FindSpec(const PluginInfo& info, std::string_view name) {
  for (const ParamSpec& spec : info.params) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

}  // namespace

Params::Params(const PluginInfo& info, const PluginSpec& spec, Diagnostics& out)
    : info_(info), spec_(spec) {
  const Value& parameters = spec.parameters;
  if (!parameters.is_null() && !parameters.AsMap()) {
    out.push_back(
        {Severity::kError, std::string(codes::kParameterType), parameters.origin(),
         fmt::format("parameters of '{}' must be a map, not {}", info.type, Written(parameters)),
         ""});
    ok_ = false;
    return;
  }
  if (const Value::Map* map = parameters.AsMap()) {
    for (const Value::Member& member : *map) {
      const ParamSpec* known = FindSpec(info, member.key);
      if (!known) {
        ReportUnknown(info, member, out);
        ok_ = false;
      } else if (!member.value.is_null() && !CheckOne(info, *known, member.value, out)) {
        ok_ = false;
      }
    }
  }
  for (const ParamSpec& known : info.params) {
    if (!known.required || Raw(known.name)) continue;
    out.push_back({Severity::kError, std::string(codes::kParameterMissing), spec.origin,
                   fmt::format("plugin type '{}' needs the parameter '{}'", info.type, known.name),
                   std::string(known.doc)});
    ok_ = false;
  }
}

const ParamSpec& Params::Spec(std::string_view name) const {
  const ParamSpec* spec = FindSpec(info_, name);
  assert(spec && "a parameter that the catalogue does not declare");
  return *spec;
}

const Value* Params::Raw(std::string_view name) const {
  const Value* value = spec_.parameters.Find(name);
  return value && !value->is_null() ? value : nullptr;
}

bool Params::Bool(std::string_view name) const {
  const Value* value = Raw(name);
  if (value && value->AsBool()) return *value->AsBool();
  return Spec(name).default_text == "true";
}

int64_t Params::Int(std::string_view name) const {
  const Value* value = Raw(name);
  if (value && value->AsInt()) return *value->AsInt();
  const std::string_view text = Spec(name).default_text;
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

double Params::Number(std::string_view name) const {
  const Value* value = Raw(name);
  if (value && value->AsDouble()) return *value->AsDouble();
  if (value && value->AsInt()) return static_cast<double>(*value->AsInt());
  const std::string_view text = Spec(name).default_text;
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string Params::String(std::string_view name) const {
  const Value* value = Raw(name);
  if (value && value->AsString()) return *value->AsString();
  return std::string(Spec(name).default_text);
}

}  // namespace inference::api
