#include "request/openai_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

namespace inference::request {
namespace {

using api::CallKind;

constexpr uint32_t kAbsent = 0;  // as a value's token: that one is the root

// What an asset is estimated at, in tokens, without decoding it: a picture of 640x360 at 1,024
// pixels each; a film of ten seconds with two such pictures a second.
constexpr uint32_t kImageTokens = 225;
constexpr uint32_t kVideoTokens = 20 * kImageTokens;

std::string_view TypeName(char kind) {
  switch (kind) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    case 't':
    case 'f':
      return "a boolean";
    case 'n':
      return "null";
    default:
      return "a number";
  }
}

bool IsNumber(char kind) {
  return kind == '-' || (kind >= '0' && kind <= '9');
}

// Where a value lies, spelled only when it is at fault: root[index].field[part].leaf
struct Place {
  std::string_view root;
  int64_t index = -1;
  std::string_view field = {};
  int64_t part = -1;
  std::string_view leaf = {};

  std::string ToString() const {
    std::string out(root);
    if (index >= 0) out += "[" + std::to_string(index) + "]";
    if (!field.empty()) out += "." + std::string(field);
    if (part >= 0) out += "[" + std::to_string(part) + "]";
    if (!leaf.empty()) out += "." + std::string(leaf);
    return out;
  }
};

// Reads the fields of one body whose JSON is known to be valid.
class Reader {
 public:
  Reader(const JsonIndex& index, PromptBuilder& prompt, std::string_view body, size_t cut_at,
         api::InferenceRequest& out)
      : index_(index), prompt_(prompt), body_(body), cut_at_(cut_at), out_(out) {}

  ParseResult Run(CallKind call) {
    if (index_.Kind(0) != '{') {
      Fail(0, {}, "the body must be a JSON object, found " + std::string(TypeName(index_.Kind(0))));
      return std::move(result_);
    }
    FindMembers(0, kNames, fields_);
    out_.call = call;
    if (Model() && Bool(Field(kStream), {"stream"}, out_.stream) && StreamOptions() &&
        MaxTokens(call) && CacheSalt()) {
      Prompts(call);
    }
    return std::move(result_);
  }

 private:
  enum Name {
    kModel,
    kStream,
    kStreamOptions,
    kMaxTokens,
    kMaxCompletionTokens,
    kMaxOutputTokens,
    kCacheSalt,
    kTools,
    kMessages,
    kPrompt,
    kPromptEmbeds,
    kInput,
    kInstructions,
    kNameCount
  };
  static constexpr std::array<std::string_view, kNameCount> kNames = {"model",
                                                                      "stream",
                                                                      "stream_options",
                                                                      "max_tokens",
                                                                      "max_completion_tokens",
                                                                      "max_output_tokens",
                                                                      "cache_salt",
                                                                      "tools",
                                                                      "messages",
                                                                      "prompt",
                                                                      "prompt_embeds",
                                                                      "input",
                                                                      "instructions"};

  char Kind(uint32_t value) const { return value == kAbsent ? 'n' : index_.Kind(value); }
  bool IsNull(uint32_t value) const { return Kind(value) == 'n'; }
  uint32_t Field(Name name) const { return fields_[name]; }
  // The body was cut; what is missing came later, or not at all.
  bool cut() const { return cut_at_ != std::string_view::npos; }
  // The body was cut inside this value.
  bool IsOpen(uint32_t value) const {
    if (!cut() || value == kAbsent) return false;
    const uint32_t last = index_.End(value);
    return index_.Offset(last) + index_.Text(last).size() > cut_at_;
  }

  // The last member of each name wins, as in Go's and Python's readers.
  void FindMembers(uint32_t object, std::span<const std::string_view> names,
                   std::span<uint32_t> values) const {
    std::fill(values.begin(), values.end(), kAbsent);
    index_.ForEachMember(object, [&](std::string_view key, uint32_t value) {
      for (size_t i = 0; i < names.size(); ++i) {
        if (JsonIndex::KeyEquals(key, names[i])) values[i] = value;
      }
      return true;
    });
  }

