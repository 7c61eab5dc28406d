#include "metrics/metric_spec.h"

#include <algorithm>

#include "base/text.h"

namespace inference::metrics {
namespace {

bool IsNameByte(char c, bool first, bool colon) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
         (!first && c >= '0' && c <= '9');
}

// A cursor over the text of one spec.
class SpecReader {
 public:
  explicit SpecReader(std::string_view text) : text_(text) {}

  Result<MetricSpec> Read() {
    MetricSpec spec;
    SkipBlanks();
    spec.name = ReadName(/*colon=*/true);
    if (spec.name.empty()) return Wrong("a metric name is missing");
    SkipBlanks();
    if (Take('{')) {
      Status read = ReadMatches(spec);
      if (!read.ok()) return read;
      SkipBlanks();
    }
    if (at_ != text_.size()) return Wrong("unexpected text");
    return spec;
  }

 private:
  Status ReadMatches(MetricSpec& spec) {
    for (;;) {
      SkipBlanks();
      if (Take('}')) return Status::Ok();
      MetricSpec::Match match;
      match.label = ReadName(/*colon=*/false);
      if (match.label.empty()) return Wrong(End() ? "'}' is missing" : "a label name is missing");
      const bool seen = std::any_of(spec.matches.begin(), spec.matches.end(),
                                    [&](const auto& m) { return m.label == match.label; });
      if (seen) return Wrong("label '" + match.label + "' is given twice");
      SkipBlanks();
      if (!Take('=')) return Wrong("'=' is missing after label '" + match.label + "'");
      SkipBlanks();
      Status value = ReadValue(match.value);
      if (!value.ok()) return value;
      spec.matches.push_back(std::move(match));
      if (spec.matches.size() > MetricSpec::kMaxMatches) return Wrong("too many labels");
      SkipBlanks();
      if (!Take(',') && (End() || text_[at_] != '}')) {
        return Wrong(End() ? "'}' is missing" : "',' or '}' is missing");
      }
    }
  }

  Status ReadValue(std::string& out) {
    if (!Take('"')) {
      const size_t from = at_;
      while (!End() && text_[at_] != ',' && text_[at_] != '}') {
        if (text_[at_] == '"' || text_[at_] == '=') return Wrong("quote this label value");
        ++at_;
      }
      out = base::TrimSpace(text_.substr(from, at_ - from));
      return Status::Ok();
    }
    while (!End()) {
      char c = text_[at_++];
      if (c == '"') return Status::Ok();
      if (c == '\\') {
        if (End()) break;
        c = text_[at_++];
        if (c == 'n') c = '\n';
      }
      out += c;
    }
    return Wrong("the closing quote is missing");
  }

  std::string ReadName(bool colon) {
    const size_t from = at_;
    while (!End() && IsNameByte(text_[at_], at_ == from, colon)) ++at_;
    return std::string(text_.substr(from, at_ - from));
  }
  void SkipBlanks() {
    while (!End() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool Take(char c) {
    if (End() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool End() const { return at_ >= text_.size(); }
  Status Wrong(const std::string& what) const {
    return {Code::kInvalidArgument, "'" + base::Printable(text_) + "' is no metric: " + what +
                                        " at character " + std::to_string(at_ + 1) +
                                        "; write name or name{label=value,...}"};
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<MetricSpec> ParseMetricSpec(std::string_view text) {
  if (text.size() > MetricSpec::kMaxText) {
    return Status(Code::kInvalidArgument, "a metric of more than " +
                                              std::to_string(MetricSpec::kMaxText) +
                                              " characters; write name or name{label=value,...}");
  }
  return SpecReader(text).Read();
}

}  // namespace inference::metrics
