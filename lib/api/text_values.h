#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The textual value forms that manifests share with Kubernetes and Go. Pure functions; thread-safe.
namespace inference::api {

/// A Go duration: "300ms", "1m30s", "1.5h", "0". Units h, m, s, ms, us, ns. Not negative, at most
/// 100 years. Empty when it is none of that.
std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text);
/// The shortest form that ParseDuration reads back to the same value.
std::string FormatDuration(std::chrono::nanoseconds value);

/// A Kubernetes quantity in whole units: "64Mi", "2G", "1.5Gi", "1e3", "100". Not negative. Empty
/// when malformed, not whole, or over the range of int64.
std::optional<int64_t> ParseQuantity(std::string_view text);
/// With the largest binary suffix that divides it: 67108864 is "64Mi".
std::string FormatQuantity(int64_t value);

/// RFC 1123 as Kubernetes reads it: lower case, at most 63 and 253 bytes.
bool IsDnsLabel(std::string_view text);
bool IsDnsSubdomain(std::string_view text);
/// Label keys: an optional DNS subdomain and a slash, then at most 63 of [A-Za-z0-9_.-] with an
/// alphanumeric at both ends. Values: the same without the prefix, or empty.
bool IsLabelKey(std::string_view text);
bool IsLabelValue(std::string_view text);

}  // namespace inference::api
