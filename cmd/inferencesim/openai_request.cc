#include "inferencesim/openai_request.h"

#include <fmt/core.h>
#include <simdjson.h>
#include <xxhash.h>

#include <nlohmann/json.hpp>

namespace inference::sim {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

/// What an image costs, whatever its size: 256 tokens.
constexpr size_t kImageBytes = 1024;
constexpr size_t kKeptParserBytes = 1 << 20;

std::string_view ErrorType(int status) {
  switch (status) {
    case 400:
      return "BadRequestError";
    case 404:
      return "NotFoundError";
    case 413:
      return "RequestEntityTooLargeError";
    case 429:
      return "RateLimitError";
    case 503:
      return "ServiceUnavailableError";
    default:
      return "InternalServerError";
  }
}

/// Collects the first fault, so that reading goes on without a check after each member.
class Reader {
 public:
  explicit Reader(object members) : members_(members) {}

  const std::optional<ApiError>& error() const { return error_; }
  void Fail(std::string message, std::string_view param) {
    if (!error_) error_ = ApiError{400, std::move(message), std::string(param)};
  }

  /// Absent and null are the same, as they are to vLLM.
  std::optional<element> Find(std::string_view name) const {
    element value;
    if (members_[name].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    return value;
  }
  void String(std::string_view name, std::string* out) {
    const auto value = Find(name);
    std::string_view text;
    if (!value) return;
    if (value->get(text) != simdjson::SUCCESS) return Fail("Input should be a valid string", name);
    *out = text;
  }
  void Bool(std::string_view name, bool* out) {
    const auto value = Find(name);
    if (value && value->get(*out) != simdjson::SUCCESS) {
      Fail("Input should be a valid boolean", name);
    }
  }
  void Count(std::string_view name, uint64_t low, std::optional<uint32_t>* out) {
    const auto value = Find(name);
    if (!value) return;
    uint64_t number = 0;
    if (value->get(number) != simdjson::SUCCESS || number < low || number > UINT32_MAX) {
      return Fail(fmt::format("Input should be a whole number of at least {}", low), name);
    }
    *out = static_cast<uint32_t>(number);
  }

 private:
  object members_;
  std::optional<ApiError> error_;
};

void AppendImage(std::string_view url, std::string* out) {
  const std::string mark = fmt::format("{:016x}", XXH3_64bits(url.data(), url.size()));
  for (size_t i = 0; i < kImageBytes; i += mark.size()) *out += mark;
}

/// A string, or an array of parts.
void AppendContent(element content, Reader* reader, std::string* out) {
  std::string_view text;
  if (content.get(text) == simdjson::SUCCESS) {
    out->append(text);
    return;
  }
  array parts;
  if (content.get(parts) != simdjson::SUCCESS) {
    return reader->Fail("Input should be a string or a list of parts", "content");
  }
  for (const element part : parts) {
    if (part["text"].get(text) == simdjson::SUCCESS) {
      out->append(text);
    } else if (part["image_url"]["url"].get(text) == simdjson::SUCCESS ||
               part["image_url"].get(text) == simdjson::SUCCESS) {
      AppendImage(text, out);
    } else {
      out->append(simdjson::minify(part));
    }
  }
}

/// The simulator's chat template. The end of one prompt and its answer are the head of the next
/// turn, as with real templates.
void AppendMessages(array messages, Reader* reader, std::string* out) {
  for (const element message : messages) {
    std::string_view role = "user";
    if (!message.is_object()) return reader->Fail("Input should be an object", "messages");
    if (message["role"].get(role) != simdjson::SUCCESS && message["type"].error()) {
      return reader->Fail("Field required", "messages.role");
    }
    fmt::format_to(std::back_inserter(*out), "<|{}|>\n", role);
    element member;
    if (message["content"].get(member) == simdjson::SUCCESS && !member.is_null()) {
      AppendContent(member, reader, out);
    }
    if (message["tool_calls"].get(member) == simdjson::SUCCESS) {
      out->append(simdjson::minify(member));
    }
    out->append("\n");
  }
  out->append("<|assistant|>\n");
}

void ReadChat(Reader* reader, ModelRequest* request) {
  std::string& prompt = request->prompts.emplace_back();
  if (const auto tools = reader->Find("tools")) prompt += simdjson::minify(*tools);
  const auto messages = reader->Find("messages");
  array list;
  if (!messages) return reader->Fail("Field required", "messages");
  if (messages->get(list) != simdjson::SUCCESS) {
    return reader->Fail("Input should be a valid list", "messages");
  }
  AppendMessages(list, reader, &prompt);
  reader->Count("max_tokens", 1, &request->max_tokens);
  reader->Count("max_completion_tokens", 1, &request->max_tokens);
}

void ReadResponses(Reader* reader, ModelRequest* request) {
  std::string& prompt = request->prompts.emplace_back();
  std::string instructions;
  reader->String("instructions", &instructions);
  if (!instructions.empty()) prompt = "<|system|>\n" + instructions + "\n";
  const auto input = reader->Find("input");
  if (!input) return reader->Fail("Field required", "input");
  array list;
  std::string_view text;
  if (input->get(text) == simdjson::SUCCESS) {
    prompt += "<|user|>\n";
    prompt += text;
    prompt += "\n<|assistant|>\n";
  } else if (input->get(list) == simdjson::SUCCESS) {
    AppendMessages(list, reader, &prompt);
  } else {
    reader->Fail("Input should be a string or a list", "input");
  }
  reader->Count("max_output_tokens", 1, &request->max_tokens);
}

/// Token numbers become four bytes each, so that they count and hash as tokens.
bool AppendTokens(array tokens, std::string* out) {
  for (const element token : tokens) {
    uint64_t id = 0;
    if (token.get(id) != simdjson::SUCCESS || id > UINT32_MAX) return false;
    for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(id >> shift));
  }
  return true;
}

/// A string, strings, tokens, or lists of tokens.
void ReadPrompts(std::string_view name, Reader* reader, ModelRequest* request) {
  constexpr std::string_view kExpected =
      "Input should be a string, a list of strings, a list of tokens or a list of lists of tokens";
  const auto value = reader->Find(name);
  if (!value) return reader->Fail("Field required", name);
  std::string_view text;
  if (value->get(text) == simdjson::SUCCESS) {
    request->prompts.emplace_back(text);
    return;
  }
  array list;
  if (value->get(list) != simdjson::SUCCESS) return reader->Fail(std::string(kExpected), name);
  if (list.size() > 0 && list.at(0).is_number()) {
    if (!AppendTokens(list, &request->prompts.emplace_back())) {
      reader->Fail(std::string(kExpected), name);
    }
    return;
  }
  for (const element item : list) {
    if (request->prompts.size() == kMaxSequences) return reader->Fail("Too many prompts", name);
    std::string& prompt = request->prompts.emplace_back();
    array tokens;
    if (item.get(text) == simdjson::SUCCESS) {
      prompt = text;
    } else if (item.get(tokens) != simdjson::SUCCESS || !AppendTokens(tokens, &prompt)) {
      return reader->Fail(std::string(kExpected), name);
    }
  }
}

void ReadEmbeddings(Reader* reader, ModelRequest* request) {
  ReadPrompts("input", reader, request);
  std::string format;
  reader->String("encoding_format", &format);
  reader->Count("dimensions", 1, &request->dimensions);
  if (request->dimensions > 65536u) reader->Fail("Input should be at most 65536", "dimensions");
  if (!format.empty() && format != "float" && format != "base64") {
    reader->Fail("Input should be 'float' or 'base64'", "encoding_format");
  }
  request->base64 = format == "base64";
}

void ReadKind(Reader* reader, ModelRequest* request) {
  switch (request->kind) {
    case ApiKind::kChat:
      return ReadChat(reader, request);
    case ApiKind::kResponses:
      return ReadResponses(reader, request);
    case ApiKind::kEmbeddings:
      return ReadEmbeddings(reader, request);
    case ApiKind::kCompletions:
      ReadPrompts("prompt", reader, request);
      reader->Count("max_tokens", 1, &request->max_tokens);
      if (!request->max_tokens) request->max_tokens = 16;  // OpenAI's default
      return;
  }
}

void ReadCommon(Reader* reader, ModelRequest* request) {
  reader->String("model", &request->model);
  reader->String("cache_salt", &request->cache_salt);
  if (request->kind == ApiKind::kEmbeddings) return;
  reader->Bool("stream", &request->stream);
  if (const auto options = reader->Find("stream_options")) {
    const auto include = (*options)["include_usage"];
    if (!include.error() && include.get(request->include_usage) != simdjson::SUCCESS) {
      reader->Fail("Input should be a valid boolean", "stream_options.include_usage");
    }
  }
  if (request->kind == ApiKind::kResponses) return;  // it has no `n`
  std::optional<uint32_t> n;
  reader->Count("n", 1, &n);
  request->n = n.value_or(1);
}

}  // namespace

