#pragma once

#include <span>
#include <string>
#include <string_view>

#include "scrape/request.h"
#include "scrape/tls.h"

namespace inference::scrape {

/// A non-blocking TCP connection, with TLS if asked for, in an epoll set, edge-triggered. One at a
/// time: after Close() it may be opened again. Not thread-safe.
class Stream {
 public:
  /// `tag` comes back as epoll_event.data.ptr. `request` and `config` outlive the stream.
  Stream(int epoll, void* tag, const PageRequest& request, const api::ScrapeConfig& config,
         TlsContexts& contexts);
  ~Stream() { Close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  enum class State : uint8_t {
    kOk,
    kWait,  // until the socket's next event
    kClosed,
    kFailed  // see fault()
  };

  bool is_open() const { return fd_ >= 0; }
  void Close();
  /// Begins to connect. Ok or failed.
  State Open();
  /// To be called at each event, after Open(), until it is ok: then the connection is made, its TLS
  /// handshake done, and only what comes in gives events.
  State Establish();
  /// `sent`: how much of `bytes` went. Ok when that is all.
  State Send(std::string_view bytes, size_t& sent);
  /// One read. `received` > 0 when ok.
  State Receive(std::span<char> room, size_t& received);
  /// False when an event, or bytes, that nobody asked for make an idle connection useless.
  bool StillIdle(uint32_t events);

  bool has_tls() const { return ssl_ != nullptr; }
  /// True when TLS holds bytes that were not read.
  bool has_unread() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }
  const Fault& fault() const { return fault_; }

 private:
  State Handshake();
  State TlsState(int result);
  State FailSystem(const char* what, Failure failure, int error);
  State FailShortage(int error);
  bool Watch(int operation, uint32_t events);

  const int epoll_;
  void* const tag_;
  const PageRequest& request_;
  const api::ScrapeConfig& config_;
  TlsContexts& contexts_;
  int fd_ = -1;
  bool connected_ = false;
  SslPtr ssl_{nullptr, SSL_free};
  Fault fault_;
};

}  // namespace inference::scrape
