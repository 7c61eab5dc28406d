#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "api/kinds.h"
#include "inference/result.h"

typedef struct ssl_ctx_st SSL_CTX;  // NOLINT: OpenSSL's own name

namespace inference::extproc {

/// The TLS side of a listener: TLS 1.2 and newer, ALPN "h2". Null when the configuration says
/// plaintext. A self-signed certificate is made anew at each start (P-256, ten years). Errors name
/// the file.
Result<std::shared_ptr<SSL_CTX>> MakeTlsContext(const api::TlsConfig& config);

/// The TLS side of a listener that follows its certificate and key files. Refresh() and context()
/// are for one thread; the counts for any.
class ListenerTls {
 public:
  static Result<std::unique_ptr<ListenerTls>> Make(const api::TlsConfig& config);

  /// For new connections; null means plaintext.
  const std::shared_ptr<SSL_CTX>& context() const { return context_; }
  bool has_files() const { return config_.mode == api::TlsMode::kFiles; }
  /// Takes the pair of files when it has changed: true. An error says why a pair can't be used and
  /// that the one before it stays in use; false for a pair that was refused before.
  Result<bool> Refresh();

  uint64_t reloads() const { return reloads_.load(std::memory_order_relaxed); }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  /// When the certificate in use expires, in seconds since 1970.
  int64_t not_after() const { return not_after_.load(std::memory_order_relaxed); }

 private:
  explicit ListenerTls(api::TlsConfig config) : config_(std::move(config)) {}
  std::string Fingerprint() const;
  void Use(std::shared_ptr<SSL_CTX> context);

  const api::TlsConfig config_;
  std::shared_ptr<SSL_CTX> context_;
  std::string in_use_, bad_;  // fingerprints of file pairs
  std::atomic<uint64_t> reloads_{0}, refused_{0};
  std::atomic<int64_t> not_after_{0};
};

/// What OpenSSL has to say about the last error of this thread.
std::string TlsErrorText();

}  // namespace inference::extproc
