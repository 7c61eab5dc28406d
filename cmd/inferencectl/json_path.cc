#include "inferencectl/json_path.h"

#include <charconv>
#include <utility>

#include "base/text.h"

namespace inference::ctl {

class JsonPathParser {
 public:
  explicit JsonPathParser(std::string_view text) : text_(text) {}

  Result<JsonPath> Parse() {
    JsonPath out;
    std::vector<std::vector<JsonPath::Part>*> open{&out.parts_};
    while (at_ < text_.size() && error_.ok()) {
      if (text_[at_] != '{') {
        Literal(*open.back());
        continue;
      }
      ++at_;
      SkipSpace();
      if (Word("range")) {
        JsonPath::Part range{JsonPath::Part::Kind::kRange, "", ParsePath(), {}};
        open.back()->push_back(std::move(range));
        open.push_back(&open.back()->back().body);
      } else if (Word("end")) {
        if (open.size() == 1) Fail("{end} without {range}");
        if (open.size() > 1) open.pop_back();
      } else if (Peek() == '"') {
        open.back()->push_back({JsonPath::Part::Kind::kText, Quoted('"'), {}, {}});
      } else {
        open.back()->push_back({JsonPath::Part::Kind::kPath, "", ParsePath(), {}});
      }
      SkipSpace();
      if (error_.ok() && Peek() != '}') Fail("'}' is missing");
      ++at_;
    }
    if (error_.ok() && open.size() > 1) Fail("{range} without {end}");
    if (!error_.ok()) return error_;
    return out;
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipSpace() {
    while (Peek() == ' ') ++at_;
  }

  void Fail(const std::string& what) {
    if (!error_.ok()) return;
    error_ = Status(Code::kInvalidArgument, "jsonpath: " + what + " at character " +
                                                std::to_string(at_ + 1) + " of \"" +
                                                base::Printable(text_) + "\"");
    at_ = text_.size();
  }

  bool Word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    const size_t end = at_ + word.size();
    if (end < text_.size() && text_[end] != ' ' && text_[end] != '}') return false;
    at_ = end;
    SkipSpace();
    return true;
  }

  void Literal(std::vector<JsonPath::Part>& out) {
    const size_t end = std::min(text_.find('{', at_), text_.size());
    out.push_back({JsonPath::Part::Kind::kText, std::string(text_.substr(at_, end - at_)), {}, {}});
    at_ = end;
  }

  /// Behind the opening quote up to and over the closing one.
  std::string Quoted(char quote) {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] != '\\' || at_ + 1 == text_.size()) {
        out += text_[at_];
        continue;
      }
      const char c = text_[++at_];
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
    if (Peek() != quote) Fail("a quote is missing");
    ++at_;
    return out;
  }

  JsonPath::Path ParsePath() {
    JsonPath::Path path;
    if (Peek() == '$' || Peek() == '@') {
      path.from_root = Peek() == '$';
      ++at_;
    }
    if (Peek() != '.' && Peek() != '[' && Peek() != '}') Fail("a path begins with '.' or '['");
    while (error_.ok() && (Peek() == '.' || Peek() == '[')) {
      if (Peek() == '.') {
        Member(path);
      } else {
        Bracket(path);
      }
    }
    return path;
  }

  void Member(JsonPath::Path& path) {
    ++at_;
    if (Peek() == '.') return Fail("\"..\" (search below) is not supported");
    if (Peek() == '*') {
      ++at_;
      path.steps.push_back({JsonPath::Step::Kind::kAll, ""});
      return;
    }
    std::string key;
    while (at_ < text_.size() && std::string_view(".[]{} \"'").find(Peek()) == std::string::npos) {
      if (Peek() == '\\' && at_ + 1 < text_.size()) ++at_;
      key += text_[at_++];
    }
    // "." alone and ".[0]" are the value itself.
    if (!key.empty()) path.steps.push_back({JsonPath::Step::Kind::kKey, std::move(key)});
  }

  void Bracket(JsonPath::Path& path) {
    ++at_;
    if (Peek() == '*') {
      ++at_;
      path.steps.push_back({JsonPath::Step::Kind::kAll, ""});
    } else if (Peek() == '\'' || Peek() == '"') {
      path.steps.push_back({JsonPath::Step::Kind::kKey, Quoted(Peek())});
    } else if (Peek() == '?') {
      return Fail(
          "a filter \"[?(...)]\" is not supported; give names to get, or use jq on -o json");
    } else {
      long index = 0;
      const char* begin = text_.data() + at_;
      const auto [end, fault] = std::from_chars(begin, text_.data() + text_.size(), index);
      if (fault != std::errc()) return Fail("an index, '*' or a quoted name is missing");
      at_ += static_cast<size_t>(end - begin);
      path.steps.push_back({JsonPath::Step::Kind::kIndex, "", index});
    }
    if (Peek() == ':') return Fail("a slice \"[a:b]\" is not supported");
    if (Peek() == ',') return Fail("a union \"[a,b]\" is not supported");
    if (Peek() != ']') return Fail("']' is missing");
    ++at_;
  }

  const std::string_view text_;
  size_t at_ = 0;
  Status error_;
};

Result<JsonPath> JsonPath::Parse(std::string_view text) {
  if (text.empty()) {
    return Status(Code::kInvalidArgument, "jsonpath: a template is missing, as {.items[*].name}");
  }
  const bool bare = text.find('{') == std::string_view::npos && (text[0] == '.' || text[0] == '[');
  if (!bare) return JsonPathParser(text).Parse();
  const std::string braced = "{" + std::string(text) + "}";
  return JsonPathParser(braced).Parse();
}

std::vector<const Json*> JsonPath::Find(const Path& path, const Json& root, const Json& current) {
  std::vector<const Json*> found{path.from_root ? &root : &current};
  for (const Step& step : path.steps) {
    std::vector<const Json*> next;
    for (const Json* value : found) {
      if (step.kind == Step::Kind::kAll && value->is_structured()) {
        for (const Json& each : *value) next.push_back(&each);
      } else if (step.kind == Step::Kind::kKey && value->is_object()) {
        if (const auto member = value->find(step.key); member != value->end()) {
          next.push_back(&*member);
        }
      } else if (step.kind == Step::Kind::kIndex && value->is_array()) {
        const long size = static_cast<long>(value->size());
        const long index = step.index < 0 ? size + step.index : step.index;
        if (index >= 0 && index < size) next.push_back(&(*value)[static_cast<size_t>(index)]);
      }
    }
    found = std::move(next);
  }
  return found;
}

void JsonPath::Run(const std::vector<Part>& parts, const Json& root, const Json& current,
                   std::string& out) {
  for (const Part& part : parts) {
    if (part.kind == Part::Kind::kText) {
      out += part.text;
      continue;
    }
    bool first = true;
    for (const Json* value : Find(part.path, root, current)) {
      if (part.kind == Part::Kind::kRange) {
        Run(part.body, root, *value, out);
      } else {
        out += (first ? "" : " ") + PlainText(*value);
      }
      first = false;
    }
  }
}

std::string JsonPath::Evaluate(const Json& document) const {
  std::string out;
  Run(parts_, document, document, out);
  return out;
}

std::vector<Json> JsonPath::Values(const Json& document) const {
  std::vector<Json> out;
  for (const Part& part : parts_) {
    if (part.kind != Part::Kind::kPath) continue;
    for (const Json* value : Find(part.path, document, document)) out.push_back(*value);
    break;
  }
  return out;
}

std::string PlainText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace inference::ctl
