#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace inference::test {

/// A key and a certificate signed with it, for 127.0.0.1 and ::1, as files that are removed at the
/// end.
class SelfSignedFiles {
 public:
  /// `names` as in OpenSSL's subjectAltName; a negative `valid_seconds`: has expired.
  explicit SelfSignedFiles(const char* names = "IP:127.0.0.1,IP:::1", long valid_seconds = 3600);
  ~SelfSignedFiles();
  SelfSignedFiles(const SelfSignedFiles&) = delete;
  SelfSignedFiles& operator=(const SelfSignedFiles&) = delete;
  std::string cert() const { return dir_ + "/cert.pem"; }
  std::string key() const { return dir_ + "/key.pem"; }

 private:
  std::string dir_;
};

/// A model server's metrics endpoint that does what a test says: HTTP/1.1 with keep-alive, on a
/// thread for each connection. Thread-safe.
class FakeMetricsServer {
 public:
  struct Reply {
    std::string body{};
    int status = 200;
    bool chunked = false;      // in pieces of 1000 bytes
    bool hang = false;         // no answer until another reply is set; then that one
    bool close = false;        // Connection: close
    std::string headers{};     // further ones, each with CRLF
    size_t trickle_bytes = 0;  // this many bytes of the body each millisecond
    std::string raw{};         // sent as it is, in place of everything above
  };
  struct Options {
    std::string address = "127.0.0.1";
    int port = 0;  // 0: any
    const SelfSignedFiles* tls = nullptr;
    const SelfSignedFiles* client_ca = nullptr;  // a client certificate is required
  };

  explicit FakeMetricsServer(Options options);
  FakeMetricsServer() : FakeMetricsServer(Options{}) {}
  ~FakeMetricsServer();

  int port() const { return port_; }
  void SetReply(Reply reply);
  /// Closes all connections, and waits until they are gone; new ones are accepted.
  void CloseConnections();

  int requests() const { return requests_; }
  int connections() const { return connections_; }
  int open_connections() const;
  /// Request line and headers of the last request.
  std::string last_request() const;

 private:
  struct Stream;
  void Accept();
  void Serve(int fd);
  bool ReadRequest(Stream& stream, std::string& buffer);
  bool Answer(Stream& stream);

  Options options_;
  int port_ = 0;
  int listener_ = -1;
  ssl_ctx_st* tls_ = nullptr;
  std::atomic<int> requests_{0}, connections_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  Reply reply_;
  int replies_set_ = 0;
  std::set<int> open_;
  std::string last_request_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace inference::test
