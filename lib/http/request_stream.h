#pragma once

#include <httplib.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <string>

#include "base/clock.h"

namespace inference::http {

/// A connection's bytes for cpp-httplib, with an end to its patience: its own streams wait anew for
/// each byte, so that a client that sends one now and then would keep a thread for ever. The socket
/// stays the caller's. For one thread.
class RequestStream : public httplib::Stream {
 public:
  /// For a request to be read, and from its first byte on for an answer to be written.
  static constexpr base::Duration kReadLimit = std::chrono::seconds(2);
  static constexpr base::Duration kWriteLimit = std::chrono::seconds(10);

  /// Every wait ends soon after `stopping` is set.
  RequestStream(socket_t socket, const std::atomic<bool>& stopping);

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* ptr, size_t size) override;
  ssize_t write(const char* ptr, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  bool Await(short events, base::Time deadline) const;

  const socket_t socket_;
  const std::atomic<bool>& stopping_;
  const base::Time read_deadline_;
  base::Time write_deadline_{};
  std::array<char, 4096> read_ahead_;  // httplib reads headers byte by byte
  size_t begin_ = 0, end_ = 0;         // of what is in it
};

}  // namespace inference::http
