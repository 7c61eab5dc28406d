#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace inference::api {

/// Where a value was written. Line and column start at 1; column counts Unicode code points.
/// An Origin without a file is a built-in default.
struct Origin {
  std::shared_ptr<const std::string> file;
  int line = 0;
  int column = 0;
  /// Which value or key of its file, from 1: a map and its first key stand at the same place. 0:
  /// unknown.
  int id = 0;

  bool known() const { return file != nullptr; }
  /// "pool.yaml:16:5", or "default".
  std::string ToString() const {
    if (!file) return "default";
    if (line == 0) return *file;
    return *file + ":" + std::to_string(line) + ":" + std::to_string(column);
  }
};

/// A value with the place it came from. `is_set()` tells a written value from a default.
template <typename T>
struct Field {
  T value{};
  Origin origin;

  Field() = default;
  explicit Field(T v) : value(std::move(v)) {}
  Field(T v, Origin o) : value(std::move(v)), origin(std::move(o)) {}

  bool is_set() const { return origin.known(); }
  const T& operator*() const { return value; }
  const T* operator->() const { return &value; }
};

}  // namespace inference::api
