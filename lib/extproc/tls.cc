#include "extproc/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <ctime>
#include <string>
#include <system_error>

namespace inference::extproc {
namespace {

constexpr long kSelfSignedSeconds = 10L * 365 * 24 * 3600;

template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* p) const { Free(p); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Deleter<X509, X509_free>>;

Status TlsError(const std::string& what) {
  return {Code::kInvalidArgument, what + ": " + TlsErrorText()};
}

int SelectH2(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
             unsigned int in_size, void*) {
  static constexpr unsigned char kH2[] = {2, 'h', '2'};
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, kH2, sizeof(kH2), in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool AddExtension(X509* cert, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

Status UseSelfSigned(SSL_CTX* context) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertPtr cert(X509_new());
  if (!key || !cert) return TlsError("cannot make a self-signed certificate");
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), kSelfSignedSeconds);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("inferenced"), -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  const bool ok = AddExtension(cert.get(), NID_subject_alt_name,
                               "DNS:inferenced,DNS:localhost,IP:127.0.0.1,IP:::1") &&
                  X509_sign(cert.get(), key.get(), EVP_sha256()) > 0 &&
                  SSL_CTX_use_certificate(context, cert.get()) == 1 &&
                  SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  return ok ? Status::Ok() : TlsError("cannot make a self-signed certificate");
}

Status UseFiles(SSL_CTX* context, const api::TlsConfig& config) {
  if (SSL_CTX_use_certificate_chain_file(context, config.cert_file.c_str()) != 1) {
    return TlsError("TLS certificate " + config.cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return TlsError("TLS key " + config.key_file);
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return TlsError("TLS key " + config.key_file + " does not fit certificate " + config.cert_file);
  }
  return Status::Ok();
}

}  // namespace

std::string TlsErrorText() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  char text[256];
  ERR_error_string_n(code, text, sizeof(text));
  return text;
}

Result<std::shared_ptr<SSL_CTX>> MakeTlsContext(const api::TlsConfig& config) {
  if (config.mode == api::TlsMode::kNone) return std::shared_ptr<SSL_CTX>();
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return TlsError("cannot set up TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), SelectH2, nullptr);
  Status status = config.mode == api::TlsMode::kSelfSigned ? UseSelfSigned(context.get())
                                                           : UseFiles(context.get(), config);
  if (!status.ok()) return status;
  return context;
}

Result<std::unique_ptr<ListenerTls>> ListenerTls::Make(const api::TlsConfig& config) {
  std::unique_ptr<ListenerTls> tls(new ListenerTls(config));
  // Taken before reading: what changes meanwhile must look different later.
  tls->in_use_ = tls->Fingerprint();
  auto context = MakeTlsContext(config);
  if (!context.ok()) return context.status();
  tls->Use(*std::move(context));
  return tls;
}

Result<bool> ListenerTls::Refresh() {
  if (!has_files()) return false;
  std::string now = Fingerprint();
  if (now == in_use_) {
    bad_.clear();
    return false;
  }
  auto context = MakeTlsContext(config_);
  if (context.ok()) {
    in_use_ = std::move(now);
    bad_.clear();
    Use(*std::move(context));
    reloads_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  if (now == bad_) return false;
  bad_ = std::move(now);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Status(context.status().code(),
                context.status().message() + "; the certificate before it stays in use");
}

// Behind links: a mounted Secret changes by the exchange of one.
std::string ListenerTls::Fingerprint() const {
  std::string out;
  for (const std::string* file : {&config_.cert_file, &config_.key_file}) {
    struct stat info{};
    if (stat(file->c_str(), &info) != 0) info = {};
    for (const int64_t part : {int64_t(info.st_dev), int64_t(info.st_ino), int64_t(info.st_size),
                               int64_t(info.st_ctim.tv_sec), int64_t(info.st_ctim.tv_nsec)}) {
      out += std::to_string(part) + " ";
    }
  }
  return out;
}

void ListenerTls::Use(std::shared_ptr<SSL_CTX> context) {
  context_ = std::move(context);
  const X509* cert = context_ ? SSL_CTX_get0_certificate(context_.get()) : nullptr;
  tm end{};
  if (cert == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) != 1) return;
  not_after_.store(timegm(&end), std::memory_order_relaxed);
}

}  // namespace inference::extproc
