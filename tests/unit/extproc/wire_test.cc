#include "extproc/wire.h"

#include <catch2/catch.hpp>
#include <random>

#include "support/ext_proc_messages.h"

namespace inference::extproc::wire {
namespace {

using test::BytesField;
using test::Frame;
using test::RequestMessage;
using test::VarintField;

/// Everything a decoder said, bodies joined per message.
struct Collector : Events {
  struct Seen {
    Message message;
    std::string body;
    size_t pieces = 0;
  };
  void OnBody(Kind kind, std::string_view bytes, size_t rest) override {
    current.body += bytes;
    ++current.pieces;
    body_kind = kind;
    last_rest = rest;
    REQUIRE(!bytes.empty());
  }
  void OnMessage(Message& message) override {
    std::swap(current.message, message);
    seen.push_back(std::move(current));
    current = {};
  }
  std::vector<Seen> seen;
  Seen current;
  Kind body_kind = Kind::kNone;
  size_t last_rest = 0;
};

struct Outcome {
  Fault fault;
  std::vector<Collector::Seen> seen;
};

/// Feeds `bytes` in pieces of `step`.
Outcome Run(std::string_view bytes, size_t step = SIZE_MAX, size_t max = 1 << 20) {
  Decoder decoder(max);
  MessagePool pool;
  Collector collector;
  while (!bytes.empty()) {
    // A copy of exactly that size, so that a sanitizer sees a read past it.
    const std::string piece(bytes.substr(0, step));
    bytes.remove_prefix(piece.size());
    if (const Fault fault = decoder.Feed(piece, pool, collector)) return {fault, {}};
  }
  CHECK(!decoder.partial());
  return {{}, std::move(collector.seen)};
}

RequestMessage FullRequest() {
  RequestMessage m;
  m.headers = {{":method", "POST"}, {"X-Upper", "Kept As Is"}, {"empty", ""}};
  m.end_of_stream = true;
  m.observability = true;
  m.modes = {{test::kFullDuplex, test::kNone}};
  m.attributes = {{"xds.route_name", "chat"},
                  {"request.id", "r-1"},
                  {"upstream.address", "10.0.0.1:80"},
                  {"response.code_details", "via_upstream"},
                  {"other", "x"}};
  m.subset = {{"10.0.0.1:8000", "10.0.0.2"}};
  m.served = "10.0.0.9:8000";
  return m;
}

TEST_CASE("A request with everything in it is decoded, however it is cut") {
  const std::string bytes = Frame(Encode(FullRequest()));
  for (size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{64}, SIZE_MAX}) {
    const Outcome out = Run(bytes, step);
    REQUIRE(!out.fault);
    REQUIRE(out.seen.size() == 1);
    const Message& m = out.seen[0].message;
    CHECK(m.kind == Kind::kRequestHeaders);
    CHECK(m.end_of_stream);
    CHECK(m.observability);
    REQUIRE(m.protocol_config.has_value());
    CHECK(*m.protocol_config == ProtocolConfig{BodyMode::kFullDuplex, BodyMode::kNone});
    REQUIRE(m.headers.size() == 3);
    CHECK(m.headers.Find(":method") == "POST");
    CHECK(m.headers.Find("x-upper") == "Kept As Is");
    CHECK(m.headers.Has("empty"));
    CHECK(!m.headers.Has("absent"));
    CHECK(m.route_name == "chat");
    CHECK(m.request_id == "r-1");
    CHECK(m.upstream_address == "10.0.0.1:80");
    CHECK(m.code_details == "via_upstream");
    CHECK(m.subset_present);
    CHECK(m.subset == "10.0.0.1:8000,10.0.0.2");
    CHECK(m.served == "10.0.0.9:8000");
  }
}

TEST_CASE("An absent protocol_config is not an empty one") {
  RequestMessage m;
  CHECK(!Run(Frame(Encode(m))).seen.at(0).message.protocol_config);
  m.modes = {{0, 0}};
  const auto config = Run(Frame(Encode(m))).seen.at(0).message.protocol_config;
  REQUIRE(config.has_value());
  CHECK(*config == ProtocolConfig{BodyMode::kNone, BodyMode::kNone});
}

TEST_CASE("Body modes that do not exist are told apart") {
  const std::string config = BytesField(11, VarintField(1, 6) + VarintField(2, 5));
  const auto seen = Run(Frame(config)).seen;
  CHECK(*seen.at(0).message.protocol_config == ProtocolConfig{BodyMode::kUnknown, BodyMode::kGrpc});
}

TEST_CASE("The subset hint comes as a list or as one text, and may be empty") {
  RequestMessage m;
  CHECK(!Run(Frame(Encode(m))).seen.at(0).message.subset_present);
  m.subset_text = "10.0.0.1:1,10.0.0.2:1";
  CHECK(Run(Frame(Encode(m))).seen.at(0).message.subset == "10.0.0.1:1,10.0.0.2:1");
  m.subset_text.reset();
  m.subset.emplace();
  const auto seen = Run(Frame(Encode(m))).seen;
  CHECK(seen.at(0).message.subset_present);
  CHECK(seen.at(0).message.subset.empty());
}

TEST_CASE("Body bytes are handed on as they arrive, with what is still to come") {
  RequestMessage m;
  m.kind = 4;
  m.body.assign(1000, 'x');
  m.end_of_stream = true;
  const std::string bytes = Frame(Encode(m));
  Decoder decoder(1 << 20);
  MessagePool pool;
  Collector collector;
  REQUIRE(!decoder.Feed(std::string_view(bytes).substr(0, 500), pool, collector));
  CHECK(collector.current.body.size() > 450);
  CHECK(collector.last_rest == 1000 - collector.current.body.size());
  CHECK(collector.seen.empty());
  REQUIRE(!decoder.Feed(std::string_view(bytes).substr(500), pool, collector));
  REQUIRE(collector.seen.size() == 1);
  CHECK(collector.seen[0].body == m.body);
  CHECK(collector.seen[0].message.end_of_stream);
  CHECK(collector.last_rest == 0);
  CHECK(collector.body_kind == Kind::kRequestBody);
}

TEST_CASE("Several messages in one piece are all seen") {
  RequestMessage body;
  body.kind = 5;
  body.body = "abc";
  RequestMessage trailers;
  trailers.kind = 7;
  trailers.headers = {{"grpc-status", "0"}};
  const Outcome out = Run(Frame(Encode(body)) + Frame(Encode(trailers)) + Frame(""));
  REQUIRE(out.seen.size() == 3);
  CHECK(out.seen[0].message.kind == Kind::kResponseBody);
  CHECK(out.seen[0].body == "abc");
  CHECK(out.seen[1].message.kind == Kind::kResponseTrailers);
  CHECK(out.seen[2].message.kind == Kind::kNone);
}

TEST_CASE("Unknown fields of every allowed wire type are skipped") {
  const std::string unknown = VarintField(900, 1) + BytesField(901, "text") +
                              std::string("\xb1\x38") + std::string(8, 'f') +  // 902, fixed64
                              std::string("\xbd\x38") + std::string(4, 'f');   // 903, fixed32
  RequestMessage m;
  m.kind = 4;
  m.body = "b";
  const std::string inside = BytesField(4, unknown + BytesField(1, "b") + unknown);
  for (size_t step : {size_t{1}, SIZE_MAX}) {
    const Outcome out = Run(Frame(unknown + inside + unknown), step);
    REQUIRE(out.seen.size() == 1);
    CHECK(out.seen[0].body == "b");
  }
}

TEST_CASE("Malformed messages are refused") {
  struct Row {
    const char* what;
    std::string message;
    Code code;
  };
  const std::string overlong(10, '\xff');
  const Row rows[] = {
      {"a field beyond the message", std::string("\x12\x05") + "ab", Code::kInvalidArgument},
      {"a message that ends in a tag", std::string("\x92"), Code::kInvalidArgument},
      {"a message that ends in a length", std::string("\x12\x80"), Code::kInvalidArgument},
      {"an overlong varint", std::string("\x50") + overlong + "\x01", Code::kInvalidArgument},
      {"a length of 2^64-1", std::string("\x12") + std::string(9, '\xff') + "\x01",
       Code::kInvalidArgument},
      {"field number 0", std::string("\x00\x00", 2), Code::kInvalidArgument},
      {"a group", std::string("\x0b\x0c"), Code::kInvalidArgument},
      {"headers as a varint", VarintField(2, 1), Code::kInvalidArgument},
      {"observability as bytes", BytesField(10, "x"), Code::kInvalidArgument},
      {"a body as a varint", BytesField(4, VarintField(1, 1)), Code::kInvalidArgument},
      {"a body beyond its message", BytesField(4, std::string("\x0a\x05") + "ab"),
       Code::kInvalidArgument},
      {"a body twice", BytesField(4, BytesField(1, "a") + BytesField(1, "b")),
       Code::kInvalidArgument},
      {"two kinds", BytesField(2, "") + BytesField(4, ""), Code::kInvalidArgument},
      {"a header beyond its map", BytesField(2, BytesField(1, std::string("\x0a\x09") + "abc")),
       Code::kInvalidArgument},
      {"a group inside headers", BytesField(2, std::string("\x0b")), Code::kInvalidArgument},
      {"attributes that are no map", BytesField(9, std::string("\x0a\x7f")),
       Code::kInvalidArgument},
      {"metadata that are no map", BytesField(8, std::string("\x0a\x7f")), Code::kInvalidArgument},
      {"300 KiB of something unknown", BytesField(50, std::string(300 << 10, 'x')),
       Code::kResourceExhausted},
  };
  for (const Row& row : rows) {
    for (size_t step : {size_t{1}, SIZE_MAX}) {
      INFO(row.what);
      CHECK(Run(Frame(row.message), step).fault.code == row.code);
    }
  }
}

TEST_CASE("Frames are refused when compressed, flagged oddly or too large") {
  CHECK(Run(Frame("", true)).fault.code == Code::kUnimplemented);
  CHECK(Run(std::string("\x07\0\0\0\0", 5)).fault.code == Code::kInvalidArgument);
  CHECK(Run(Frame(std::string(11, '\0')), 1, 10).fault.code == Code::kResourceExhausted);
}

TEST_CASE("More than 1024 headers are refused") {
  RequestMessage m;
  m.headers.assign(1024, {"a", "b"});
  CHECK(!Run(Frame(Encode(m))).fault);
  m.headers.emplace_back("a", "b");
  CHECK(Run(Frame(Encode(m))).fault.code == Code::kResourceExhausted);
}

TEST_CASE("Random bytes never break the decoder, and cutting them changes nothing") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string message = Encode(FullRequest());
    const size_t flips = random() % 4;
    for (size_t i = 0; i < flips; ++i)
      message[random() % message.size()] = static_cast<char>(random());
    message.resize(random() % 3 == 0 ? random() % message.size() : message.size());
    const std::string bytes = Frame(message);
    const Outcome whole = Run(bytes);
    const Outcome cut = Run(bytes, 1 + random() % 9);
    REQUIRE(whole.fault.code == cut.fault.code);
    REQUIRE(whole.seen.size() == cut.seen.size());
    for (size_t i = 0; i < whole.seen.size(); ++i) {
      REQUIRE(whole.seen[i].body == cut.seen[i].body);
      REQUIRE(whole.seen[i].message.subset == cut.seen[i].message.subset);
      REQUIRE(whole.seen[i].message.headers.size() == cut.seen[i].message.headers.size());
    }
  }
}

