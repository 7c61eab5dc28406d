#include "scrape/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "scrape/socket_error.h"

namespace inference::scrape {
namespace {

// A key that needs a passphrase is an error, not a question on the terminal.
int NoPassphrase(char*, int, int, void*) {
  return 0;
}

// What the oldest entry of OpenSSL's queue says; empties the queue.
std::string QueuedError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return {};
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

Fault FileFault(const char* what, const std::string& file) {
  const unsigned long code = ERR_peek_error();
  if (ERR_SYSTEM_ERROR(code) && IsShortage(ERR_GET_REASON(code))) {
    return {Failure::kShortage, QueuedError()};
  }
  return {Failure::kTls,
          std::string(what) + " " + base::Printable(file) + " cannot be used: " + QueuedError()};
}

bool LoadFiles(SSL_CTX* context, const api::ScrapeConfig& config, Fault& fault) {
  if (!*config.insecure_skip_verify) {
    const bool loaded = config.ca_file->empty()
                            ? SSL_CTX_set_default_verify_paths(context) == 1
                            : SSL_CTX_load_verify_file(context, config.ca_file->c_str()) == 1;
    if (!loaded) {
      fault = FileFault("caFile", config.ca_file->empty() ? "of the system" : *config.ca_file);
      return false;
    }
  }
  if (config.cert_file->empty()) return true;
  if (SSL_CTX_use_certificate_chain_file(context, config.cert_file->c_str()) != 1) {
    fault = FileFault("certFile", *config.cert_file);
    return false;
  }
  const std::string& key = config.key_file->empty() ? *config.cert_file : *config.key_file;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    fault = FileFault("keyFile", key);
    return false;
  }
  return true;
}

std::shared_ptr<SSL_CTX> Load(const api::ScrapeConfig& config, Fault& fault) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) {
    fault = {Failure::kTls, "TLS does not start: " + QueuedError()};
    return nullptr;
  }
  SSL_CTX_set_default_passwd_cb(context.get(), NoPassphrase);
  if (!LoadFiles(context.get(), config, fault)) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context.get(), kHttp11, sizeof kHttp11 - 1);
  return context;
}

}  // namespace

TlsContexts::Stamp TlsContexts::StampOf(const std::string& file) {
  struct stat info{};
  if (file.empty() || stat(file.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size,
          int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

SslPtr TlsContexts::Make(const api::ScrapeConfig& config, const std::string& address,
                         Fault& fault) {
  const Key key{*config.ca_file, *config.cert_file, *config.key_file, *config.insecure_skip_verify};
  Entry& entry = entries_[key];
  const std::string ca_file =
      config.ca_file->empty() ? X509_get_default_cert_file() : *config.ca_file;
  const std::array<Stamp, 3> stamps = {StampOf(ca_file), StampOf(*config.cert_file),
                                       StampOf(*config.key_file)};
  if (!entry.context || entry.stamps != stamps) {
    entry.context = Load(config, fault);
    entry.stamps = stamps;
  }
  SslPtr ssl(entry.context ? SSL_new(entry.context.get()) : nullptr, SSL_free);
  if (!ssl) {
    if (entry.context) fault = {Failure::kShortage, "out of memory"};
    return ssl;
  }
  SSL_set_connect_state(ssl.get());
  if (!*config.insecure_skip_verify) {
    SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
    X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set1_ip_asc(param, address.c_str());
    // A CA of caFile is trusted whether or not it is a root.
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  }
  return ssl;
}

std::string TlsError(SSL* ssl, const std::string& address) {
  const long verdict = SSL_get_verify_result(ssl);
  const bool verified = (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0;
  if (!verified || verdict == X509_V_OK) {
    const std::string queued = QueuedError();
    return "TLS: " +
           (queued.empty() ? "the server closed the connection" : base::Printable(queued));
  }
  ERR_clear_error();
  const std::string why = X509_verify_cert_error_string(verdict);
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "TLS: the server's certificate, or its CA's, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "TLS: the server's certificate is not valid yet; compare the clocks";
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "TLS: the server's certificate does not name " + address +
             "; it needs that address as a subject alternative name";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "TLS: the server's certificate is of an unknown CA (" + why +
             "); name its CA as caFile";
    default:
      return "TLS: the server's certificate is refused: " + why;
  }
}

}  // namespace inference::scrape