  bool Fail(uint32_t value, const Place& place, std::string message) {
    result_.fault = MakeFault(body_, index_.Offset(value), place.ToString(), std::move(message));
    return false;
  }
  bool FailType(uint32_t value, const Place& place, std::string_view wanted) {
    return Fail(value, place,
                "\"" + place.ToString() + "\" must be " + std::string(wanted) + ", found " +
                    std::string(TypeName(Kind(value))));
  }
  bool FailEmpty(uint32_t array, const Place& place) {
    return IsOpen(array) || Fail(array, place, "\"" + place.ToString() + "\" is empty");
  }
  bool FailMissing(const Place& place) {
    return cut() || Fail(0, place, "\"" + place.ToString() + "\" is missing");
  }

  bool Model() {
    const uint32_t model = Field(kModel);
    if (model == kAbsent) {
      if (FailMissing({"model"})) return true;
      result_.no_model = std::exchange(result_.fault, std::nullopt);
      result_.model_at = ModelPlace{index_.Offset(0) + 1, index_.Offset(0) + 1};
      return true;
    }
    if (Kind(model) != '"') return FailType(model, {"model"}, "a string");
    const size_t begin = index_.Offset(model);
    if (!cut()) result_.model_at = ModelPlace{begin, begin + index_.Text(model).size()};
    out_.model = out_.target_model = prompt_.String(model);
    return !out_.model.empty() || Fail(model, {"model"}, "\"model\" is empty");
  }

  bool Bool(uint32_t value, const Place& place, bool& out) {
    const char kind = Kind(value);
    out = kind == 't';
    return kind == 't' || kind == 'f' || kind == 'n' || FailType(value, place, "true or false");
  }

  bool StreamOptions() {
    const uint32_t options = Field(kStreamOptions);
    if (IsNull(options)) return true;
    if (Kind(options) != '{') return FailType(options, {"stream_options"}, "an object");
    constexpr std::array<std::string_view, 1> kOptionNames = {"include_usage"};
    std::array<uint32_t, 1> found;
    FindMembers(options, kOptionNames, found);
    return Bool(found[0], {.root = "stream_options", .field = "include_usage"},
                result_.include_usage);
  }

  // -1, 1.5 and the like are the model server's to judge: some take -1 for "no limit".
  std::optional<int64_t> WholeNumber(uint32_t value) const {
    if (IsNull(value)) return std::nullopt;
    const std::string_view text = index_.Text(value);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
    return number;
  }

  bool MaxTokens(CallKind call) {
    static constexpr Name kChat[] = {kMaxCompletionTokens, kMaxTokens};
    static constexpr Name kCompletion[] = {kMaxTokens};
    static constexpr Name kResponse[] = {kMaxOutputTokens};
    std::span<const Name> names;
    if (call == CallKind::kChatCompletions) names = kChat;
    if (call == CallKind::kCompletions) names = kCompletion;
    if (call == CallKind::kResponses) names = kResponse;
    for (Name name : names) {
      const uint32_t value = Field(name);
      if (!IsNull(value) && !IsNumber(Kind(value))) {
        return FailType(value, {kNames[name]}, "a whole number");
      }
      if (!out_.max_tokens) out_.max_tokens = WholeNumber(value);
    }
    return true;
  }

  bool CacheSalt() {
    const uint32_t salt = Field(kCacheSalt);
    if (IsNull(salt)) return true;
    if (Kind(salt) != '"') return FailType(salt, {"cache_salt"}, "a string");
    out_.cache_salt = prompt_.String(salt);
    return true;
  }

  bool Prompts(CallKind call) {
    switch (call) {
      case CallKind::kChatCompletions:
        return Chat();
      case CallKind::kCompletions:
        if (IsNull(Field(kPrompt)) && !IsNull(Field(kPromptEmbeds))) return true;
        return TextOrTokens(Field(kPrompt), "prompt");
      case CallKind::kEmbeddings:
        // vLLM also embeds conversations.
        if (IsNull(Field(kInput)) && !IsNull(Field(kMessages))) return Chat();
        return TextOrTokens(Field(kInput), "input");
      case CallKind::kResponses:
        return Responses();
      case CallKind::kOther:
        break;
    }
    return true;
  }

