#include "support/fake_metrics_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace inference::test {
namespace {

void Require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

void BlockSigpipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

int Listen(const std::string& address, int port, int& bound_port) {
  const bool v6 = address.find(':') != std::string::npos;
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Require(fd >= 0, "socket");
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_storage storage{};
  socklen_t size = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  auto* v4_address = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6_address = reinterpret_cast<sockaddr_in6*>(&storage);
  storage.ss_family = v6 ? AF_INET6 : AF_INET;
  v4_address->sin_port = htons(static_cast<uint16_t>(port));  // same place in both
  void* const ip = v6 ? static_cast<void*>(&v6_address->sin6_addr) : &v4_address->sin_addr;
  Require(inet_pton(storage.ss_family, address.c_str(), ip) == 1, "inet_pton");
  Require(bind(fd, reinterpret_cast<sockaddr*>(&storage), size) == 0, "bind");
  Require(listen(fd, 64) == 0, "listen");
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  bound_port = ntohs(v4_address->sin_port);
  return fd;
}

}  // namespace

SelfSignedFiles::SelfSignedFiles(const char* names, long valid_seconds) {
  char name[] = "/tmp/fake-metrics-tls-XXXXXX";
  Require(mkdtemp(name) != nullptr, "mkdtemp");
  dir_ = name;
  EVP_PKEY* pkey = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  X509* x509 = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_set_version(x509, 2);
  X509_gmtime_adj(X509_getm_notBefore(x509), -86400);
  X509_gmtime_adj(X509_getm_notAfter(x509), valid_seconds);
  X509_set_pubkey(x509, pkey);
  X509_NAME* subject = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("fake"), -1, -1, 0);
  X509_set_issuer_name(x509, subject);
  X509_EXTENSION* san = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
  X509_add_ext(x509, san, -1);
  X509_EXTENSION_free(san);
  X509_sign(x509, pkey, nullptr);
  FILE* file = fopen(cert().c_str(), "w");
  PEM_write_X509(file, x509);
  fclose(file);
  file = fopen(key().c_str(), "w");
  PEM_write_PrivateKey(file, pkey, nullptr, nullptr, 0, nullptr, nullptr);
  fclose(file);
  X509_free(x509);
  EVP_PKEY_free(pkey);
}

SelfSignedFiles::~SelfSignedFiles() {
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

// One connection, plain or TLS.
struct FakeMetricsServer::Stream {
  int fd;
  SSL* ssl = nullptr;

  ~Stream() {
    if (ssl != nullptr) SSL_free(ssl);
  }
  ssize_t Read(char* to, size_t size) {
    return ssl ? SSL_read(ssl, to, static_cast<int>(size)) : recv(fd, to, size, 0);
  }
  bool Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ssl ? SSL_write(ssl, text.data(), static_cast<int>(text.size()))
                            : send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
};

FakeMetricsServer::FakeMetricsServer(Options options) : options_(std::move(options)) {
  if (options_.tls != nullptr) {
    tls_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_file(tls_, options_.tls->cert().c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(tls_, options_.tls->key().c_str(), SSL_FILETYPE_PEM);
    if (options_.client_ca != nullptr) {
      SSL_CTX_load_verify_locations(tls_, options_.client_ca->cert().c_str(), nullptr);
      SSL_CTX_set_verify(tls_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
  }
  listener_ = Listen(options_.address, options_.port, port_);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeMetricsServer::~FakeMetricsServer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
    for (int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
  if (tls_ != nullptr) SSL_CTX_free(tls_);
}

void FakeMetricsServer::SetReply(Reply reply) {
  const std::lock_guard lock(mutex_);
  reply_ = std::move(reply);
  ++replies_set_;
  changed_.notify_all();
}

void FakeMetricsServer::CloseConnections() {
  std::unique_lock lock(mutex_);
  const std::set<int> closing = open_;
  for (int fd : closing) shutdown(fd, SHUT_RDWR);
  ++replies_set_;  // wakes those that hang
  changed_.notify_all();
  changed_.wait_for(lock, std::chrono::seconds(10), [&] {
    return std::none_of(closing.begin(), closing.end(), [&](int fd) { return open_.contains(fd); });
  });
}

int FakeMetricsServer::open_connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(open_.size());
}

std::string FakeMetricsServer::last_request() const {
  const std::lock_guard lock(mutex_);
  return last_request_;
}

void FakeMetricsServer::Accept() {
  for (;;) {
    // The kernel reserves the descriptor before it waits: while a test lets none be opened, that
    // must not end the server.
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    poll(&waiting, 1, -1);
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 && errno == EMFILE) continue;
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    if (stop_) {
      close(fd);
      return;
    }
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    open_.insert(fd);
    ++connections_;
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void FakeMetricsServer::Serve(int fd) {
  BlockSigpipe();
  {
    Stream stream{fd};
    bool ready = true;
    if (tls_ != nullptr) {
      stream.ssl = SSL_new(tls_);
      SSL_set_fd(stream.ssl, fd);
      ready = SSL_accept(stream.ssl) == 1;
    }
    std::string buffer;
    while (ready && ReadRequest(stream, buffer) && Answer(stream)) {
    }
  }
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
  close(fd);
  changed_.notify_all();
}

bool FakeMetricsServer::ReadRequest(Stream& stream, std::string& buffer) {
  size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    char piece[4096];
    const ssize_t n = stream.Read(piece, sizeof piece);
    if (n <= 0) return false;
    buffer.append(piece, static_cast<size_t>(n));
  }
  const std::lock_guard lock(mutex_);
  last_request_ = buffer.substr(0, end);
  buffer.erase(0, end + 4);
  ++requests_;
  return true;
}

bool FakeMetricsServer::Answer(Stream& stream) {
  Reply reply;
  {
    std::unique_lock lock(mutex_);
    if (reply_.hang) {
      const int before = replies_set_;
      changed_.wait(lock, [&] { return stop_ || replies_set_ != before; });
      if (stop_ || reply_.hang) return false;
    }
    reply = reply_;
  }
  if (!reply.raw.empty()) return stream.Write(reply.raw) && !reply.close;
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n" + reply.headers;
  if (reply.close) head += "Connection: close\r\n";
  if (reply.chunked) {
    std::string body;
    for (size_t at = 0; at < reply.body.size(); at += 1000) {
      const std::string piece = reply.body.substr(at, 1000);
      char size[16];
      snprintf(size, sizeof size, "%zx\r\n", piece.size());
      body += size + piece + "\r\n";
    }
    return stream.Write(head + "Transfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n") &&
           !reply.close;
  }
  head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n";
  if (reply.trickle_bytes == 0) return stream.Write(head + reply.body) && !reply.close;
  if (!stream.Write(head)) return false;
  for (size_t at = 0; at < reply.body.size(); at += reply.trickle_bytes) {
    if (!stream.Write(std::string_view(reply.body).substr(at, reply.trickle_bytes))) return false;
    poll(nullptr, 0, 1);
  }
  return !reply.close;
}

}  // namespace inference::test
