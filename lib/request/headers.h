#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "api/inference_request.h"

namespace inference::request {

inline constexpr std::string_view kDestinationHeader = "x-gateway-destination-endpoint";
inline constexpr std::string_view kSubsetKey = "x-gateway-destination-endpoint-subset";
inline constexpr std::string_view kServedKey = "x-gateway-destination-endpoint-served";
inline constexpr std::string_view kDroppedReasonHeader = "x-llm-d-request-dropped-reason";
inline constexpr std::string_view kRequestIdHeader = "x-request-id";
/// Asked for by a client, answered with the endpoint picked, where the operator allows it.
inline constexpr std::string_view kEndpointHeader = "x-inference-endpoint";

/// What a control header says.
enum class Control : uint8_t {
  kDestination,
  kSubset,
  kServed,
  kDroppedReason,
  kObjective,
  kFairnessId,
  kModelRewrite,
  kSloTtftMs,
  kSloTpotMs,
  kVideoFps,
  kVideoSeconds,
  kVideoResolution,
  kGatewayModel,
  kGatewayBaseModel,
  kPeerHost,
};

/// What becomes of a control header that came with the request.
enum class ClientCopy : uint8_t {
  kOverwritten,  // always set by us: never listed for removal as well
  kRemoved,      // must not reach the model server
  kKept,         // meant for others too
};

struct ControlHeader {
  std::string_view name;  // lower case
  Control control;
  bool deprecated;  // an alias; the new name wins over it
  ClientCopy client_copy;
};

/// Every header that picker, gateway and model server speak to each other with. Constant.
std::span<const ControlHeader> ControlHeaders();
/// By lower-case name; null for a header that is none of ours.
const ControlHeader* FindControlHeader(std::string_view name);
/// True when a request may not carry this header on to the model server.
bool MustRemove(std::string_view name);

/// What the picker reads from a request's headers; views into them. Empty: not sent.
struct RequestFacts {
  std::string_view method;
  std::string_view path;  // :path with its query
  std::string_view content_type;
  std::optional<uint64_t> content_length;
  std::string_view request_id;
  std::string_view objective, fairness_id, model_rewrite;  // the new name wins over the old
  std::string_view gateway_model;                          // from a body-based router before us
  std::string_view traceparent;
  bool wants_endpoint = false;  // sent x-inference-endpoint
};

/// One pass over the headers (names in lower case). Of a header sent twice the first one counts;
/// the path is :path alone, since what a client writes into other headers must not choose the
/// parser.
RequestFacts ReadHeaders(std::span<const api::Header> headers);

}  // namespace inference::request
