#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/origin.h"

namespace inference::api {

/// A tree of plain values with positions: plugin parameters, before the plugin reads them.
/// Values of one document order; keys of a map are unique (the reader refuses duplicates).
class Value {
 public:
  struct Member;
  using List = std::vector<Value>;
  using Map = std::vector<Member>;

  Value() = default;
  Value(bool v, Origin o);
  Value(int64_t v, Origin o);
  Value(double v, Origin o);
  Value(std::string v, Origin o);
  Value(List v, Origin o);
  Value(Map v, Origin o);

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  const bool* AsBool() const { return std::get_if<bool>(&data_); }
  const int64_t* AsInt() const { return std::get_if<int64_t>(&data_); }
  const double* AsDouble() const { return std::get_if<double>(&data_); }
  const std::string* AsString() const { return std::get_if<std::string>(&data_); }
  const List* AsList() const { return std::get_if<List>(&data_); }
  const Map* AsMap() const { return std::get_if<Map>(&data_); }
  /// "null", "boolean", "integer", "number", "string", "list" or "map".
  std::string_view TypeName() const;

  const Origin& origin() const { return origin_; }

  /// The member of that name, or null when this is no map or has none.
  const Value* Find(std::string_view key) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Map> data_;
  Origin origin_;
};

struct Value::Member {
  std::string key;
  Origin key_origin;
  Value value;
};

// Down here, where Member is complete: clang insists.
inline Value::Value(bool v, Origin o) : data_(v), origin_(std::move(o)) {}
inline Value::Value(int64_t v, Origin o) : data_(v), origin_(std::move(o)) {}
inline Value::Value(double v, Origin o) : data_(v), origin_(std::move(o)) {}
inline Value::Value(std::string v, Origin o) : data_(std::move(v)), origin_(std::move(o)) {}
inline Value::Value(List v, Origin o) : data_(std::move(v)), origin_(std::move(o)) {}
inline Value::Value(Map v, Origin o) : data_(std::move(v)), origin_(std::move(o)) {}

}  // namespace inference::api
