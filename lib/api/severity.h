#pragma once

#include <cstdint>

namespace inference::api {

enum class Severity : uint8_t { kError, kWarning, kInfo };

}  // namespace inference::api
