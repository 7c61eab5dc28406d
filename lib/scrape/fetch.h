#pragma once

#include <curl/curl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "datastore/endpoint.h"
#include "inference/result.h"
#include "scrape/stats.h"

namespace inference::scrape {

/// "http://10.0.0.1:8000/metrics". INVALID_ARGUMENT when the address is no IP address: a name would
/// have to be looked up, which the scrape thread does not do.
Result<std::string> MakeUrl(const datastore::EndpointInfo& info, const api::ScrapeConfig& config);

/// True when both fetch the same page in the same way and at the same pace.
bool SameSettings(const api::ScrapeConfig& a, const api::ScrapeConfig& b);

/// The request for one page, made once and sent again and again through a curl multi handle, which
/// keeps the connection. HTTP/1.1 GET, no redirects, no proxy, no content coding. Not thread-safe;
/// stays where it is, since curl holds pointers into it.
class Fetch {
 public:
  static constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

  /// `owner` comes back as CURLINFO_PRIVATE.
  Fetch(const std::string& url, const api::ScrapeConfig& config, size_t max_page_bytes,
        void* owner);
  ~Fetch();
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  CURL* handle() const { return easy_; }

  /// To be called before each time it is added to a multi handle. `body` is cleared and filled.
  void Prepare(std::string* body);

  struct Outcome {
    bool ok = false;
    Failure failure = Failure::kOther;
    std::string error;  // printable, when not ok
  };
  /// What came of it; `code` is from curl's message.
  Outcome Finish(CURLcode code);
  /// Connections that the last fetch opened: 0 when it used one that was there.
  long connections() const;

 private:
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  std::string WhyOf(CURLcode code, Failure failure) const;
  void SetTls(const api::ScrapeConfig& config);

  const size_t max_page_bytes_;
  const long timeout_ms_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string* body_ = nullptr;
  size_t header_bytes_ = 0;
  bool too_large_ = false;
};

}  // namespace inference::scrape
