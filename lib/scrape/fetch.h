#pragma once

#include <cstdint>
#include <string_view>

#include "scrape/response.h"
#include "scrape/stream.h"
#include "telemetry/counters.h"

namespace inference::scrape {

/// Asks one target for its page, again and again, on one connection as long as the server keeps
/// it. It knows no time: a fetch that takes too long is for the caller to abort. Not thread-safe;
/// stays where it is.
class Fetch {
 public:
  /// What the fetches of one thread share; outlives them.
  struct Shared {
    int epoll = -1;
    size_t max_page_bytes = 0;
    PageBuffers buffers;
    TlsContexts contexts;
    telemetry::Counter* connections = nullptr;  // opened
  };

  /// `tag` comes back as epoll_event.data.ptr.
  Fetch(PageRequest request, const api::ScrapeConfig& config, Shared& shared, void* tag);

  enum class Progress : uint8_t {
    kNone,   // wait for an event
    kPage,   // page() has it
    kFailed  // fault() says why
  };

  /// Sends the request, connecting first if need be. Not while another is under way.
  Progress Begin();
  /// What the socket had to say; call it between fetches, too.
  Progress OnEvents(uint32_t events);
  /// Ends what is under way, and the connection with it.
  void Abort();

  std::string_view page() const { return response_.page(); }
  /// To be called when the page has been read.
  void Release() { response_.Release(); }
  const Fault& fault() const { return fault_; }

 private:
  enum class Stage : uint8_t { kIdle, kConnecting, kSending, kReceiving };

  Progress Connect();
  Progress Send();
  Progress Receive(uint32_t events);
  Progress Done(uint32_t events);
  Progress Fail(Fault fault);
  /// The connection is gone. One that was there before may have been closed by the server while
  /// idle, which is no failure: then it is made anew, once.
  Progress Broken(Fault fault);

  const PageRequest request_;
  const api::ScrapeConfig config_;
  Shared& shared_;
  Stream stream_;
  Response response_;
  Stage stage_ = Stage::kIdle;
  bool reused_ = false;
  size_t sent_ = 0;
  Fault fault_;
};

}  // namespace inference::scrape
