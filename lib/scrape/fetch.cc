#include "scrape/fetch.h"

#include <sys/epoll.h>

#include <string>
#include <utility>

namespace inference::scrape {
namespace {

bool HasEnded(uint32_t events) {
  return (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
}

}  // namespace

Fetch::Fetch(PageRequest request, const api::ScrapeConfig& config, Shared& shared, void* tag)
    : request_(std::move(request)),
      config_(config),
      shared_(shared),
      stream_(shared.epoll, tag, request_, config_, shared.contexts),
      response_(shared.buffers, shared.max_page_bytes) {}

Fetch::Progress Fetch::Begin() {
  response_.Start();
  // What is wrong with an idle plain connection, an event has told; TLS has to be asked.
  if (stream_.has_tls() && !stream_.StillIdle(0)) stream_.Close();
  reused_ = stream_.is_open();
  return reused_ ? Send() : Connect();
}

Fetch::Progress Fetch::OnEvents(uint32_t events) {
  switch (stage_) {
    case Stage::kIdle:
      if (stream_.is_open() && !stream_.StillIdle(events)) stream_.Close();
      return Progress::kNone;
    case Stage::kConnecting: {
      const Stream::State state = stream_.Establish();
      if (state == Stream::State::kWait) return Progress::kNone;
      if (state != Stream::State::kOk) return Fail(stream_.fault());
      shared_.connections->Add();
      return Send();
    }
    case Stage::kSending: {
      const Progress progress = Send();
      // This event may have told of an answer as well, and will not do so again.
      return stage_ == Stage::kReceiving ? Receive(events) : progress;
    }
    case Stage::kReceiving:
      break;
  }
  return Receive(events);
}

void Fetch::Abort() {
  stream_.Close();
  response_.Release();
  stage_ = Stage::kIdle;
}

Fetch::Progress Fetch::Connect() {
  stage_ = Stage::kConnecting;
  sent_ = 0;
  return stream_.Open() == Stream::State::kOk ? Progress::kNone : Fail(stream_.fault());
}

Fetch::Progress Fetch::Send() {
  if (stage_ != Stage::kSending) sent_ = 0;
  stage_ = Stage::kSending;
  size_t sent = 0;
  const Stream::State state = stream_.Send(std::string_view(request_.bytes).substr(sent_), sent);
  sent_ += sent;
  if (state == Stream::State::kOk) stage_ = Stage::kReceiving;
  if (state == Stream::State::kOk || state == Stream::State::kWait) return Progress::kNone;
  if (state == Stream::State::kFailed) return Broken(stream_.fault());
  return Broken({Failure::kOther, "the server closed the connection without an answer"});
}

Fetch::Progress Fetch::Receive(uint32_t events) {
  for (;;) {
    const std::span<char> room = response_.Room();
    size_t received = 0;
    const Stream::State state = stream_.Receive(room, received);
    Response::State read = Response::State::kMore;
    switch (state) {
      case Stream::State::kWait:
        return Progress::kNone;
      case Stream::State::kOk:
        read = response_.Received(received);
        break;
      case Stream::State::kClosed:
        read = response_.Closed();
        events |= EPOLLRDHUP;
        break;
      case Stream::State::kFailed:
        return Broken(stream_.fault());
    }
    if (read == Response::State::kDone) return Done(events);
    if (read == Response::State::kFailed) return Broken({response_.failure(), response_.error()});
    // Less than there was room for: that was all, and what comes next gives another event. But the
    // end has had its event, and TLS keeps bytes where epoll doesn't see them.
    if (received < room.size() && !stream_.has_tls() && !HasEnded(events)) return Progress::kNone;
  }
}

Fetch::Progress Fetch::Done(uint32_t events) {
  stage_ = Stage::kIdle;
  if (!response_.keep_alive() || HasEnded(events) || stream_.has_unread()) stream_.Close();
  return Progress::kPage;
}

Fetch::Progress Fetch::Fail(Fault fault) {
  fault_ = std::move(fault);
  Abort();
  return Progress::kFailed;
}

Fetch::Progress Fetch::Broken(Fault fault) {
  if (!reused_ || !response_.untouched()) return Fail(std::move(fault));
  stream_.Close();
  response_.Start();
  reused_ = false;
  return Connect();
}

}  // namespace inference::scrape
