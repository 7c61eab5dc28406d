#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The gateway's side of ext_proc for tests: writes ProcessingRequests and reads
// ProcessingResponses, by code that shares nothing with the codec under test.
namespace inference::test {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// Body send modes as the protocol numbers them.
inline constexpr int kNone = 0, kStreamed = 1, kBuffered = 2, kBufferedPartial = 3, kFullDuplex = 4,
                     kGrpcMode = 5;

struct RequestMessage {
  int kind = 2;  // field number of the oneof member
  HeaderList headers;
  std::string body;
  bool end_of_stream = false;
  bool observability = false;
  std::optional<std::pair<int, int>> modes;  // protocol_config: request, response
  std::vector<std::pair<std::string, std::string>> attributes;  // texts
  std::optional<std::vector<std::string>> subset;               // as a list
  std::optional<std::string> subset_text;                       // as one text
  std::string served;
};

/// A ProcessingRequest's bytes, without the gRPC frame.
std::string Encode(const RequestMessage& message);
/// With its gRPC frame.
std::string Frame(std::string_view message, bool compressed = false);

/// A field of any protobuf message.
std::string VarintField(uint32_t field, uint64_t value);
std::string BytesField(uint32_t field, std::string_view bytes);

struct ResponseMessage {
  int kind = 0;  // field number of the oneof member
  HeaderList set;
  std::vector<std::string> remove;
  bool clear_route_cache = false;
  std::string metadata_destination;
  // Body answers.
  bool streamed = false;
  std::string body;
  bool end_of_stream = false;
  bool replaces_body = false;
  int timeout_seconds = 0;  // asked for; kind is 10 then
  // Immediate answers.
  int status = 0;
  std::string details;

  std::string Set(std::string_view name) const;
};

/// Reads as many whole messages as there are from the front of `bytes` and removes them. Throws
/// std::runtime_error on anything that is not well-formed or that we never send.
std::vector<ResponseMessage> DecodeResponses(std::string& bytes);

}  // namespace inference::test
