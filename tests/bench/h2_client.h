#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "conversation.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace bench {

/// One gateway connection with its own, cheap HTTP/2 framing: the client must never be the limit.
/// Every stream runs the same conversation in lock step.
class H2Connection {
 public:
  struct Stats {
    uint64_t done = 0, errors = 0;
    uint64_t messages = 0, bytes_in = 0;
  };
  /// Called when a stream's request phase has been answered, with the time it took in ns.
  using OnAnswered = std::function<void(uint64_t nanos)>;
  /// Called when a stream is over; false when it failed.
  using OnDone = std::function<void(bool ok)>;

  H2Connection(int fd, SSL* ssl, const Conversation& conversation, int chunks, bool hold);
  ~H2Connection();

  /// Starts one stream; `since` is when its request was due.
  void StartStream(size_t variant, uint64_t since_nanos);
  /// Reads what is there and goes on with every stream. False when the connection broke.
  bool OnReadable();
  /// Sends what is queued. False when the connection broke.
  bool Flush();
  bool wants_write() const { return out_at_ < out_.size(); }
  int fd() const { return fd_; }
  size_t open_streams() const { return streams_.size(); }
  Stats stats;
  OnAnswered on_answered;
  OnDone on_done;

 private:
  struct Stream {
    MessageWatcher watcher;
    uint64_t since = 0;
    std::string_view pending;  // of the conversation, blocked by the window
    int64_t window = 0;
    int chunks_left = 0;
    bool answered = false, headers_echoed = false, ending = false, half_closed = false;
  };

  void HandleFrame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload);
  void HandleSettings(std::string_view payload);
  void HandleMessage(uint32_t id, Stream& stream, MessageWatcher::Kind kind, bool end);
  void Answered(uint32_t id, Stream& stream);
  void SendData(uint32_t id, Stream& stream, std::string_view data);
  void PushPending(uint32_t id, Stream& stream);
  void HalfClose(uint32_t id, Stream& stream);
  void Finish(uint32_t id, bool ok);
  void PutFrame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload);
  long Read(char* buffer, size_t n);
  long Write(const char* buffer, size_t n);

  const int fd_;
  SSL* const ssl_;
  const Conversation& conversation_;
  const int chunks_;
  const bool hold_;
  uint32_t next_id_ = 1;
  int64_t window_ = 65535;
  int64_t initial_window_ = 65535;
  uint64_t unacked_ = 0;
  std::unordered_map<uint32_t, Stream> streams_;
  std::string in_, out_;
  size_t out_at_ = 0;
  bool broken_ = false;
};

uint64_t NowNanos();

}  // namespace bench
