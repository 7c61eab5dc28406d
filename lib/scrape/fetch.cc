#include "scrape/fetch.h"

#include <arpa/inet.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <tuple>

#include "base/text.h"

namespace inference::scrape {
namespace {

constexpr size_t kMaxErrorBytes = 300;

bool IsIpLiteral(const std::string& address) {
  unsigned char parsed[sizeof(in6_addr)];
  const std::string without_zone = address.substr(0, address.find('%'));
  return inet_pton(AF_INET, address.c_str(), parsed) == 1 ||
         inet_pton(AF_INET6, without_zone.c_str(), parsed) == 1;
}

// An IPv6 zone's '%' has to be escaped in a URL (RFC 6874).
std::string EscapeZone(std::string address) {
  const size_t zone = address.find('%');
  if (zone != std::string::npos) address.insert(zone + 1, "25");
  return address;
}

auto Settings(const api::ScrapeConfig& c) {
  return std::tie(*c.interval, *c.timeout, *c.scheme, *c.path, *c.port, *c.insecure_skip_verify,
                  *c.ca_file, *c.cert_file, *c.key_file);
}

Failure FailureOf(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Failure::kTimeout;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return Failure::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Failure::kTls;
    case CURLE_FILESIZE_EXCEEDED:
      return Failure::kTooLarge;
    default:
      return Failure::kOther;
  }
}

}  // namespace

Result<std::string> MakeUrl(const datastore::EndpointInfo& info, const api::ScrapeConfig& config) {
  if (!IsIpLiteral(info.address)) {
    return Status(Code::kInvalidArgument,
                  "'" + base::Printable(info.address) + "' is no IP address");
  }
  const int port = *config.port != 0 ? *config.port : info.port;
  const std::string& path = *config.path;
  return *config.scheme + "://" + datastore::JoinHostPort(EscapeZone(info.address), port) +
         (path.empty() || path.front() != '/' ? "/" : "") + path;
}

bool SameSettings(const api::ScrapeConfig& a, const api::ScrapeConfig& b) {
  return Settings(a) == Settings(b);
}

Fetch::Fetch(const std::string& url, const api::ScrapeConfig& config, size_t max_page_bytes,
             void* owner)
    : max_page_bytes_(max_page_bytes),
      timeout_ms_(std::max<long>(
          1, std::chrono::duration_cast<std::chrono::milliseconds>(*config.timeout).count())),
      easy_(curl_easy_init()) {
  if (easy_ == nullptr) return;
  headers_ = curl_slist_append(headers_, "Accept: text/plain;version=0.0.4");
  headers_ = curl_slist_append(headers_, "Accept-Encoding: identity");
  curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "inferenced");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, timeout_ms_);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms_);
  curl_easy_setopt(easy_, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(max_page_bytes_));
  // A page is 60 to 80 KB; the default buffer of 16 KB would mean five reads.
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, 96L << 10);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, owner);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Fetch::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Fetch::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  if (*config.scheme == "https") SetTls(config);
}

Fetch::~Fetch() {
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
}

void Fetch::SetTls(const api::ScrapeConfig& config) {
  const bool verify = !*config.insecure_skip_verify;
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!config.ca_file->empty()) {
    // Only these: not the system's as well.
    curl_easy_setopt(easy_, CURLOPT_CAINFO, config.ca_file->c_str());
    curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  if (!config.cert_file->empty()) {
    curl_easy_setopt(easy_, CURLOPT_SSLCERT, config.cert_file->c_str());
    curl_easy_setopt(
        easy_, CURLOPT_SSLKEY,
        config.key_file->empty() ? config.cert_file->c_str() : config.key_file->c_str());
  }
}

void Fetch::Prepare(std::string* body) {
  body->clear();
  body_ = body;
  header_bytes_ = 0;
  too_large_ = false;
  error_[0] = '\0';
}

Fetch::Outcome Fetch::Finish(CURLcode code) {
  Outcome out;
  body_ = nullptr;
  if (too_large_ || code == CURLE_FILESIZE_EXCEEDED) {
    out.failure = Failure::kTooLarge;
    out.error = header_bytes_ > kMaxHeaderBytes
                    ? "more than " + std::to_string(kMaxHeaderBytes) + " bytes of headers"
                    : "the page is larger than " + std::to_string(max_page_bytes_) + " bytes";
    return out;
  }
  if (code != CURLE_OK) {
    out.failure = FailureOf(code);
    out.error = WhyOf(code, out.failure);
    return out;
  }
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    out.failure = Failure::kStatus;
    out.error = "HTTP status " + std::to_string(status) + " instead of 200";
    if (status < 500) out.error += "; check the port and the path";
    return out;
  }
  out.ok = true;
  return out;
}

std::string Fetch::WhyOf(CURLcode code, Failure failure) const {
  if (failure == Failure::kTimeout) {
    return "no page within " + std::to_string(timeout_ms_) + " ms";
  }
  long system_error = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &system_error);
  if (failure == Failure::kConnect && system_error != 0) {
    return "cannot connect: " + std::generic_category().message(static_cast<int>(system_error));
  }
  return base::Printable(error_[0] != '\0' ? error_.data() : curl_easy_strerror(code),
                         kMaxErrorBytes);
}

long Fetch::connections() const {
  long count = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &count);
  return count;
}

size_t Fetch::OnBody(char* data, size_t size, size_t count, void* self) {
  auto* fetch = static_cast<Fetch*>(self);
  const size_t bytes = size * count;
  if (fetch->body_->size() + bytes > fetch->max_page_bytes_) {
    fetch->too_large_ = true;
    return 0;  // ends the transfer
  }
  fetch->body_->append(data, bytes);
  return bytes;
}

size_t Fetch::OnHeader(char*, size_t size, size_t count, void* self) {
  auto* fetch = static_cast<Fetch*>(self);
  fetch->header_bytes_ += size * count;
  if (fetch->header_bytes_ > kMaxHeaderBytes) {
    fetch->too_large_ = true;
    return 0;
  }
  return size * count;
}

}  // namespace inference::scrape