  // A string, an array of strings (a prompt each), an array of token ids, or an array of those.
  bool TextOrTokens(uint32_t value, std::string_view name) {
    if (IsNull(value)) return FailMissing({name});
    if (Kind(value) == '"') {
      prompt_.StartPrompt();
      prompt_.AddText(value);
      return true;
    }
    if (Kind(value) != '[') return FailType(value, {name}, "a string or an array");
    const char first = index_.Kind(value + 1);
    if (first == ']') return FailEmpty(value, {name});
    if (first != '"' && first != '[') return TokenIds(value, {name});
    int64_t i = -1;
    return index_.ForEachElement(value, [&](uint32_t element) {
      ++i;
      if (Kind(element) != first) {
        return FailType(element, {name, i}, first == '"' ? "a string" : "an array of token ids");
      }
      if (first == '[') return TokenIds(element, {name, i});
      prompt_.StartPrompt();
      prompt_.AddText(element);
      return true;
    });
  }

  // `text` is any value; there may be millions of these.
  static std::optional<uint32_t> TokenId(std::string_view text) {
    if (text.size() > 10) return std::nullopt;
    uint64_t id = 0;
    for (char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      id = id * 10 + static_cast<uint64_t>(c - '0');
    }
    if (id > UINT32_MAX) return std::nullopt;
    return static_cast<uint32_t>(id);
  }

  bool TokenIds(uint32_t array, Place place) {
    prompt_.StartPrompt();
    place.part = -1;
    const bool ok = index_.ForEachElement(array, [&](uint32_t element) {
      ++place.part;
      const std::optional<uint32_t> id = TokenId(index_.Text(element));
      if (!id) return FailType(element, place, "a token id (a whole number from 0 to 4294967295)");
      prompt_.AddTokenId(*id);
      return true;
    });
    prompt_.EndTokenIds();
    return ok;
  }

  bool Tools() {
    const uint32_t tools = Field(kTools);
    if (IsNull(tools)) return true;
    if (Kind(tools) != '[') return FailType(tools, {"tools"}, "an array");
    if (index_.Kind(tools + 1) != ']' && !IsOpen(tools)) prompt_.AddRaw(tools);
    return true;
  }

  bool Chat() {
    const uint32_t messages = Field(kMessages);
    if (IsNull(messages)) return FailMissing({"messages"});
    if (Kind(messages) != '[') return FailType(messages, {"messages"}, "an array");
    if (index_.Kind(messages + 1) == ']') return FailEmpty(messages, {"messages"});
    prompt_.StartPrompt();
    if (!Tools()) return false;
    int64_t i = -1;
    return index_.ForEachElement(messages, [&](uint32_t message) {
      ++i;
      if (Kind(message) != '{') return FailType(message, {"messages", i}, "an object");
      return Message(message, {"messages", i});
    });
  }

  // Role, content, calls of tools: the order in which they come in a prompt.
  bool Message(uint32_t message, Place place) {
    static constexpr std::array<std::string_view, 3> kMessageNames = {"role", "content",
                                                                      "tool_calls"};
    std::array<uint32_t, 3> found;
    FindMembers(message, kMessageNames, found);
    const auto [role, content, calls] = found;
    // Of a message that was cut only what surely comes first in the prompt.
    const bool open = IsOpen(message);
    if (open && (IsNull(role) || IsOpen(role))) return true;
    if (!IsNull(role)) {
      place.field = "role";
      if (Kind(role) != '"') return FailType(role, place, "a string");
      prompt_.AddText(role);
    }
    place.field = "content";
    if (!Content(content, place)) return false;
    if (!IsNull(calls) && !(open && (IsNull(content) || IsOpen(calls)))) prompt_.AddRaw(calls);
    return true;
  }

  bool Content(uint32_t content, Place place) {
    if (IsNull(content)) return true;
    if (Kind(content) == '"') {
      prompt_.AddText(content);
      return true;
    }
    if (Kind(content) != '[') return FailType(content, place, "a string or an array of parts");
    return index_.ForEachElement(content, [&](uint32_t part) {
      ++place.part;
      if (Kind(part) == '"') {
        prompt_.AddText(part);
        return true;
      }
      return Kind(part) == '{' ? Part(part, place) : FailType(part, place, "an object");
    });
  }

