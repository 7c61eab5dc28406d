#pragma once

#include <string_view>

#include "api/inference_request.h"

namespace inference::request {

/// The call that a path asks for: by its last segments, whatever stands before them
/// ("/v1/completions",
/// "/openai/deployments/a/chat/completions/?x=1"). The longest match wins; only whole segments
/// match.
api::CallKind CallKindOfPath(std::string_view path);

/// True for "application/json" and "…+json", with or without parameters, and for no content type.
bool IsJsonContentType(std::string_view content_type);

}  // namespace inference::request
