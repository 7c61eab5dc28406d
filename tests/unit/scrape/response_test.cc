#include "scrape/response.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

namespace inference::scrape {
namespace {

constexpr size_t kMaxPage = 20'000;

// Hands `bytes` over in pieces, as a socket would; "closed" stands for the end of the connection.
struct Reader {
  PageBuffers buffers;
  Response response{buffers, kMaxPage};
  Response::State state = Response::State::kMore;

  Reader& Feed(std::string_view bytes, size_t piece = SIZE_MAX) {
    while (!bytes.empty() && state == Response::State::kMore) {
      const std::span<char> room = response.Room();
      REQUIRE_FALSE(room.empty());
      const size_t n = std::min({piece, bytes.size(), room.size()});
      std::memcpy(room.data(), bytes.data(), n);
      bytes.remove_prefix(n);
      state = response.Received(n);
    }
    return *this;
  }
  Reader& Close() {
    state = response.Closed();
    return *this;
  }
  std::string Result() const {
    if (state == Response::State::kMore) return "more";
    if (state == Response::State::kFailed) return "failed: " + response.error();
    return (response.keep_alive() ? "kept: " : "closed: ") + std::string(response.page());
  }
};

struct Row {
  const char* what;
  std::string bytes;
  bool closes;
  const char* result;  // "kept: page", "closed: page", or the start of "failed: why"
};

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, "kept: abc"},
      {"no page", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "kept: "},
      {"no reason", "HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc", false, "kept: abc"},
      {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", false,
       "closed: abc"},
      {"close among others",
       "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 3\r\n\r\nabc", false,
       "closed: abc"},
      {"until the end", "HTTP/1.1 200 OK\r\n\r\nabc", true, "closed: abc"},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nabc", true, "closed: abc"},
      {"HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", false,
       "closed: abc"},
      {"HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
       false, "kept: abc"},
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
       "chunked\r\n\r\n1\r\na\r\n00a\r\n0123456789\r\n0\r\n\r\n",
       false, "kept: a0123456789"},
      {"chunk extensions and trailers",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
       "Chunked\r\n\r\n2;x=1\r\nab\r\n1;y=\"z\"\r\nc\r\n0;end\r\n"
       "Content-Encoding: gzip\r\nX-Sum: 1\r\n\r\n",
       false, "kept: abc"},
      {"chunked, nothing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false,
       "kept: "},
      {"100 and 103 before",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\nContent-Encoding: "
       "br\r\n"
       "\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
       false, "kept: abc"},
      {"identity", "HTTP/1.1 200 OK\r\nContent-Encoding: identity \r\nContent-Length: 1\r\n\r\nx",
       false, "kept: x"},
      {"gzip", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc", false,
       "failed: the page is encoded as 'gzip'"},
      {"gzip, then chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
       false, "failed: the page is transferred as 'gzip, chunked'"},
      {"404", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", false,
       "failed: HTTP status 404 instead of 200; check the port and the path"},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", false, "failed: HTTP status 204 instead of 200"},
      {"101", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n", false,
       "failed: HTTP status 101 instead of 200"},
      {"503", "HTTP/1.1 503 X\r\n\r\n", false, "failed: HTTP status 503 instead of 200"},
      {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", false,
       "failed: the answer is no valid HTTP/1.1"},
      {"HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", false,
       "failed: the answer is HTTP/2, not HTTP/1.1"},
      {"a status in words", "HTTP/1.1 OK\r\n\r\n", false,
       "failed: the answer is no valid HTTP/1.1"},
      {"a header without colon", "HTTP/1.1 200 OK\r\nabc\r\n\r\n", false,
       "failed: the answer is no valid HTTP/1.1"},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
       false, "failed: the answer is no valid HTTP/1.1"},
      {"length and chunks",
       "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false,
       "failed: the answer is no valid HTTP/1.1"},
      {"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", false,
       "failed: the answer is no valid HTTP/1.1"},
      {"length beyond 64 bits", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
       false, "failed: the answer is no valid HTTP/1.1"},
      {"a chunk that is no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       false, "failed: the answer is no valid HTTP/1.1"},
      {"a huge chunk",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc", false,
       "failed: the answer is no valid HTTP/1.1"},
      {"length over the bound", "HTTP/1.1 200 OK\r\nContent-Length: 20001\r\n\r\n", false,
       "failed: the page is larger than 20000 bytes"},
      {"nothing", "", true, "failed: the server closed the connection without an answer"},
      {"half a header", "HTTP/1.1 200 OK\r\nConte", true,
       "failed: the server closed the connection in the midst of the headers"},
      {"100 alone", "HTTP/1.1 100 Continue\r\n\r\n", true,
       "failed: the server closed the connection in the midst of the headers"},
      {"too short", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", true,
       "failed: the server closed the connection in the midst of the page"},
      {"chunks without an end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
       true, "failed: the server closed the connection in the midst of the page"},
  };
  return rows;
}

