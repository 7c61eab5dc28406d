#pragma once

#include <cstdint>
#include <string_view>

#include "extproc/wire.h"

// The fields of a ProcessingRequest that are decoded whole: all but its body. For the Decoder.
namespace inference::extproc::wire {

/// Wire types of protobuf.
constexpr uint32_t kVarintType = 0, kFixed64Type = 1, kLengthType = 2, kFixed32Type = 5;

inline constexpr const char* kTruncated = "protobuf: a value is longer than what holds it";
inline constexpr const char* kOverlong = "protobuf: a varint is longer than 10 bytes";
inline constexpr const char* kBadTag = "protobuf: a field number is 0 or too large";
inline constexpr const char* kBadType = "protobuf: a field has the wrong wire type";
inline constexpr const char* kGroup = "protobuf: groups are not supported";

inline Fault Malformed(const char* text) {
  return {Code::kInvalidArgument, text};
}

/// HttpHeaders: the headers and whether they end the stream.
Fault DecodeHttpHeaders(std::string_view bytes, Message& message);
/// HttpTrailers are answered but never read; only that they are well-formed matters.
Fault CheckTrailers(std::string_view bytes);
/// The metadata context: subset hint and served endpoint.
Fault DecodeMetadata(std::string_view bytes, Message& message);
/// One entry of the attributes map: a namespace and a Struct.
Fault DecodeAttributes(std::string_view bytes, Message& message);
Fault DecodeProtocolConfig(std::string_view bytes, Message& message);

}  // namespace inference::extproc::wire
