#include "conversation.h"

#include <algorithm>
#include <random>

namespace bench {
namespace {

void PutVarint(std::string& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}

void PutBytes(std::string& out, int field, std::string_view bytes) {
  PutVarint(out, static_cast<uint64_t>(field) << 3 | 2);
  PutVarint(out, bytes.size());
  out.append(bytes);
}

std::string Frame(std::string_view message) {
  const auto n = static_cast<uint32_t>(message.size());
  std::string out = {0, static_cast<char>(n >> 24), static_cast<char>(n >> 16),
                     static_cast<char>(n >> 8), static_cast<char>(n)};
  return out.append(message);
}

std::string Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> headers) {
  std::string map;
  for (const auto& [name, value] : headers) {
    std::string header;
    PutBytes(header, 1, name);
    PutBytes(header, 3, value);
    PutBytes(map, 1, header);
  }
  std::string http;
  PutBytes(http, 1, map);
  return http;
}

std::string ProtocolConfig(bool response) {
  std::string config;
  PutVarint(config, 1 << 3);
  PutVarint(config, 4);  // request_body_mode FULL_DUPLEX_STREAMED
  if (response) {
    PutVarint(config, 2 << 3);
    PutVarint(config, 4);
  }
  return config;
}

std::string BodyMessage(int kind, std::string_view body, bool end) {
  std::string http_body;
  if (!body.empty()) PutBytes(http_body, 1, body);
  if (end) {
    PutVarint(http_body, 2 << 3);
    PutVarint(http_body, 1);
  }
  std::string message;
  PutBytes(message, kind, http_body);
  return Frame(message);
}

std::string Words(std::mt19937_64& rng, size_t bytes) {
  static constexpr const char* kWords[] = {"the ",     "server ", "answers ", "with ", "a ",
                                           "token ",   "cache ",  "prefix ",  "that ", "every ",
                                           "request ", "shares ", "until ",   "it ",   "ends "};
  std::string out;
  while (out.size() < bytes) out += kWords[rng() % std::size(kWords)];
  out.resize(bytes);
  return out;
}

/// A prompt of token ids, the kind of body that takes longest to parse.
std::string TokenIdBody(std::mt19937_64& rng, size_t bytes) {
  std::string out = R"({"model":"tiny","max_tokens":64,"prompt":[1)";
  while (out.size() + 8 < bytes) out += "," + std::to_string(10000 + rng() % 90000);
  return out + "]}";
}

}  // namespace

Conversation MakeConversation(const ConversationOptions& options) {
  Conversation c;
  std::mt19937_64 rng(1);
  const std::string head = R"({"model":"tiny","stream":true,"max_tokens":64,"messages":[)"
                           R"({"role":"system","content":")";
  const std::string tail = R"("}]})";
  const size_t prompt = std::max<size_t>(options.body_bytes, head.size() + tail.size() + 16) -
                        head.size() - tail.size();
  const auto shared_bytes =
      static_cast<size_t>(static_cast<double>(prompt) * options.shared_prefix);
  const std::string shared = Words(rng, shared_bytes);
  for (int v = 0; v < options.variants; ++v) {
    const std::string body = options.token_ids
                                 ? TokenIdBody(rng, options.body_bytes)
                                 : head + shared + Words(rng, prompt - shared_bytes) + tail;
    std::string first;
    PutBytes(first, 2,
             Headers({{":authority", "llm.example.com"},
                      {":path", options.token_ids ? "/v1/completions" : "/v1/chat/completions"},
                      {":method", "POST"},
                      {":scheme", "http"},
                      {"user-agent", "bench/1.0"},
                      {"accept", "*/*"},
                      {"content-type", "application/json"},
                      {"content-length", std::to_string(body.size())},
                      {"authorization", "Bearer 0123456789abcdef"},
                      {"x-forwarded-for", "10.0.0.1"},
                      {"x-forwarded-proto", "http"},
                      {"x-envoy-internal", "true"},
                      {"x-request-id", kRequestIdTemplate},
                      {"accept-encoding", "gzip"}}));
    PutBytes(first, 11, ProtocolConfig(options.chunks > 0));
    std::string all = Frame(first);
    for (size_t at = 0; at < body.size(); at += options.body_piece) {
      const std::string_view piece = std::string_view(body).substr(at, options.body_piece);
      all += BodyMessage(4, piece, at + piece.size() == body.size());
    }
    c.request.push_back(std::move(all));
  }
  std::string response;
  PutBytes(response, 3,
           Headers({{":status", "200"},
                    {"content-type", "text/event-stream; charset=utf-8"},
                    {"date", "Sat, 21 Nov 2026 00:00:00 GMT"},
                    {"server", "uvicorn"}}));
  c.response_headers = Frame(response);
  std::string event = R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"tiny",)"
                      R"("choices":[{"index":0,"delta":{"content":")";
  event += Words(
      rng, options.chunk_bytes > event.size() + 10 ? options.chunk_bytes - event.size() - 10 : 1);
  event += "\"}}]}\n\n";
  c.response_chunk = BodyMessage(5, event, false);
  c.response_end = BodyMessage(5, "", true);
  return c;
}

}  // namespace bench