TEST_CASE("responses, whole, in pieces of every size, and cut at every byte") {
  for (const Row& row : Rows()) {
    INFO(row.what);
    const auto finish = [&](Reader& reader) {
      if (row.closes) reader.Close();
      return reader.Result();
    };
    Reader whole;
    whole.Feed(row.bytes);
    CHECK_THAT(finish(whole), Catch::StartsWith(row.result));
    for (size_t piece = 1; piece < row.bytes.size(); ++piece) {
      Reader reader;
      reader.Feed(row.bytes, piece);
      const std::string result = finish(reader);
      if (!result.starts_with(row.result)) FAIL("pieces of " << piece << ": " << result);
    }
    for (size_t cut = 1; cut < row.bytes.size(); ++cut) {
      Reader reader;
      reader.Feed(row.bytes.substr(0, cut)).Feed(row.bytes.substr(cut));
      const std::string result = finish(reader);
      if (!result.starts_with(row.result)) FAIL("cut at " << cut << ": " << result);
    }
  }
}

TEST_CASE("a response that is cut short is never taken for a page") {
  for (const Row& row : Rows()) {
    // One that lasts until the connection's end cannot be known to be short.
    if (row.closes || std::string_view(row.result).starts_with("failed")) continue;
    for (size_t size = 0; size < row.bytes.size(); ++size) {
      Reader reader;
      reader.Feed(row.bytes.substr(0, size));
      if (reader.state != Response::State::kMore) FAIL(row.what << " ends early at " << size);
      if (row.bytes.starts_with("HTTP/1.0 200 OK\r\n\r\n")) continue;
      reader.Close();
      if (reader.state != Response::State::kFailed) FAIL(row.what << " cut at " << size);
    }
  }
}