  // Told apart by the field that they carry, so that chat's and responses' names both work.
  bool Part(uint32_t part, Place place) {
    static constexpr std::array<std::string_view, 5> kPartNames = {"text", "image_url", "video_url",
                                                                   "audio_url", "input_audio"};
    std::array<uint32_t, 5> found;
    FindMembers(part, kPartNames, found);
    const auto [text, image, video, audio_url, audio] = found;
    if (!IsNull(text)) {
      place.leaf = "text";
      if (Kind(text) != '"') return FailType(text, place, "a string");
      prompt_.AddText(text);
      return true;
    }
    if (IsOpen(part)) return true;
    if (!IsNull(image)) return UrlAsset(image, kImageTokens, place, "image_url");
    if (!IsNull(video)) return UrlAsset(video, kVideoTokens, place, "video_url");
    if (!IsNull(audio_url)) return UrlAsset(audio_url, 0, place, "audio_url");
    if (!IsNull(audio)) return Audio(audio, place);
    prompt_.AddRaw(part);
    return true;
  }

  static uint32_t TokensOfBytes(size_t bytes) {
    return static_cast<uint32_t>(std::max<size_t>(1, (bytes + 3) / 4));
  }

  // `"url"` or `{"url": "url"}`; 0 tokens: by the length of the URL, which may hold the data.
  bool UrlAsset(uint32_t value, uint32_t tokens, Place place, std::string_view name) {
    place.leaf = name;
    if (Kind(value) == '{') {
      static constexpr std::array<std::string_view, 1> kUrl = {"url"};
      std::array<uint32_t, 1> url;
      FindMembers(value, kUrl, url);
      if (Kind(url[0]) != '"') {
        return Fail(url[0] == kAbsent ? value : url[0], place,
                    "\"" + place.ToString() + ".url\" must be a string");
      }
      value = url[0];
    }
    if (Kind(value) != '"') return FailType(value, place, "a string or an object with \"url\"");
    const std::string_view content = prompt_.String(value);
    prompt_.AddAsset(content, tokens != 0 ? tokens : TokensOfBytes(content.size()));
    return true;
  }

  bool Audio(uint32_t value, Place place) {
    place.leaf = "input_audio";
    if (Kind(value) != '{') return FailType(value, place, "an object");
    static constexpr std::array<std::string_view, 2> kAudio = {"data", "format"};
    std::array<uint32_t, 2> found;
    FindMembers(value, kAudio, found);
    if (Kind(found[0]) != '"') {
      return Fail(found[0] == kAbsent ? value : found[0], place,
                  "\"" + place.ToString() + ".data\" must be a string");
    }
    const std::string_view data = prompt_.String(found[0]);
    const size_t format = Kind(found[1]) == '"' ? index_.Inside(found[1]).size() : 0;
    prompt_.AddAsset(data, TokensOfBytes(data.size() + format));
    return true;
  }

  bool Responses() {
    const uint32_t input = Field(kInput), instructions = Field(kInstructions);
    if (IsNull(input) && !cut()) return FailMissing({"input"});
    prompt_.StartPrompt();
    if (!IsNull(instructions)) {
      if (Kind(instructions) != '"') return FailType(instructions, {"instructions"}, "a string");
      prompt_.AddText(instructions);
      if (IsOpen(instructions)) return true;
    }
    if (!Tools()) return false;
    if (IsNull(input)) return true;
    if (Kind(input) == '"') {
      prompt_.AddText(input);
      return true;
    }
    if (Kind(input) != '[') return FailType(input, {"input"}, "a string or an array");
    if (index_.Kind(input + 1) == ']') return FailEmpty(input, {"input"});
    int64_t i = -1;
    return index_.ForEachElement(input, [&](uint32_t item) {
      ++i;
      if (Kind(item) != '{') return FailType(item, {"input", i}, "an object");
      return Item(item, {"input", i});
    });
  }

  // Messages as in a chat; calls of functions, their outputs and the like as they are written.
  bool Item(uint32_t item, const Place& place) {
    static constexpr std::array<std::string_view, 1> kContent = {"content"};
    std::array<uint32_t, 1> content;
    FindMembers(item, kContent, content);
    if (!IsNull(content[0])) return Message(item, place);
    if (!IsOpen(item)) prompt_.AddRaw(item);
    return true;
  }

  const JsonIndex& index_;
  PromptBuilder& prompt_;
  const std::string_view body_;
  const size_t cut_at_;
  api::InferenceRequest& out_;
  std::array<uint32_t, kNameCount> fields_{};
  ParseResult result_;
};

}  // namespace

ParseResult ReadOpenAiBody(const JsonIndex& index, std::string_view body, CallKind call,
                           size_t cut_at, PromptBuilder& prompt, api::InferenceRequest& out) {
  return Reader(index, prompt, body, cut_at, out).Run(call);
}

}  // namespace inference::request
