#pragma once

#include <span>
#include <string>
#include <string_view>

#include "manifest/schema/schema.h"

// The kinds that `-o json` prints, as tables of the form that manifests have: one table serves
// `schema KIND`, `explain KIND` and the tests that compare real output with it. A field that is
// not `required` is null, or absent, where it isn't known. Within v1 fields are only added.
namespace inference::ctl::output {

using manifest::schema::Field;
using manifest::schema::Kind;
using manifest::schema::Type;

/// Sorted by name.
std::span<const Kind> Kinds();
/// In any case of letters; null when there is none.
const Kind* FindKind(std::string_view name);
/// JSON Schema (draft 2020-12). Unknown fields are allowed: later versions may have more.
std::string JsonSchemaOf(const Kind& kind);

// The tables, by what they tell of; kinds.cc puts them together.
std::span<const Kind> ChangeKinds();
std::span<const Kind> DaemonKinds();
std::span<const Kind> DecisionKinds();
std::span<const Kind> OfflineKinds();
std::span<const Kind> TrafficKinds();

// Rows for the tables.
constexpr Field Of(Type type, std::string_view name, std::string_view doc) {
  return {.name = name, .type = type, .required = true, .doc = doc};
}
constexpr Field Text(std::string_view name, std::string_view doc) {
  return Of(Type::kString, name, doc);
}
constexpr Field Integer(std::string_view name, std::string_view doc) {
  return Of(Type::kInteger, name, doc);
}
constexpr Field Number(std::string_view name, std::string_view doc) {
  return Of(Type::kNumber, name, doc);
}
constexpr Field Flag(std::string_view name, std::string_view doc) {
  return Of(Type::kBool, name, doc);
}
constexpr Field Object(std::string_view name, std::span<const Field> fields, std::string_view doc) {
  Field field = Of(Type::kObject, name, doc);
  field.fields = fields;
  return field;
}
constexpr Field List(std::string_view name, const Field* items, std::string_view doc) {
  Field field = Of(Type::kList, name, doc);
  field.items = items;
  return field;
}
/// Any keys, values alike.
constexpr Field Map(std::string_view name, const Field* items, std::string_view doc) {
  Field field = Of(Type::kMap, name, doc);
  field.items = items;
  return field;
}
/// Null or absent where it isn't known.
constexpr Field Maybe(Field field) {
  field.required = false;
  return field;
}

inline constexpr Field kAnyText = {.type = Type::kString};
inline constexpr Field kSourceFields[] = {
    Text("backend", "What was asked: daemon."),
    Text("server", "Its address."),
};
inline constexpr Field kMetadataFields[] = {
    Text("generatedAt", "UTC, RFC 3339."),
    Maybe(Object("source", kSourceFields, "Who answered, when somebody was asked.")),
};
inline constexpr Field kMetadata = Object("metadata", kMetadataFields, "About this answer.");
/// A finding that comes with a command's answer; reports of validate have more of each.
inline constexpr Field kToldFindingFields[] = {
    Text("code", "As INF0104."),
    Text("level", "error, warning or info."),
    Text("message", "What is wrong."),
    Maybe(Text("note", "What will happen, or what to do.")),
    Maybe(Text("file", "Where.")),
    Maybe(Integer("line", "From 1.")),
    Maybe(Integer("column", "From 1, in code points.")),
};
inline constexpr Field kToldFinding = {.fields = kToldFindingFields};
inline constexpr Field kWarnings = List("warnings", &kAnyText, "What the reader should know.");

}  // namespace inference::ctl::output
