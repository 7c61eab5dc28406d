#pragma once

#include <http_parser.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scrape/stats.h"

namespace inference::scrape {

/// Memory that pages are received into. All targets share a few buffers, each taken only while a
/// page is under way: mostly it is one, which stays in the processor's cache.
class PageBuffers {
 public:
  struct Buffer {
    std::unique_ptr<char[]> data;
    size_t size = 0;
  };
  static constexpr size_t kUsualBytes = size_t{256} << 10;

  /// One of at least `bytes`; not cleared.
  Buffer Take(size_t bytes);
  void Return(Buffer buffer);

 private:
  // Larger ones are given back to the system; at most so many are kept.
  static constexpr size_t kKeepBytes = size_t{1} << 20;
  static constexpr size_t kKeep = 16;
  std::vector<Buffer> spare_;
};

/// Reads one HTTP/1.1 or 1.0 response at a time, in the buffer that it was received into: the page
/// is not copied, the pieces of a chunked one are moved together. Bytes are untrusted. Not
/// thread-safe; stays where it is.
class Response {
 public:
  static constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

  Response(PageBuffers& buffers, size_t max_page_bytes);
  ~Response() { Release(); }
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

  enum class State : uint8_t { kMore, kDone, kFailed };

  /// Gets ready for the next response; the page of the last one is gone.
  void Start();
  /// Where the next bytes are to be put; never empty. Only in state kMore.
  std::span<char> Room();
  /// `bytes` have been put there.
  State Received(size_t bytes);
  /// The server closed the connection.
  State Closed();

  /// True as long as nothing has been received.
  bool untouched() const { return received_ == 0; }
  /// The page, once done; until Release() or Start().
  std::string_view page() const { return {buffer_.data.get() + begin_, size_}; }
  /// Once done: whether another request may be sent on this connection.
  bool keep_alive() const { return keep_alive_; }
  /// Once failed.
  Failure failure() const { return failure_; }
  const std::string& error() const { return error_; }
  /// Gives the buffer back.
  void Release();

 private:
  // The start of a header's name or value: as much as tells whether it concerns us.
  struct Piece {
    char text[32];
    size_t size = 0;
    void Add(const char* at, size_t length);
    std::string_view view() const { return {text, size}; }
  };
  static int OnField(http_parser* parser, const char* at, size_t length);
  static int OnValue(http_parser* parser, const char* at, size_t length);
  static int OnHeaders(http_parser* parser);
  static int OnBody(http_parser* parser, const char* at, size_t length);
  static int OnComplete(http_parser* parser);
  static const http_parser_settings kCallbacks;

  State Parse(const char* data, size_t size);
  int HeadersComplete();
  int Body(const char* at, size_t length);
  void HeaderComplete();
  int Fail(Failure failure, std::string error);
  int FailTooLarge();
  void Grow(size_t free_bytes);

  PageBuffers& buffers_;
  const size_t max_page_bytes_;
  PageBuffers::Buffer buffer_;
  size_t usual_bytes_ = PageBuffers::kUsualBytes;  // what the last page needed

  http_parser parser_{};
  State state_ = State::kMore;
  bool headers_done_ = false;
  bool in_value_ = false;
  bool keep_alive_ = false;
  Piece field_, value_;
  size_t received_ = 0;
  size_t header_bytes_ = 0;      // received before the body, those of 1xx responses included
  size_t begin_ = 0, size_ = 0;  // of the page in buffer_
  Failure failure_ = Failure::kOther;
  std::string error_;
};

}  // namespace inference::scrape
