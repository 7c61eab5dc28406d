#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "inference/result.h"

namespace inference::sim {

enum class PageFault : uint8_t { kNone, kTruncate, kGarbage, kNan, kEmpty };

/// What goes wrong on purpose at one instance. The default is a healthy server.
struct Faults {
  bool refuse = false;        // connections are refused, open ones reset, as after a crash
  bool hang = false;          // connections are accepted, nothing is answered but /sim
  bool hang_metrics = false;  // the same for /metrics only
  uint32_t metrics_delay_ms = 0;
  PageFault metrics_page = PageFault::kNone;
  double error_rate = 0;  // 0..1, share of the model requests
  uint32_t error_status = 500;
  std::optional<uint32_t> die_after_tokens;  // reset after so many tokens, if there are more
  double latency_factor = 1;
  int sleep_level = 0;  // 0 awake, 1 or 2 asleep
};

/// `current` changed by a JSON object: members replace, null restores the default of one member,
/// {"clear": true} restores all before the others are applied. Unknown members are errors.
Result<Faults> ChangeFaults(const Faults& current, std::string_view json);

/// The same from NAME=VALUE[,NAME=VALUE...] as the command line has it.
Result<Faults> ParseFaultFlags(const Faults& current, std::string_view text);

/// All members, as JSON.
std::string FaultsToJson(const Faults& faults);

}  // namespace inference::sim
