#pragma once

#include <cassert>
#include <utility>
#include <variant>

#include "inference/status.h"

namespace inference {
inline namespace v0 {

/// A value, or the Status that says why there is none. Never holds an OK Status.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}  // NOLINT: implicit
  Result(Status status) : state_(std::move(status)) { assert(!this->status().ok()); }  // NOLINT

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  /// REQUIRES: ok().
  T& value() & { return *std::get_if<T>(&state_); }
  const T& value() const& { return *std::get_if<T>(&state_); }
  T&& value() && { return std::move(*std::get_if<T>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// OK when there is a value.
  Status status() const { return ok() ? Status::Ok() : *std::get_if<Status>(&state_); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace v0
}  // namespace inference
