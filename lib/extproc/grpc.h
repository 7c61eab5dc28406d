#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

// What gRPC adds to HTTP/2: names, timeouts, messages of statuses, and the two messages of
// grpc.health.v1. Source: the gRPC over HTTP/2 protocol and the health checking protocol.
namespace inference::extproc::grpc {

inline constexpr std::string_view kProcessPath =
    "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
inline constexpr std::string_view kHealthCheckPath = "/grpc.health.v1.Health/Check";
inline constexpr std::string_view kHealthWatchPath = "/grpc.health.v1.Health/Watch";

/// "application/grpc", alone or with a suffix ("+proto", "; charset").
bool IsGrpcContentType(std::string_view content_type);

/// The header grpc-timeout: up to 8 digits and a unit. Nothing when it is malformed.
std::optional<base::Duration> ParseTimeout(std::string_view text);

/// A status message as it may stand in the header grpc-message.
std::string PercentEncode(std::string_view message);

enum class Serving : uint8_t { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

/// Health of a service by name, or nothing for a service we don't have. `liveness` is always
/// serving: whoever asks got an answer.
std::optional<Serving> HealthOf(std::string_view service, bool ready);

/// The service of a HealthCheckRequest; nothing when the message is malformed.
std::optional<std::string> DecodeHealthRequest(std::string_view message);
/// A framed HealthCheckResponse.
std::string EncodeHealthResponse(Serving serving);

}  // namespace inference::extproc::grpc
