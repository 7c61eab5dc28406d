#include "http/request_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace inference::http {
namespace {

constexpr base::Duration kStopSlice = std::chrono::milliseconds(100);

base::Time Now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

RequestStream::RequestStream(socket_t socket, const std::atomic<bool>& stopping)
    : socket_(socket), stopping_(stopping), read_deadline_(Now() + kReadLimit) {}

bool RequestStream::Await(short events, base::Time deadline) const {
  while (!stopping_.load(std::memory_order_relaxed)) {
    const base::Duration left = deadline - Now();
    if (left <= base::Duration::zero()) return false;
    pollfd wanted{socket_, events, 0};
    const auto slice =
        std::chrono::ceil<std::chrono::milliseconds>(std::min<base::Duration>(left, kStopSlice));
    const int ready = poll(&wanted, 1, static_cast<int>(slice.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

bool RequestStream::is_readable() const {
  return begin_ < end_ || Await(POLLIN, read_deadline_);
}

bool RequestStream::is_writable() const {
  const bool begun = write_deadline_ != base::Time{};
  return Await(POLLOUT, begun ? write_deadline_ : Now() + kWriteLimit);
}

ssize_t RequestStream::read(char* ptr, size_t size) {
  if (begin_ == end_) {
    if (!Await(POLLIN, read_deadline_)) return -1;
    const ssize_t got = recv(socket_, read_ahead_.data(), read_ahead_.size(), 0);
    if (got <= 0) return got;
    begin_ = 0;
    end_ = static_cast<size_t>(got);
  }
  const size_t given = std::min(size, end_ - begin_);
  std::memcpy(ptr, read_ahead_.data() + begin_, given);
  begin_ += given;
  return static_cast<ssize_t>(given);
}

ssize_t RequestStream::write(const char* ptr, size_t size) {
  if (write_deadline_ == base::Time{}) write_deadline_ = Now() + kWriteLimit;
  if (!Await(POLLOUT, write_deadline_)) return -1;
  return send(socket_, ptr, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Nothing that is served depends on who asks.
void RequestStream::get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}
void RequestStream::get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}

}  // namespace inference::http
