#include "request/model_restorer.h"

#include <algorithm>

#include "request/json_syntax.h"

namespace inference::request {
namespace {

constexpr std::string_view kKey = "model";
/// Bytes that one byte of a string may be written with: \u0041.
constexpr size_t kMaxEscape = 6;

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

void ModelRestorer::Feed(std::string_view piece, std::string& out) {
  while (!piece.empty()) Step(piece, out);
}

void ModelRestorer::Finish(std::string& out) {
  GiveUp(out);
  state_ = State::kOutside;
}

void ModelRestorer::GiveUp(std::string& out) {
  out += held_;
  held_.clear();
}

void ModelRestorer::Step(std::string_view& piece, std::string& out) {
  size_t n = 1;
  const char c = piece[0];
  switch (state_) {
    case State::kOutside:
      n = std::min(piece.find('"'), piece.size() - 1) + 1;
      if (piece[n - 1] == '"') {
        state_ = State::kKey;
        matched_ = 0;
      }
      break;
    case State::kKey:
      if (matched_ < kKey.size() && c == kKey[matched_]) {
        ++matched_;
      } else if (matched_ == kKey.size() && c == '"') {
        state_ = State::kAfterKey;
      } else {
        state_ = State::kString;
        escaped_ = false;
        return;  // the byte is looked at again
      }
      break;
    case State::kString:
      // A line ends every string: JSON has no raw line break, and an event's other lines may have
      // single quotes.
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"' || c == '\n') {
        state_ = State::kOutside;
      } else {
        n = std::min(piece.find_first_of("\"\\\n"), piece.size());
      }
      break;
    case State::kAfterKey:
    case State::kColon:
      if (state_ == State::kAfterKey && c == ':') {
        state_ = State::kColon;
      } else if (state_ == State::kColon && c == '"') {
        state_ = State::kValue;
        escaped_ = false;
        held_ = c;
        piece.remove_prefix(1);
        return;
      } else if (!IsBlank(c)) {
        state_ = State::kOutside;
        return;  // the byte is looked at again
      }
      break;
    case State::kValue:
      return StepValue(piece, out);
  }
  out += piece.substr(0, n);
  piece.remove_prefix(n);
}

void ModelRestorer::StepValue(std::string_view& piece, std::string& out) {
  const char c = piece[0];
  held_ += c;
  piece.remove_prefix(1);
  if (!escaped_ && c == '"') {
    if (HeldIsServed()) {
      out += asked_;
      held_.clear();
    } else {
      GiveUp(out);
    }
    state_ = State::kOutside;
    return;
  }
  escaped_ = !escaped_ && c == '\\';
  if (c == '\n' || held_.size() > served_.size() * kMaxEscape + 2) {
    GiveUp(out);
    state_ = c == '\n' ? State::kOutside : State::kString;
  }
}

bool ModelRestorer::HeldIsServed() const {
  const std::string_view inside = std::string_view(held_).substr(1, held_.size() - 2);
  if (inside == served_) return true;
  if (inside.find('\\') == std::string_view::npos || !HasValidEscapes(inside)) return false;
  std::string plain(inside.size(), '\0');
  plain.resize(Unescape(inside, plain.data()));
  return plain == served_;
}

}  // namespace inference::request
