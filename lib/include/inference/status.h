#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace inference {
inline namespace v0 {

/// What went wrong. The numbers are those of gRPC status codes, so that no table is needed between.
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

/// The gRPC spelling, e.g. "INVALID_ARGUMENT".
std::string_view CodeName(Code code);

/// Success, or a code with a message that says what is wrong, where, and what to do.
/// Thread-compatible: const access from several threads is safe.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }
  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  /// "INVALID_ARGUMENT: message", or "OK".
  std::string ToString() const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

}  // namespace v0
}  // namespace inference
