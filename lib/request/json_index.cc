#include "request/json_index.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include "request/json_syntax.h"

namespace inference::request {

static_assert(kBodyPadding >= simdjson::SIMDJSON_PADDING);

namespace {

// Most scalars of long bodies are token ids.
bool IsScalar(std::string_view text) {
  if (text[0] >= '1' && text[0] <= '9') {
    size_t i = 1;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    if (i == text.size()) return true;
  }
  return IsJsonScalar(text);
}

}  // namespace

struct JsonIndex::Stage1 {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonIndex::JsonIndex() : stage1_(std::make_unique<Stage1>()) {}
JsonIndex::~JsonIndex() = default;

bool JsonIndex::Reserve(size_t size) {
  if (size <= capacity_) return true;
  const size_t capacity = std::bit_ceil(std::max<size_t>(size, 16384));
  capacity_ = 0;
  // Never more tokens than bytes. Not filled: pages that no token reaches cost nothing.
  close_.reset(new (std::nothrow) uint32_t[capacity]);
  if (!close_) return false;
  const simdjson::error_code error =
      simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1,
                                                                              stage1_->parser);
  if (error != simdjson::SUCCESS) return false;
  capacity_ = capacity;
  return true;
}

void JsonIndex::ShrinkOver(size_t keep) {
  if (capacity_ <= keep) return;
  stage1_->parser.reset();
  close_.reset();
  capacity_ = 0;
  count_ = 0;
}

bool JsonIndex::Build(const char* data, size_t size) {
  count_ = 0;
  data_ = data;
  text_size_ = size;
  if (size == 0 || size > UINT32_MAX - kBodyPadding || !Reserve(size)) return false;
  const simdjson::error_code error =
      stage1_->parser->stage1(reinterpret_cast<const uint8_t*>(data), size,  //
                              simdjson::stage1_mode::regular);
  if (error != simdjson::SUCCESS) return false;
  offsets_ = stage1_->parser->structural_indexes.get();
  count_ = stage1_->parser->n_structural_indexes;
  if (CheckAndPair()) return true;
  count_ = 0;
  return false;
}

bool JsonIndex::IsValidString(uint32_t token) const {
  if (Kind(token) != '"') return false;
  const std::string_view text = Text(token);
  return text.size() >= 2 && text.back() == '"' && HasValidEscapes(text.substr(1, text.size() - 2));
}

bool JsonIndex::CheckAndPair() {
  std::array<uint32_t, kMaxJsonDepth> open;
  uint32_t depth = 0;
  uint32_t t = 0;
  enum { kValue, kKey, kAfter } next = kValue;
  while (true) {
    const char kind = Kind(t);
    if (next == kKey) {
      if (!IsValidString(t) || Kind(t + 1) != ':') return false;
      t += 2;
      next = kValue;
    } else if (next == kAfter) {
      if (depth == 0) return t == count_;
      const bool object = data_[offsets_[open[depth - 1]]] == '{';
      if (kind == ',') {
        next = object ? kKey : kValue;
      } else if (kind == (object ? '}' : ']')) {
        close_[open[--depth]] = t;
      } else {
        return false;
      }
      ++t;
    } else if (kind == '{' || kind == '[') {
      if (depth == kMaxJsonDepth) return false;
      open[depth++] = t++;
      const char close = kind == '{' ? '}' : ']';
      next = Kind(t) == close ? kAfter : kind == '{' ? kKey : kValue;
    } else {
      if (t >= count_ || (kind == '"' ? !IsValidString(t) : !IsScalar(Text(t)))) return false;
      ++t;
      next = kAfter;
    }
  }
}

bool JsonIndex::EscapedKeyEquals(std::string_view key, std::string_view name) {
  // An escape makes at least one byte out of six.
  if (key.size() <= name.size() || key.size() > name.size() * 6) return false;
  std::array<char, 256> unescaped;
  if (key.size() > unescaped.size() || key.find('\\') == std::string_view::npos) return false;
  return std::string_view(unescaped.data(), Unescape(key, unescaped.data())) == name;
}

}  // namespace inference::request