std::string ErrorJson(const ApiError& error) {
  nlohmann::ordered_json inner;
  inner["message"] = error.message;
  inner["type"] = ErrorType(error.status);
  inner["param"] =
      error.param.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(error.param);
  inner["code"] = error.status;
  nlohmann::ordered_json outer;
  outer["error"] = std::move(inner);
  return outer.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::variant<ModelRequest, ApiError> ParseModelRequest(ApiKind kind, std::string_view body) {
  thread_local simdjson::dom::parser kept;  // a parser keeps the size of its largest document
  simdjson::dom::parser large;
  simdjson::dom::parser& parser = body.size() > kKeptParserBytes ? large : kept;
  element document;
  if (const auto error = parser.parse(body.data(), body.size()).get(document)) {
    return ApiError{400, fmt::format("The body is not JSON: {}", simdjson::error_message(error)),
                    ""};
  }
  object members;
  if (document.get(members) != simdjson::SUCCESS) {
    return ApiError{400, "The body should be a JSON object", ""};
  }
  ModelRequest request;
  request.kind = kind;
  Reader reader(members);
  ReadCommon(&reader, &request);
  ReadKind(&reader, &request);
  if (reader.error()) return *reader.error();
  for (const std::string& prompt : request.prompts) {
    if (prompt.empty()) return ApiError{400, "The prompt is empty", "prompt"};
  }
  if (request.prompts.empty()) return ApiError{400, "There is no prompt", "prompt"};
  if (request.prompts.size() * request.n > kMaxSequences) {
    return ApiError{400, fmt::format("At most {} sequences in one request", kMaxSequences), "n"};
  }
  return request;
}

}  // namespace inference::sim
