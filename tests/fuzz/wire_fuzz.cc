// The wire codec. First byte: how the rest is cut. However a stream of messages is cut, the same is
// decoded from it or the same fault found.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "extproc/wire.h"

namespace {

namespace wire = inference::extproc::wire;

void Require(bool condition) {
  if (!condition) std::abort();
}

// All that a decoder says, as one text.
class Transcript final : public wire::Events {
 public:
  void OnBody(wire::Kind kind, std::string_view bytes, size_t rest) override {
    Require(!bytes.empty());
    Require(kind == wire::Kind::kRequestBody || kind == wire::Kind::kResponseBody);
    Require(rest_ == 0 || rest_ == rest + bytes.size());
    rest_ = rest;
    text_ += bytes;
  }
  void OnMessage(wire::Message& m) override {
    Require(rest_ == 0);
    text_ += "|" + std::to_string(static_cast<int>(m.kind)) + (m.end_of_stream ? "e" : "") +
             (m.observability ? "o" : "") + (m.subset_present ? "s" : "");
    if (m.protocol_config) {
      text_ += "c" + std::to_string(static_cast<int>(m.protocol_config->request)) +
               std::to_string(static_cast<int>(m.protocol_config->response));
    }
    Require(m.headers.size() <= wire::Decoder::kMaxHeaders);
    for (size_t i = 0; i < m.headers.size(); ++i) {
      text_.append(m.headers[i].name).append("=").append(m.headers[i].value);
    }
    text_ += m.route_name + m.request_id + m.upstream_address + m.subset + m.served;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  size_t rest_ = 0;
};

struct Result {
  inference::Code code = inference::Code::kOk;
  std::string text;
};

Result Decode(std::string_view bytes, size_t step) {
  wire::Decoder decoder(1 << 16);
  wire::MessagePool pool;
  Transcript transcript;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    // Memory of its own, so that reading past it shows.
    const auto copy = std::make_unique<char[]>(piece.size());
    piece.copy(copy.get(), piece.size());
    const wire::Fault fault = decoder.Feed({copy.get(), piece.size()}, pool, transcript);
    if (fault) return {fault.code, {}};
  }
  return {inference::Code::kOk, transcript.text()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Result whole = Decode(bytes, SIZE_MAX);
  const Result cut = Decode(bytes, size_t{1} + data[0] % 64);
  Require(whole.code == cut.code && whole.text == cut.text);
  return 0;
}
