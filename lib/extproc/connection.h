#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/clock.h"
#include "extproc/out_chain.h"
#include "extproc/stream.h"
#include "extproc/tls.h"
#include "net/file_descriptor.h"

typedef struct ssl_st SSL;  // NOLINT: OpenSSL's own name

namespace inference::extproc {

class Reactor;

/// One HTTP/2 connection: socket, TLS, libnghttp2's session, gRPC on top. Belongs to one reactor's
/// thread. Reads up to 256 KiB per turn and writes once per turn.
class Connection {
 public:
  /// `health_only`: nothing but grpc.health.v1 is served.
  Connection(Reactor& reactor, net::FileDescriptor fd, std::shared_ptr<SSL_CTX> tls,
             bool health_only);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_.get(); }
  /// Bytes wait in the socket. False: the connection is over.
  bool OnReadable();
  /// Writes what there is to write. False: the connection is over.
  bool Flush();
  /// What epoll should wait for.
  uint32_t wanted_events() const;

  /// No new streams; those that run may finish. First a notice, then (called again) the last word.
  void BeginDrain();
  void FinishDrain();
  /// Says hello to a quiet peer, gives up on a silent one. False: the connection is over.
  bool CheckLiveness(base::Time now);
  /// Tells the Watch streams about changed health.
  void UpdateHealth();

  /// Gives the stream's output to nghttp2.
  void Wake(Stream& stream);
  void OnTimer(Stream& stream);
  void OnParsed(Stream& stream, ParseJob& job);
  void OnReleased(Stream& stream, flowcontrol::Release release);
  void OnCallDeadline(Stream& stream);

  size_t open_streams() const { return streams_.size(); }
  uint32_t registered_events = 0;  // the reactor's note of what epoll knows
  bool dirty = false;              // in the reactor's list of connections to flush
  bool over = false;               // to be closed at the end of this turn

 private:
  friend struct Callbacks;

  /// The request headers of the stream being opened; HEADERS are never interleaved.
  struct Head {
    int32_t stream_id = 0;
    std::string path, method, content_type, timeout, pool;
    bool te_trailers = false;
    size_t bytes = 0;
    void Clear();
  };
  static constexpr size_t kMaxHeadBytes = 64 * 1024;

  // Callbacks of nghttp2, in the order of a stream's life.
  int OnHeader(int32_t stream_id, std::string_view name, std::string_view value);
  void OnRequest(int32_t stream_id, bool end_stream);
  void OnData(Stream& stream, std::string_view bytes);
  void OnEndStream(Stream& stream);
  void OnStreamClose(int32_t stream_id);
  ssize_t ReadData(Stream& stream, size_t length, uint32_t* flags);
  void SendData(Stream& stream, const uint8_t* frame_head, size_t length);

  void OpenProcess(Stream& stream, const Head& head);
  void FeedProcess(Stream& stream, std::string_view bytes);
  void FollowUp(Stream& stream);
  void FeedHealth(Stream& stream, std::string_view bytes);
  void AnswerHealth(Stream& stream);
  void RejectHttp(Stream& stream, const char* status);
  void SubmitTrailers(Stream& stream);
  void SubmitResponse(Stream& stream);
  void GiveBackWindow(Stream& stream);
  void LogFault(const char* what);

  ssize_t Read(char* buffer, size_t size);
  bool WriteSome();
  bool WritePlain();
  bool WriteTls();
  bool Produce();

  Reactor& reactor_;
  net::FileDescriptor fd_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  nghttp2_session* session_ = nullptr;
  const bool health_only_;
  OutChain chain_;
  Head head_;
  std::unordered_set<Stream*> streams_;
  base::Time last_read_{}, ping_sent_{};
  bool blocked_ = false;           // the socket takes no more for now
  bool read_wants_write_ = false;  // TLS
  bool seen_input_ = false;
  bool draining_ = false, goaway_sent_ = false;
  bool logged_fault_ = false;
};

}  // namespace inference::extproc
