#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "inference/admin/v1/admin.pb.h"

// Numbers and times for people.
namespace inference::ctl {

inline constexpr std::string_view kUnknownText = "<unknown>";

/// "180ms", "2.1s", "3m12s", "2h05m", "3d04h".
std::string HumanMillis(int64_t millis);
/// As above, from 1 us: "23us".
std::string HumanMicros(int64_t micros);
/// "812 B", "1.2 KiB".
std::string HumanBytes(uint64_t bytes);
/// At most `decimals` digits behind the point, no trailing zeros.
std::string HumanNumber(double value, int decimals = 1);
/// <unknown> when it isn't known.
std::string NumberOrUnknown(const admin::v1::Metric& metric);
std::string PercentOrUnknown(const std::optional<double>& fraction);

/// "2026-01-12T09:14:03Z" (seconds) or with milliseconds.
std::string UtcTime(const google::protobuf::Timestamp& time, bool millis = false);

/// Text that a client of the data plane chose, made safe for a terminal.
std::string SafeForTerminal(std::string_view text);

/// Words wrapped at 80 columns, ending in a newline. Every line but the first is indented; that one
/// begins at `first_column`.
std::string Wrapped(std::string_view text, size_t indent, size_t first_column);

/// Terminal columns that UTF-8 text takes.
size_t DisplayWidth(std::string_view text);

}  // namespace inference::ctl
