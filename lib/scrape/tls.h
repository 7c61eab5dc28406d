#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "datastore/endpoint.h"
#include "scrape/stats.h"

namespace inference::scrape {

using SslPtr = std::unique_ptr<SSL, void (*)(SSL*)>;

/// What went wrong on a connection, for Stats and in words.
struct Fault {
  Failure failure = Failure::kOther;
  std::string error;
};

/// The TLS settings of all targets. Files are read at the first connection that needs them, and
/// again by the first after they changed, so that a rotated certificate takes effect without a
/// restart. Not thread-safe.
class TlsContexts {
 public:
  /// A client's side of one connection to `address`, an IP literal, not yet on a socket. TLS 1.2 or
  /// newer; the server's certificate has to be signed by a CA of caFile (else of the system) and
  /// to name the address, unless insecureSkipVerify. Null, and `fault` says why, when a file cannot
  /// be used.
  SslPtr Make(const api::ScrapeConfig& config, const std::string& address, Fault& fault);
  /// Forgets what was read; connections keep theirs.
  void Clear() { entries_.clear(); }

 private:
  using Key = std::tuple<std::string, std::string, std::string, bool>;
  // Tells whether a file is the same as before.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Entry {
    std::array<Stamp, 3> stamps;
    std::shared_ptr<SSL_CTX> context;
  };
  static Stamp StampOf(const std::string& file);

  std::map<Key, Entry> entries_;
};

/// Why a handshake, or what followed it, failed: the verdict on the server's certificate, else
/// OpenSSL's error queue, which is emptied.
std::string TlsError(SSL* ssl, const std::string& address);

}  // namespace inference::scrape
