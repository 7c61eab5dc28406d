#include "request/fault.h"

#include <algorithm>

namespace inference::request {

Fault MakeFault(std::string_view body, size_t offset, std::string param, std::string message) {
  Fault fault;
  fault.param = std::move(param);
  fault.message = std::move(message);
  fault.offset = offset;
  const std::string_view before = body.substr(0, offset);
  const size_t newline = before.rfind('\n');
  const std::string_view line = newline == before.npos ? before : before.substr(newline + 1);
  fault.line += static_cast<uint32_t>(std::count(before.begin(), before.end(), '\n'));
  fault.column += static_cast<uint32_t>(std::count_if(
      line.begin(), line.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
  return fault;
}

std::string Fault::ToString() const {
  return message + " (line " + std::to_string(line) + ", column " + std::to_string(column) + ")";
}

}  // namespace inference::request
