#include "request/json_syntax.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace inference::request {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four hex digits at `at`, or -1.
int32_t ReadHex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const int digit = HexValue(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// The byte that a one-letter escape stands for, or 0.
char SimpleEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// Bytes of the number at the start of `text`, or 0.
size_t NumberLength(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t before = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i > before;
  };
  if (i < text.size() && text[i] == '-') ++i;
  if (i < text.size() && text[i] == '0') {
    ++i;
  } else if (!digits()) {
    return 0;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return 0;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return 0;
  }
  return i;
}

size_t EncodeUtf8(uint32_t code, char* out) {
  const auto put = [&](size_t i, uint32_t value) { out[i] = static_cast<char>(value); };
  if (code < 0x80) {
    put(0, code);
    return 1;
  }
  if (code < 0x800) {
    put(0, 0xC0 | (code >> 6));
    put(1, 0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    put(0, 0xE0 | (code >> 12));
    put(1, 0x80 | ((code >> 6) & 0x3F));
    put(2, 0x80 | (code & 0x3F));
    return 3;
  }
  put(0, 0xF0 | (code >> 18));
  put(1, 0x80 | ((code >> 12) & 0x3F));
  put(2, 0x80 | ((code >> 6) & 0x3F));
  put(3, 0x80 | (code & 0x3F));
  return 4;
}

// A byte-by-byte JSON checker that knows where it stands; for texts known to be faulty.
class Checker {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  std::optional<SyntaxFault> Run() {
    SkipBlanks();
    if (AtEnd()) return Fault("the body is empty");
    if (text_.substr(at_, 3) == "\xEF\xBB\xBF") {
      return Fault("the body begins with a byte order mark, which JSON does not allow");
    }
    while (!fault_ && Value()) {
    }
    if (!fault_ && !AtEnd()) return Fault("the JSON value ends here, but " + Found() + " follows");
    return fault_;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool InObject() const { return open_[depth_ - 1] == '{'; }

  void SkipBlanks() {
    while (!AtEnd() && IsBlank(text_[at_])) ++at_;
  }

  std::string Found() const {
    if (AtEnd()) return "the end of the body";
    const size_t length = Utf8Length(text_.substr(at_));
    if (length == 0) return "a byte that is not UTF-8";
    return "'" + base::Printable(text_.substr(at_, length)) + "'";
  }

  std::optional<SyntaxFault> Fault(std::string message) {
    fault_ = SyntaxFault{at_, std::move(message)};
    return fault_;
  }
  bool Fail(std::string message) {
    Fault(std::move(message));
    return false;
  }

  // One value, or the opening of one; then whatever closes. False when the text's value is
  // complete.
  bool Value() {
    const char c = Peek();
    if (c == '{' || c == '[') {
      if (depth_ == kMaxJsonDepth) {
        return Fail("objects and arrays lie more than " + std::to_string(kMaxJsonDepth) +
                    " levels deep in one another");
      }
      open_[depth_++] = c;
      ++at_;
      SkipBlanks();
      if (Peek() != (c == '{' ? '}' : ']')) return c == '{' ? Key() : true;
      return Close();
    }
    if (c == '"' ? !String() : !Scalar()) return false;
    return After();
  }

  bool Close() {
    --depth_;
    ++at_;
    return After();
  }

  // What follows a value.
  bool After() {
    SkipBlanks();
    if (depth_ == 0) return false;
    const char close = InObject() ? '}' : ']';
    if (Peek() == close && !AtEnd()) return Close();
    if (Peek() != ',') {
      return Fail(std::string("expected ',' or '") + close + "', found " + Found());
    }
    ++at_;
    SkipBlanks();
    return InObject() ? Key() : true;
  }

  bool Key() {
    if (Peek() != '"') return Fail("expected a field name in quotes, found " + Found());
    if (!String()) return false;
    SkipBlanks();
    if (Peek() != ':') return Fail("expected ':' after a field name, found " + Found());
    ++at_;
    SkipBlanks();
    return true;
  }

  bool Scalar() {
    const std::string_view rest = text_.substr(at_);
    size_t length = NumberLength(rest);
    for (std::string_view word : {"true", "false", "null"}) {
      if (rest.substr(0, word.size()) == word) length = word.size();
    }
    const char first = Peek();
    if (length == 0) {
      return Fail(IsDigit(first) || first == '-' ? "this is no JSON number"
                                                 : "expected a value, found " + Found());
    }
    const bool number = IsDigit(first) || first == '-';
    at_ += length;
    const char next = Peek();
    if (AtEnd() || IsBlank(next) || next == ',' || next == ']' || next == '}') return true;
    return Fail(number ? "this is no JSON number" : "expected ',' or an end, found " + Found());
  }

  bool String() {
    const size_t start = at_++;
    while (!AtEnd()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\') {
        if (!Escape()) return false;
        continue;
      }
      if (static_cast<uint8_t>(c) < 0x20) {
        return Fail("a control character in a string must be escaped");
      }
      const size_t length = Utf8Length(text_.substr(at_));
      if (length == 0) return Fail("the body is not valid UTF-8");
      at_ += length;
    }
    at_ = start;
    return Fail("this string is not closed");
  }

  bool Escape() {
    if (at_ + 1 < text_.size() && SimpleEscape(text_[at_ + 1]) != 0) {
      at_ += 2;
      return true;
    }
    if (at_ + 1 < text_.size() && text_[at_ + 1] == 'u' && ReadHex4(text_, at_ + 2) >= 0) {
      at_ += 6;
      return true;
    }
    return Fail("this is no JSON escape");
  }

  std::string_view text_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  std::array<char, kMaxJsonDepth> open_{};
  std::optional<SyntaxFault> fault_;
};

}  // namespace

size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

std::optional<SyntaxFault> FindSyntaxFault(std::string_view text) {
  return Checker(text).Run();
}

bool IsJsonScalar(std::string_view text) {
  if (text.empty()) return false;
  if (IsDigit(text[0]) || text[0] == '-') return NumberLength(text) == text.size();
  return text == "true" || text == "false" || text == "null";
}

bool HasValidEscapes(std::string_view text) {
  size_t at = 0;
  while ((at = text.find('\\', at)) != std::string_view::npos) {
    if (at + 1 >= text.size()) return false;
    if (SimpleEscape(text[at + 1]) != 0) {
      at += 2;
    } else if (text[at + 1] == 'u' && ReadHex4(text, at + 2) >= 0) {
      at += 6;
    } else {
      return false;
    }
  }
  return true;
}

size_t Unescape(std::string_view text, char* out) {
  char* const begin = out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t backslash = std::min(text.find('\\', at), text.size());
    std::memcpy(out, text.data() + at, backslash - at);
    out += backslash - at;
    if (backslash == text.size()) break;
    at = backslash + 2;
    if (text[backslash + 1] != 'u') {
      *out++ = SimpleEscape(text[backslash + 1]);
      continue;
    }
    uint32_t code = static_cast<uint32_t>(ReadHex4(text, at));
    at += 4;
    if (code >= 0xD800 && code <= 0xDBFF && text.substr(at, 2) == "\\u") {
      const auto low = static_cast<uint32_t>(ReadHex4(text, at + 2));
      if (low >= 0xDC00 && low <= 0xDFFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
      }
    }
    if (code >= 0xD800 && code <= 0xDFFF) code = 0xFFFD;
    out += EncodeUtf8(code, out);
  }
  return static_cast<size_t>(out - begin);
}

}  // namespace inference::request