TEST_CASE("What is encoded reads back") {
  std::string out;
  const std::pair<std::string_view, std::string_view> set[] = {{"x-a", "1"}, {"x-b", ""}};
  const std::string_view remove[] = {"x-c", "x-d"};
  AppendHeadersResponse(out, Phase::kRequest, {set, remove}, true, "10.0.0.1:8000");
  AppendHeadersResponse(out, Phase::kResponse, {}, false, {});
  AppendStreamedBodyHead(out, Phase::kRequest, 3, true);
  out += "abc";
  AppendStreamedBodyHead(out, Phase::kResponse, 0, true);
  AppendOpenBodyHead(out, Phase::kResponse, 200);
  out += std::string(200, 'y');
  AppendEndFlag(out, false);
  AppendBodyResponse(out, Phase::kRequest, {set, {}}, true, "[::1]:80", true, "new");
  AppendBodyResponse(out, Phase::kResponse, {}, false, {}, false, {});
  AppendTrailersResponse(out, Phase::kRequest);
  AppendTrailersResponse(out, Phase::kResponse, "10.0.0.2:1");
  AppendImmediateResponse(out, 503, {set, {}}, "{}", "why");
  const auto seen = test::DecodeResponses(out);
  CHECK(out.empty());
  REQUIRE(seen.size() == 10);
  CHECK(seen[0].kind == 1);
  CHECK(seen[0].set == test::HeaderList{{"x-a", "1"}, {"x-b", ""}});
  CHECK(seen[0].remove == std::vector<std::string>{"x-c", "x-d"});
  CHECK(seen[0].clear_route_cache);
  CHECK(seen[0].metadata_destination == "10.0.0.1:8000");
  CHECK(seen[1].kind == 2);
  CHECK(!seen[1].clear_route_cache);
  CHECK(seen[2].kind == 3);
  CHECK((seen[2].streamed && seen[2].end_of_stream && seen[2].body == "abc"));
  CHECK(seen[3].kind == 4);
  CHECK((seen[3].streamed && seen[3].end_of_stream && seen[3].body.empty()));
  CHECK(seen[4].body == std::string(200, 'y'));
  CHECK(!seen[4].end_of_stream);
  CHECK((seen[5].replaces_body && seen[5].body == "new"));
  CHECK(seen[5].metadata_destination == "[::1]:80");
  CHECK((!seen[6].streamed && !seen[6].replaces_body));
  CHECK(seen[7].kind == 5);
  CHECK(seen[8].kind == 6);
  CHECK(seen[8].metadata_destination == "10.0.0.2:1");
  CHECK(seen[9].status == 503);
  CHECK(seen[9].body == "{}");
  CHECK(seen[9].details == "why");
}

}  // namespace
}  // namespace inference::extproc::wire
