#include "request/usage_json.h"

#include <cstring>

namespace inference::request {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Brackets and quotes: what moves the level of a value that isn't wanted.
constexpr std::array<bool, 256> kMovesLevel = [] {
  std::array<bool, 256> table{};
  for (unsigned char c : {'{', '}', '[', ']', '"'}) table[c] = true;
  return table;
}();

constexpr int64_t kMaxTokens = int64_t{1} << 53;  // JSON's exact integers

void TakeOver(int64_t found, int64_t& into) {
  if (found >= 0) into = found;
}

}  // namespace

void UsageJson::Begin() {
  state_ = State::kStart;
  object_ = Object::kTop;
  in_response_ = false;
}

void UsageJson::Feed(std::string_view piece, Usage& usage) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (at != end) {
    switch (state_) {
      case State::kDone:
        return;
      case State::kKey:
        at = ReadKey(at, end);
        continue;
      case State::kNumber:
        at = ReadNumber(at, end);
        continue;
      case State::kString:
      case State::kNestedString:
        at = SkipString(at, end);
        continue;
      case State::kNested:
        at = SkipNested(at, end);
        continue;
      case State::kScalar:
        if (*at == ',' || *at == '}') {
          state_ = State::kKeyOrEnd;
        } else {
          ++at;
        }
        continue;
      default:
        break;
    }
    const char c = *at;
    if (IsBlank(c)) {
      ++at;
    } else if (state_ == State::kValue) {
      at = BeginValue(at);
    } else if (state_ == State::kStart) {
      state_ = c == '{' ? State::kKeyOrEnd : State::kDone;
      ++at;
    } else if (state_ == State::kColon) {
      state_ = c == ':' ? State::kValue : State::kDone;
      ++at;
    } else if (c == '"') {
      state_ = State::kKey;
      key_size_ = 0;
      escaped_ = false;
      ++at;
    } else if (c == '}') {
      CloseObject(usage);
      ++at;
    } else {
      if (c != ',') state_ = State::kDone;
      ++at;
    }
  }
}

const char* UsageJson::ReadKey(const char* at, const char* end) {
  for (; at != end; ++at) {
    const char c = *at;
    if (c == '"' && !escaped_) {
      Classify();
      state_ = State::kColon;
      return at + 1;
    }
    escaped_ = c == '\\' && !escaped_;
    if (key_size_ < key_.size()) key_[key_size_] = c;
    if (key_size_ <= key_.size()) ++key_size_;
  }
  return at;
}

void UsageJson::Classify() {
  field_ = Field::kNone;
  if (key_size_ > key_.size()) return;
  const std::string_view key(key_.data(), key_size_);
  const auto descend = [&](Object object) {
    field_ = Field::kDescend;
    descend_ = object;
  };
  switch (object_) {
    case Object::kTop:
      if (key == "response") descend(Object::kResponse);
      if (key == "usage") descend(Object::kUsage);
      break;
    case Object::kResponse:
      if (key == "usage") descend(Object::kUsage);
      break;
    case Object::kUsage:
      if (key == "prompt_tokens" || key == "input_tokens") field_ = Field::kPrompt;
      if (key == "completion_tokens" || key == "output_tokens") field_ = Field::kCompletion;
      if (key == "total_tokens") field_ = Field::kTotal;
      if (key == "prompt_tokens_details" || key == "input_tokens_details") {
        descend(Object::kDetails);
      }
      break;
    case Object::kDetails:
      if (key == "cached_tokens") field_ = Field::kCached;
      break;
  }
}

const char* UsageJson::BeginValue(const char* at) {
  const char c = *at;
  escaped_ = false;
  if (c == '"') {
    state_ = State::kString;
    return at + 1;
  }
  if (c == '{' && field_ == Field::kDescend) {
    if (descend_ == Object::kUsage) {
      in_response_ = object_ == Object::kResponse;
      found_ = Usage{};
    }
    object_ = descend_;
    state_ = State::kKeyOrEnd;
    return at + 1;
  }
  if (c == '{' || c == '[') {
    nested_ = 1;
    state_ = State::kNested;
    return at + 1;
  }
  const bool wanted = field_ != Field::kNone && field_ != Field::kDescend && IsDigit(c);
  state_ = wanted ? State::kNumber : State::kScalar;
  number_ = 0;
  number_ok_ = true;
  return at;
}

const char* UsageJson::ReadNumber(const char* at, const char* end) {
  for (; at != end; ++at) {
    if (IsDigit(*at)) {
      number_ = number_ * 10 + (*at - '0');
      if (number_ > kMaxTokens) number_ok_ = false;
      if (!number_ok_) number_ = 0;
    } else if (IsBlank(*at) || *at == ',' || *at == '}') {
      if (number_ok_) Store(number_);
      state_ = State::kKeyOrEnd;
      return at;
    } else {
      number_ok_ = false;  // a fraction or an exponent: no count
    }
  }
  return at;
}

void UsageJson::Store(int64_t number) {
  if (field_ == Field::kPrompt) found_.prompt_tokens = number;
  if (field_ == Field::kCompletion) found_.completion_tokens = number;
  if (field_ == Field::kTotal) found_.total_tokens = number;
  if (field_ == Field::kCached) found_.cached_tokens = number;
}

void UsageJson::CloseObject(Usage& usage) {
  switch (object_) {
    case Object::kTop:
      state_ = State::kDone;
      return;
    case Object::kResponse:
      object_ = Object::kTop;
      return;
    case Object::kDetails:
      object_ = Object::kUsage;
      return;
    case Object::kUsage:
      object_ = in_response_ ? Object::kResponse : Object::kTop;
      break;
  }
  if (found_.total_tokens < 0 && found_.prompt_tokens >= 0 && found_.completion_tokens >= 0) {
    found_.total_tokens = found_.prompt_tokens + found_.completion_tokens;
  }
  TakeOver(found_.prompt_tokens, usage.prompt_tokens);
  TakeOver(found_.completion_tokens, usage.completion_tokens);
  TakeOver(found_.total_tokens, usage.total_tokens);
  TakeOver(found_.cached_tokens, usage.cached_tokens);
}

const char* UsageJson::SkipString(const char* at, const char* end) {
  while (at != end) {
    if (escaped_) {
      escaped_ = false;
      ++at;
      continue;
    }
    const auto* quote = static_cast<const char*>(std::memchr(at, '"', end - at));
    const char* const stop = quote != nullptr ? quote : end;
    const char* run = stop;
    while (run != at && run[-1] == '\\') --run;
    const bool odd = (stop - run) % 2 != 0;
    if (quote == nullptr) {
      escaped_ = odd;
      return end;
    }
    at = quote + 1;
    if (odd) continue;
    state_ = state_ == State::kString ? State::kKeyOrEnd : State::kNested;
    return at;
  }
  return at;
}

const char* UsageJson::SkipNested(const char* at, const char* end) {
  for (; at != end; ++at) {
    const char c = *at;
    if (!kMovesLevel[static_cast<uint8_t>(c)]) continue;
    if (c == '"') {
      state_ = State::kNestedString;
      escaped_ = false;
      return at + 1;
    }
    if (c == '{' || c == '[') {
      ++nested_;
    } else if (--nested_ == 0) {
      state_ = State::kKeyOrEnd;
      return at + 1;
    }
  }
  return at;
}

}  // namespace inference::request
