#pragma once

#include <memory>

#include "api/kinds.h"
#include "inference/result.h"

typedef struct ssl_ctx_st SSL_CTX;  // NOLINT: OpenSSL's own name

namespace inference::extproc {

/// The TLS side of a listener: TLS 1.2 and newer, ALPN "h2". Null when the configuration says
/// plaintext. A self-signed certificate is made anew at each start (P-256, ten years). Errors name
/// the file.
Result<std::shared_ptr<SSL_CTX>> MakeTlsContext(const api::TlsConfig& config);

/// What OpenSSL has to say about the last error of this thread.
std::string TlsErrorText();

}  // namespace inference::extproc
