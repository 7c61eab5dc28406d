#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "inference/status.h"
#include "inferencectl/exit_code.h"

// What `-o json` prints: one document, the same frame for success and failure. Within
// cli.inferenced.dev/v1 fields are only added.
namespace inference::ctl {

using Json = nlohmann::ordered_json;

inline constexpr std::string_view kOutputVersion = "cli.inferenced.dev/v1";

/// apiVersion, kind, metadata.generatedAt, and metadata.source unless `server` is empty.
Json Envelope(std::string_view kind, base::WallTime now, std::string_view server = "");

/// kind Error. `retryable`: the same command may succeed later without any change.
Json ErrorDocument(const Status& status, ExitCode exit, base::WallTime now);

/// A line per document when `compact`, else indented; always ends in a newline. Bytes that are not
/// UTF-8 are replaced.
std::string ToText(const Json& json, bool compact = false);

/// The same as YAML 1.2, in block style. Strings that a reader could take for something else are
/// quoted.
std::string ToYaml(const Json& json);

}  // namespace inference::ctl
