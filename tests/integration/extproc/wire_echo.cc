// Reads framed ProcessingRequests and answers each with ProcessingResponses that say what was
// decoded, so that another protobuf implementation can check both directions (wire_oracle_test.py).
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "extproc/wire.h"

namespace {

namespace wire = inference::extproc::wire;

class Echo final : public wire::Events {
 public:
  void OnBody(wire::Kind, std::string_view bytes, size_t) override { body_ += bytes; }

  void OnMessage(wire::Message& m) override {
    const auto kind = static_cast<unsigned>(m.kind);
    const wire::Phase phase = kind % 2 == 0 ? wire::Phase::kRequest : wire::Phase::kResponse;
    if (kind == 4 || kind == 5) {
      wire::AppendOpenBodyHead(out, phase, body_.size());
      out += body_;
      wire::AppendEndFlag(out, m.end_of_stream);
      body_.clear();
    } else if (kind == 6 || kind == 7) {
      wire::AppendTrailersResponse(out, phase, m.served);
    } else {
      EchoHeaders(phase, m);
    }
  }

  std::string out;

 private:
  void EchoHeaders(wire::Phase phase, const wire::Message& m) {
    std::vector<std::pair<std::string_view, std::string_view>> set;
    for (size_t i = 0; i < m.headers.size(); ++i) {
      set.emplace_back(m.headers[i].name, m.headers[i].value);
    }
    std::string config = "absent";
    if (m.protocol_config) {
      config = std::to_string(static_cast<int>(m.protocol_config->request)) + "," +
               std::to_string(static_cast<int>(m.protocol_config->response));
    }
    const std::string flags =
        std::string(m.observability ? "observability" : "") + (m.subset_present ? " subset" : "");
    const std::vector<std::string_view> rest = {
        m.route_name, m.request_id, m.upstream_address, m.code_details, m.subset, config, flags};
    if (m.kind == wire::Kind::kNone) {
      wire::AppendImmediateResponse(out, 418, {set, {}}, "no kind", config);
    } else {
      wire::AppendHeadersResponse(out, phase, {set, rest}, m.end_of_stream, m.served);
    }
  }
  std::string body_;
};

}  // namespace

int main() {
  wire::Decoder decoder(64 << 20);
  wire::MessagePool pool;
  Echo echo;
  char buffer[4096];  // small, so that messages come in pieces
  while (true) {
    const ssize_t n = read(0, buffer, sizeof(buffer));
    if (n <= 0) break;
    const wire::Fault fault = decoder.Feed({buffer, static_cast<size_t>(n)}, pool, echo);
    if (fault) {
      std::fprintf(stderr, "%s\n", fault.text);
      return 1;
    }
    std::fwrite(echo.out.data(), 1, echo.out.size(), stdout);
    echo.out.clear();
  }
  return decoder.partial() ? 1 : 0;
}
