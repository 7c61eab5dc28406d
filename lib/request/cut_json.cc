#include "request/cut_json.h"

#include <algorithm>
#include <array>

#include "request/json_index.h"
#include "request/json_syntax.h"

namespace inference::request {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool EndsScalar(char c) {
  return IsBlank(c) || c == ',' || c == ':' || c == ']' || c == '}' || c == '[' || c == '{' ||
         c == '"';
}

/// Behind the closing quote of the string whose inside begins at `inside`; npos: it doesn't end.
size_t EndOfString(std::string_view text, size_t inside) {
  for (size_t i = inside; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return std::string_view::npos;
}

bool IsSurrogate(std::string_view escape, char first, char last) {
  const char c = static_cast<char>(escape[3] | 0x20);
  return (escape[2] | 0x20) == 'd' && c >= first && c <= last;
}

/// How much of the inside of a string that was cut can stand: whole escapes, pairs of surrogates
/// and UTF-8 sequences.
size_t WholeCharacters(std::string_view inside) {
  size_t i = inside.find('\\');
  while (i != std::string_view::npos) {
    const std::string_view rest = inside.substr(i);
    const size_t size = rest.size() > 1 && rest[1] == 'u' ? 6 : 2;
    if (rest.size() < size) return i;
    if (size == 6 && IsSurrogate(rest, '8', 'b')) {
      // Its other half may have been cut off.
      const std::string_view next = rest.substr(6);
      if (next.size() < 6 &&
          (next.empty() || std::string_view("\\u").starts_with(next) || next.starts_with("\\u"))) {
        return i;
      }
    }
    i = inside.find('\\', i + size);
  }
  // A sequence has at most four bytes, the first of which tells how many.
  for (size_t back = 1; back <= std::min<size_t>(3, inside.size()); ++back) {
    const auto byte = static_cast<unsigned char>(inside[inside.size() - back]);
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (length > back) return inside.size() - back;
    break;
  }
  return inside.size();
}

class Scanner {
 public:
  Scanner(std::string_view text, std::span<const std::string_view> open_strings)
      : text_(text), open_strings_(open_strings) {}

  std::optional<JsonCut> Run() {
    while (at_ < text_.size() && !cut_.whole && !ended_) {
      if (!Step(text_[at_])) return std::nullopt;
    }
    if (cut_.whole) return std::move(cut_);
    for (size_t i = depth_; i > 0; --i) cut_.closing += open_[i - 1] == '{' ? '}' : ']';
    return std::move(cut_);
  }

 private:
  bool Step(char c) {
    switch (c) {
      case ' ':
      case '\n':
      case '\r':
      case '\t':
      case ':':
        ++at_;
        if (c == ':') key_next_ = false;
        return true;
      case ',':
        if (depth_ == 1) cut_.without_last_member = cut_.kept;
        key_next_ = depth_ > 0 && open_[depth_ - 1] == '{';
        ++at_;
        return true;
      case '{':
      case '[':
        if (depth_ == kMaxJsonDepth) return false;
        open_[depth_++] = c;
        key_next_ = c == '{';
        KeepTo(at_ + 1);
        return true;
      case '}':
      case ']':
        if (depth_ == 0 || open_[depth_ - 1] != (c == '}' ? '{' : '[')) return false;
        --depth_;
        key_next_ = false;
        KeepTo(at_ + 1);
        cut_.whole = depth_ == 0;
        return true;
      case '"':
        String();
        return true;
      default:
        Scalar();
        return true;
    }
  }

  void KeepTo(size_t end) { cut_.kept = at_ = end; }

  void String() {
    const size_t inside = at_ + 1;
    const size_t end = EndOfString(text_, inside);
    if (end == std::string_view::npos) {
      ended_ = true;
      if (key_next_ || !keep_open_) return;
      KeepTo(inside + WholeCharacters(text_.substr(inside)));
      cut_.closing = '"';
    } else if (!key_next_) {
      KeepTo(end);
    } else {
      if (depth_ == 1) {
        const std::string_view key = text_.substr(inside, end - 1 - inside);
        keep_open_ =
            std::any_of(open_strings_.begin(), open_strings_.end(),
                        [&](std::string_view name) { return JsonIndex::KeyEquals(key, name); });
      }
      at_ = end;
    }
  }

  void Scalar() {
    size_t end = at_;
    while (end < text_.size() && !EndsScalar(text_[end])) ++end;
    if (end == text_.size()) {
      ended_ = true;  // it may go on
    } else {
      KeepTo(end);
    }
  }

  const std::string_view text_;
  const std::span<const std::string_view> open_strings_;
  JsonCut cut_;
  std::array<char, kMaxJsonDepth> open_;
  size_t depth_ = 0;
  size_t at_ = 0;
  bool key_next_ = false;
  bool keep_open_ = false;  // within a member of `open_strings_`
  bool ended_ = false;
};

}  // namespace

std::optional<JsonCut> FindCut(std::string_view text,
                               std::span<const std::string_view> open_strings) {
  return Scanner(text, open_strings).Run();
}

}  // namespace inference::request
