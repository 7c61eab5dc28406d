// What a model server answers is untrusted. The first byte says in which pieces the rest arrives
// and whether the connection is closed then: the outcome must be that of the whole at once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "scrape/response.h"

namespace {

using inference::scrape::PageBuffers;
using inference::scrape::Response;

constexpr size_t kMaxPage = 4096;

struct Outcome {
  Response::State state = Response::State::kMore;
  std::string page;
  bool keep_alive = false;

  bool operator==(const Outcome&) const = default;
};

Outcome Read(Response& response, std::string_view bytes, size_t piece, bool closed) {
  Outcome out;
  response.Start();
  while (!bytes.empty() && out.state == Response::State::kMore) {
    const std::span<char> room = response.Room();
    if (room.empty()) std::abort();
    const size_t n = std::min({piece, bytes.size(), room.size()});
    std::memcpy(room.data(), bytes.data(), n);
    bytes.remove_prefix(n);
    out.state = response.Received(n);
  }
  if (closed && out.state == Response::State::kMore) {
    out.state = response.Closed();
    if (out.state == Response::State::kMore) std::abort();
  }
  if (out.state == Response::State::kDone) {
    out.page = response.page();
    // Bytes that a piece left behind are for the next read to find: not known here.
    out.keep_alive = response.keep_alive() && bytes.empty();
  }
  if (out.page.size() > kMaxPage) std::abort();
  // Which of several faults is found first depends on the pieces; that there is one does not.
  if ((out.state == Response::State::kFailed) == response.error().empty()) std::abort();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static PageBuffers buffers;
  static Response response(buffers, kMaxPage);
  if (size == 0) return 0;
  const bool closed = (data[0] & 0x80) != 0;
  const size_t piece = 1 + (data[0] & 0x7f);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = Read(response, bytes, bytes.size(), closed);
  if (Read(response, bytes, piece, closed) != whole) std::abort();
  return 0;
}
