#include "metrics/sample.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace inference::metrics {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

void SkipBlanks(std::string_view& text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
}

std::string_view TakeToken(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && !IsBlank(text[n])) ++n;
  const std::string_view token = text.substr(0, n);
  text.remove_prefix(n);
  SkipBlanks(text);
  return token;
}

// `text` starts behind the opening quote; it ends behind the closing one.
bool TakeQuoted(std::string_view& text, Label& label) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      label.escaped = true;
      ++i;
    } else if (text[i] == '"') {
      label.raw = text.substr(0, i);
      text.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// `text` starts behind the opening brace; it ends behind the closing one.
bool TakeLabels(std::string_view& text, Sample& out) {
  for (;;) {
    SkipBlanks(text);
    if (text.empty()) return false;
    if (text.front() == '}') {
      text.remove_prefix(1);
      return true;
    }
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || out.label_count == Sample::kMaxLabels) return false;
    Label& label = out.labels[out.label_count++];
    label = {};
    label.name = text.substr(0, equals);
    while (!label.name.empty() && IsBlank(label.name.back())) label.name.remove_suffix(1);
    text.remove_prefix(equals + 1);
    SkipBlanks(text);
    if (label.name.empty() || text.empty() || text.front() != '"') return false;
    text.remove_prefix(1);
    if (!TakeQuoted(text, label)) return false;
    SkipBlanks(text);
    if (!text.empty() && text.front() == ',') {
      text.remove_prefix(1);
    } else if (text.empty() || text.front() != '}') {
      return false;
    }
  }
}

}  // namespace

std::string_view Label::Value(std::string& buffer) const {
  if (!escaped) return raw;
  buffer.clear();
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '\\' && i + 1 < raw.size()) {
      c = raw[++i];
      if (c == 'n') c = '\n';
    }
    buffer += c;
  }
  return buffer;
}

const Label* Sample::Find(std::string_view name) const {
  for (size_t i = 0; i < label_count; ++i) {
    if (labels[i].name == name) return &labels[i];
  }
  return nullptr;
}

bool ParseNumber(std::string_view text, double& out) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '-') return false;
  }
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end;
}

bool ParseSample(std::string_view text, Sample& out) {
  out.label_count = 0;
  out.time = Sample::kNoTime;
  SkipBlanks(text);
  if (!text.empty() && text.front() == '{') {
    text.remove_prefix(1);
    if (!TakeLabels(text, out)) return false;
    SkipBlanks(text);
  }
  if (!ParseNumber(TakeToken(text), out.value)) return false;
  if (text.empty() || text.front() == '#') return true;
  double time = 0;
  if (!ParseNumber(TakeToken(text), time) || !(std::abs(time) < 1e15)) return false;
  // OpenMetrics has seconds with a fraction, the older format milliseconds: both keep their order.
  out.time = static_cast<int64_t>(time * 1000);
  return text.empty() || text.front() == '#';
}

}  // namespace inference::metrics
