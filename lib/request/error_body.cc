#include "request/error_body.h"

#include "request/json_syntax.h"

namespace inference::request {
namespace {

void AppendEscaped(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  while (!text.empty()) {
    const char c = text[0];
    const size_t length = Utf8Length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      out += "\\u00";
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[c & 0xF];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

void AppendField(std::string_view name, std::string_view value, bool nullable, std::string& out) {
  out += '"';
  out += name;
  out += "\":";
  if (nullable && value.empty()) {
    out += "null";
    return;
  }
  AppendJsonString(value, out);
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  AppendEscaped(text, out);
  out += '"';
}

std::string_view ErrorType(int http_status) {
  switch (http_status) {
    case 404:
      return "not_found_error";
    case 408:
    case 504:
      return "timeout_error";
    case 429:
      return "rate_limit_error";
    case 503:
      return "service_unavailable_error";
    default:
      return http_status < 500 ? "invalid_request_error" : "server_error";
  }
}

void AppendErrorBody(const ErrorBody& error, std::string& out) {
  out += "{\"error\":{";
  AppendField("message", error.message, false, out);
  out += ',';
  AppendField("type", error.type, false, out);
  out += ',';
  AppendField("param", error.param, true, out);
  out += ',';
  AppendField("code", error.code, true, out);
  out += "}}";
}

std::string MakeErrorBody(int http_status, std::string_view message, std::string_view param,
                          std::string_view code) {
  std::string out;
  AppendErrorBody({message, ErrorType(http_status), param, code}, out);
  return out;
}

}  // namespace inference::request
