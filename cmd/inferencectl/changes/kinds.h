#pragma once

#include <string>
#include <string_view>

#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"

// Names of objects as people write them.
namespace inference::ctl {

/// "InferencePool" for "inferencepool", "pools", "pool" ...; an error with what was probably meant.
Result<std::string> KindOf(std::string_view word);

/// "llm/qwen3", or "qwen3" in `ns`.
admin::v1::ObjectKey KeyOf(const std::string& kind, std::string_view name, std::string_view ns);

/// "InferencePool llm/qwen3"
std::string Title(const admin::v1::ObjectKey& key);

}  // namespace inference::ctl
