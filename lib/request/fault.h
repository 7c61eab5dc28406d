#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inference::request {

/// Why a body is refused, for the client who sent it.
struct Fault {
  int http_status = 400;
  std::string param;    // the field, e.g. "messages[3].content"; empty for faults of JSON itself
  std::string message;  // "\"model\" must be a string, found a number"
  size_t offset = 0;    // where in the body, in bytes from 0
  uint32_t line = 1, column = 1;  // the same place; columns count code points from 1

  /// "\"model\" must be a string, found a number (line 1, column 10)"
  std::string ToString() const;
};

/// The fault at `offset` of `body`; counts lines and columns.
Fault MakeFault(std::string_view body, size_t offset, std::string param, std::string message);

}  // namespace inference::request
