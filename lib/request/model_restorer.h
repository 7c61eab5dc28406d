#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inference::request {

/// Gives a response the model's name back that the client asked for, while it passes by in pieces
/// cut anywhere: plain JSON and server-sent events alike. Every member "model" whose value is
/// `served`, however escaped, gets the value `asked` instead; all other bytes stay as they are.
/// Holds back at most the bytes of one value that may be `served`. Not thread-safe.
class ModelRestorer {
 public:
  /// `asked`: a JSON string with its quotes, as the client wrote it.
  ModelRestorer(std::string_view served, std::string_view asked) : served_(served), asked_(asked) {}

  /// Appends what is known to `out`.
  void Feed(std::string_view piece, std::string& out);
  /// At the end of the response: appends what was held back.
  void Finish(std::string& out);

 private:
  enum class State : uint8_t {
    kOutside,   // of strings
    kString,    // of no interest
    kKey,       // in a string that is "model" so far
    kAfterKey,  // behind a string "model": a key if ':' follows
    kColon,     // behind the key's ':'
    kValue,     // in a value that may be `served`; held_ has it, quotes included
  };
  /// Eats from the front of `piece` and appends to `out`; at least one byte.
  void Step(std::string_view& piece, std::string& out);
  void StepValue(std::string_view& piece, std::string& out);
  bool HeldIsServed() const;
  void GiveUp(std::string& out);

  const std::string served_, asked_;
  std::string held_;
  State state_ = State::kOutside;
  uint8_t matched_ = 0;   // of the key
  bool escaped_ = false;  // a backslash was last, in a string
};

}  // namespace inference::request