TEST_CASE("bytes after a response are not taken for the next one") {
  for (const Row& row : Rows()) {
    if (!std::string_view(row.result).starts_with("kept: ")) continue;
    INFO(row.what);
    Reader reader;
    reader.Feed(row.bytes + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz");
    CHECK(reader.Result() == "closed: " + std::string(row.result + 6));
  }
}

TEST_CASE("one reader for many responses, large and small") {
  Reader reader;
  const auto page_of = [](size_t size) {
    std::string page(size, '\0');
    for (size_t i = 0; i < size; ++i) page[i] = static_cast<char>('a' + i % 23);
    return page;
  };
  for (const size_t size : {5, 20'000, 1, 19'999, 0, 300}) {
    const std::string page = page_of(size);
    std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (size_t at = 0; at < size; at += 7) {
      const std::string piece = page.substr(at, 7);
      chunked += std::to_string(piece.size()) + ";padding=" + std::string(40, 'x') + "\r\n" +
                 piece + "\r\n";
    }
    for (const size_t piece : {size_t{1}, size_t{999}, SIZE_MAX}) {
      reader.response.Start();
      reader.state = Response::State::kMore;
      reader.Feed("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + page,
                  piece);
      CHECK(reader.Result() == "kept: " + page);
      reader.response.Start();
      reader.state = Response::State::kMore;
      reader.Feed(chunked + "0\r\n\r\n", piece);
      CHECK(reader.Result() == "kept: " + page);
    }
  }
}

TEST_CASE("pages larger than the usual buffer") {
  PageBuffers buffers;
  Response response(buffers, size_t{8} << 20);
  const size_t size = GENERATE(PageBuffers::kUsualBytes - 40, PageBuffers::kUsualBytes,
                               3 * PageBuffers::kUsualBytes + 1, size_t{8} << 20);
  const bool length = GENERATE(true, false);
  std::string page(size, 'x');
  page.front() = 'a';
  page.back() = 'z';
  const std::string head = length ? "Content-Length: " + std::to_string(size) + "\r\n" : "";
  for (int round = 0; round < 2; ++round) {
    response.Start();
    std::string_view rest;
    const std::string bytes = "HTTP/1.1 200 OK\r\n" + head + "\r\n" + page;
    rest = bytes;
    auto state = Response::State::kMore;
    while (!rest.empty() && state == Response::State::kMore) {
      const std::span<char> room = response.Room();
      const size_t n = std::min(room.size(), rest.size());
      std::memcpy(room.data(), rest.data(), n);
      rest.remove_prefix(n);
      state = response.Received(n);
    }
    if (!length) state = response.Closed();
    REQUIRE(state == Response::State::kDone);
    CHECK((response.page() == page));  // pages are too large to be shown
    CHECK(response.keep_alive() == length);
  }
}

TEST_CASE("headers are bounded, over all 1xx responses together") {
  const std::string start = "HTTP/1.1 200 OK\r\n";
  const std::string end = "\r\nContent-Length: 1\r\n\r\n";
  const std::string most(Response::kMaxHeaderBytes - start.size() - end.size() - 5, 'x');
  for (const size_t piece : {size_t{1}, size_t{1000}, SIZE_MAX}) {
    CHECK(Reader().Feed(start + "X-A: " + most + end + "y", piece).Result() == "kept: y");
    CHECK_THAT(Reader().Feed(start + "X-A: x" + most + end + "y", piece).Result(),
               Catch::Contains("more than 65536 bytes of headers"));
  }
  std::string endless;
  while (endless.size() < 70'000) endless += "HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n";
  CHECK_THAT(Reader().Feed(endless, 100).Result(), Catch::Contains("bytes of headers"));
  CHECK_THAT(Reader().Feed(std::string(70'000, '\n'), 100).Result(),
             Catch::Contains("bytes of headers"));
}

TEST_CASE("what is around the pieces of a page is bounded") {
  Reader reader;
  reader.Feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "1;" + std::string(1000, 'x') + "\r\na\r\n";
  size_t sent = 0;
  while (reader.state == Response::State::kMore && sent < 10'000'000) {
    reader.Feed(chunk);
    sent += chunk.size();
  }
  CHECK_THAT(reader.Result(), Catch::Contains("for a page of at most 20000"));
  CHECK(reader.response.failure() == Failure::kTooLarge);

  Reader trailers;
  trailers.Feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
  trailers.Feed("X-A: " + std::string(200'000, 'x'), 1000);
  CHECK(trailers.state == Response::State::kFailed);
}

TEST_CASE("buffers are shared, and the large ones given back") {
  PageBuffers buffers;
  PageBuffers::Buffer first = buffers.Take(100);
  const char* const data = first.data.get();
  CHECK(first.size >= 100);
  buffers.Return(std::move(first));
  CHECK(buffers.Take(50).data.get() == data);
  PageBuffers::Buffer large = buffers.Take(size_t{2} << 20);
  buffers.Return(std::move(large));
  CHECK(buffers.Take(1).size < (size_t{2} << 20));
}

}  // namespace
}  // namespace inference::scrape
