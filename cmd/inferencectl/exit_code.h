#pragma once

#include <array>
#include <string_view>

#include "inference/status.h"

namespace inference::ctl {

/// What the program's exit code says: one meaning each, for every verb, whatever the output format.
enum class ExitCode : int {
  kOk = 0,
  kNo = 1,
  kUsage = 2,
  kBadInput = 3,
  kUnreachable = 4,
  kTimeout = 5,
  kRefused = 6,
  kPartial = 7,
  kPending = 8,
  kInternal = 70,
  kInterrupted = 130,
};

struct ExitCodeRow {
  ExitCode code;
  std::string_view name;
  std::string_view meaning;
  std::string_view examples;
};

inline constexpr std::array kExitCodes{
    ExitCodeRow{ExitCode::kOk, "ok", "what was asked for holds",
                "listed; valid; an endpoint would be picked"},
    ExitCodeRow{ExitCode::kNo, "no", "it worked, and the answer is no",
                "findings at or above --fail-on; no such name; the pick is refused"},
    ExitCodeRow{ExitCode::kUsage, "usage", "the command line is wrong",
                "unknown verb, option or value"},
    ExitCodeRow{ExitCode::kBadInput, "bad-input", "the input can't be used, so nothing was judged",
                "unreadable file; YAML syntax; no object in the files; a body that doesn't parse"},
    ExitCodeRow{ExitCode::kUnreachable, "unreachable",
                "can't reach the daemon, not allowed, or the output can't be written",
                "no socket; permission denied; the daemon went away"},
    ExitCodeRow{ExitCode::kTimeout, "timeout", "no answer in time", "--timeout is over"},
    ExitCodeRow{ExitCode::kRefused, "refused", "refused: a conflict, or a guard",
                "something else owns it; it changed meanwhile; needs a confirmation"},
    ExitCodeRow{ExitCode::kPartial, "partial", "some of it was done", "3 of 5 targets"},
    ExitCodeRow{ExitCode::kPending, "pending", "waits for a person or for more data",
                "a gate; too few requests to judge"},
    ExitCodeRow{ExitCode::kInternal, "internal", "a bug in the program or in the daemon",
                "an internal error was answered"},
    ExitCodeRow{ExitCode::kInterrupted, "interrupted", "ended by Ctrl-C (128 + signal)",
                "143 by SIGTERM, 141 when the reader of a pipe went away"},
};

/// If several apply, the one that stands first here is given.
inline constexpr std::array kPriority{
    ExitCode::kInterrupted, ExitCode::kInternal, ExitCode::kUsage,   ExitCode::kUnreachable,
    ExitCode::kBadInput,    ExitCode::kRefused,  ExitCode::kTimeout, ExitCode::kPartial,
    ExitCode::kPending,     ExitCode::kNo,       ExitCode::kOk,
};

/// Which of two is given when both apply.
constexpr ExitCode FirstOf(ExitCode a, ExitCode b) {
  for (const ExitCode code : kPriority) {
    if (code == a || code == b) return code;
  }
  return a;
}

constexpr const ExitCodeRow& Describe(ExitCode code) {
  for (const ExitCodeRow& row : kExitCodes) {
    if (row.code == code) return row;
  }
  return kExitCodes[0];
}

/// For what a daemon or a file answered.
constexpr ExitCode ExitCodeOf(Code code) {
  switch (code) {
    case Code::kOk:
      return ExitCode::kOk;
    case Code::kNotFound:
      return ExitCode::kNo;
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
      return ExitCode::kBadInput;
    case Code::kUnavailable:
    case Code::kPermissionDenied:
    case Code::kResourceExhausted:
    case Code::kUnimplemented:
      return ExitCode::kUnreachable;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kAborted:
      return ExitCode::kRefused;
    case Code::kDeadlineExceeded:
      return ExitCode::kTimeout;
    case Code::kCancelled:
      return ExitCode::kInterrupted;
    default:
      return ExitCode::kInternal;
  }
}

}  // namespace inference::ctl
