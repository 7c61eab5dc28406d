#pragma once

#include <string>
#include <string_view>

namespace inference::request {

/// A refusal as OpenAI clients read it. Texts may hold any bytes.
struct ErrorBody {
  std::string_view message;
  std::string_view type;   // "invalid_request_error"
  std::string_view param;  // the field at fault; empty: null
  std::string_view code;   // a word for programs; empty: null
};

/// Appends `text` as a JSON string, quotes included; bytes that aren't UTF-8 as U+FFFD.
void AppendJsonString(std::string_view text, std::string& out);

/// The value of `type` for an HTTP status: "invalid_request_error", "not_found_error",
/// "rate_limit_error", "service_unavailable_error", "timeout_error" or "server_error".
std::string_view ErrorType(int http_status);

/// Appends {"error":{"message":…,"type":…,"param":…,"code":…}}: always valid JSON in valid UTF-8,
/// bytes that aren't UTF-8 as U+FFFD.
void AppendErrorBody(const ErrorBody& error, std::string& out);
std::string MakeErrorBody(int http_status, std::string_view message, std::string_view param = {},
                          std::string_view code = {});

}  // namespace inference::request
