#include "extproc/reactor.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace inference::extproc {
namespace {

constexpr base::Duration kSweepEvery = std::chrono::seconds(1);
constexpr base::Duration kExpireEvery = std::chrono::milliseconds(100);
/// Between the notice of going away and the last word: streams on their way still arrive.
constexpr base::Duration kNotice = std::chrono::milliseconds(200);

}  // namespace

Reactor::Reactor(ReactorShared& shared, uint32_t index, uint64_t seed)
    : shared_(shared),
      index_(index),
      ring_(shared.ring_size),
      context_(shared.session, shared.clock, shared.budget, shared.in_flight, shared.outliers,
               shared.observed_sink, shard_, ring_, seed, index),
      runtime_(shared.runtime),
      read_buffer_(new char[kReadSize]) {}

Reactor::~Reactor() {
  Stop();
}

Status Reactor::Start() {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_.get() < 0 || wake_.get() < 0 ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return {Code::kUnavailable, std::string("cannot start a reactor: ") + std::strerror(errno)};
  }
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), ("reactor-" + std::to_string(index_)).c_str());
  return Status::Ok();
}

void Reactor::Stop() {
  if (!thread_.joinable()) return;
  stop_.store(true);
  Post([] {});
  thread_.join();
}

void Reactor::Post(std::function<void()> task) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (!first) return;
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
}

void Reactor::AddConnection(net::FileDescriptor fd, std::shared_ptr<SSL_CTX> tls,
                            bool health_only) {
  n_connections_.fetch_add(1);
  // std::function wants copyable captures.
  auto shared_fd = std::make_shared<net::FileDescriptor>(std::move(fd));
  Post([this, shared_fd, tls = std::move(tls), health_only] {
    const int number = shared_fd->get();
    auto connection = std::make_unique<Connection>(*this, std::move(*shared_fd), tls, health_only);
    shard_.connections_opened.Add();
    Connection& added = *connection;
    connections_[number] = std::move(connection);
    if (draining_) added.BeginDrain();
    MarkDirty(added);  // our settings go out first
    epoll_event event{};
    event.events = added.registered_events = EPOLLIN;
    event.data.ptr = &added;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event);
  });
}

void Reactor::Drain() {
  Post([this] {
    draining_ = true;
    for (auto& [fd, connection] : connections_) connection->BeginDrain();
    finish_drain_ = context_.now + kNotice;
  });
}

void Reactor::PostHealthUpdate() {
  Post([this] {
    for (auto& [fd, connection] : connections_) connection->UpdateHealth();
  });
}

void Reactor::Run() {
  std::array<epoll_event, 128> events;
  StartTurn();
  while (!stop_.load(std::memory_order_relaxed)) {
    const int n = epoll_wait(epoll_.get(), events.data(), events.size(), WaitMillis());
    StartTurn();
    for (int i = 0; i < n; ++i) {
      auto* connection = static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      const uint32_t what = events[static_cast<size_t>(i)].events;
      if (connection == nullptr) {
        RunTasks();
        continue;
      }
      // A connection is closed only by FlushDirty or Sweep, so that the pointers stay good here.
      if ((what & EPOLLOUT) != 0) MarkDirty(*connection);
      if ((what & ~static_cast<uint32_t>(EPOLLOUT)) != 0 && !connection->OnReadable()) {
        connection->over = true;
        MarkDirty(*connection);
      }
    }
    RunTimers();
    FlushDirty();
  }
  connections_.clear();
  parsing_.clear();
}

void Reactor::StartTurn() {
  context_.now = shared_.clock.Now();
  const auto& runtime = runtime_.Get();
  if (context_.runtime != runtime) context_.runtime = runtime;
}

void Reactor::RunTasks() {
  uint64_t count = 0;
  (void)!read(wake_.get(), &count, sizeof(count));
  {
    std::lock_guard lock(mutex_);
    std::swap(tasks_, running_tasks_);
  }
  for (auto& task : running_tasks_) task();
  running_tasks_.clear();
}

void Reactor::RunTimers() {
  const base::Time now = context_.now;
  for (TimerList* list : {&idle_, &pick_, &drain_}) {
    while (list->front() != nullptr && list->front()->deadline <= now) {
      Stream& stream = *list->front();
      list->Stop(stream);
      stream.timer = Timer::kNone;
      stream.connection->OnTimer(stream);
    }
  }
  while (!call_deadlines_.empty() && call_deadlines_.begin()->first <= now) {
    Stream& stream = *call_deadlines_.begin()->second;
    call_deadlines_.erase(call_deadlines_.begin());
    stream.call_deadline.reset();
    stream.connection->OnCallDeadline(stream);
  }
  if (finish_drain_ && *finish_drain_ <= now) {
    finish_drain_.reset();
    for (auto& [fd, connection] : connections_) connection->FinishDrain();
  }
  if (now >= next_expiry_) {
    next_expiry_ = now + kExpireEvery;
    if (shared_.in_flight.size() > 0) shared_.in_flight.Expire(now, index_, shared_.reactors);
    if (shared_.outliers.size() > 0) shared_.outliers.Readmit(now);
  }
  if (now >= next_sweep_) Sweep();
}

void Reactor::Sweep() {
  next_sweep_ = context_.now + kSweepEvery;
  for (auto& [fd, connection] : connections_) {
    if (connection->CheckLiveness(context_.now)) continue;
    connection->over = true;
    MarkDirty(*connection);
  }
  // A connection that came after the last word was sent gets it now.
  if (draining_ && !finish_drain_) {
    for (auto& [fd, connection] : connections_) connection->FinishDrain();
  }
}

void Reactor::MarkDirty(Connection& connection) {
  if (connection.dirty) return;
  connection.dirty = true;
  dirty_.push_back(&connection);
}

void Reactor::FlushDirty() {
  std::swap(dirty_, flushing_);
  for (Connection* connection : flushing_) {
    // Stays marked meanwhile, so that what a flush brings about does not list it again.
    const bool over = connection->over || !connection->Flush();
    connection->dirty = false;
    if (over) {
      Close(*connection);
    } else {
      UpdateInterest(*connection);
    }
  }
  flushing_.clear();
}

void Reactor::UpdateInterest(Connection& connection) {
  const uint32_t wanted = connection.wanted_events();
  if (wanted == connection.registered_events) return;
  connection.registered_events = wanted;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &connection;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd(), &event);
}

void Reactor::Close(Connection& connection) {
  shard_.connections_closed.Add();
  connections_.erase(connection.fd());
  n_connections_.fetch_sub(1);
}

void Reactor::StreamClosed(Stream& stream) {
  if (TimerList* list = ListOf(stream.timer)) list->Stop(stream);
  if (stream.call_deadline) call_deadlines_.erase({*stream.call_deadline, &stream});
  if (stream.parsing != nullptr) parsing_.at(stream.parsing).stream = nullptr;
  if (stream.parked != 0) {
    const auto node = parked_.extract(stream.parked);
    node.mapped().line->Leave(*this, stream.parked);
    shard_.parked.Sub(1);
  }
  n_streams_.store(n_streams_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  shard_.streams_closed.Add();
}

TimerList* Reactor::ListOf(Timer timer) {
  switch (timer) {
    case Timer::kNone:
      return nullptr;
    case Timer::kIdle:
      return &idle_;
    case Timer::kPick:
      return &pick_;
    case Timer::kDrain:
      return &drain_;
  }
  return nullptr;
}

void Reactor::UpdateTimer(Stream& stream, bool activity) {
  const Timer wanted = stream.out.timer();
  if (wanted == stream.timer && !(activity && wanted == Timer::kIdle)) return;
  if (wanted != stream.timer) {
    if (TimerList* list = ListOf(stream.timer)) list->Stop(stream);
    stream.timer = wanted;
  }
  if (TimerList* list = ListOf(wanted)) list->Start(stream, context_.now);
}

void Reactor::Parse(Stream& stream, std::unique_ptr<ParseJob> job) {
  ParseJob& added = *job;
  parsing_[&added] = {std::move(job), &stream};
  stream.parsing = &added;
  shared_.parsers.Submit(added, [this, &added] { Post([this, &added] { FinishParse(added); }); });
}

void Reactor::FinishParse(ParseJob& job) {
  const auto node = parsing_.extract(&job);
  if (Stream* stream = node.mapped().stream; stream != nullptr) {
    stream->parsing = nullptr;
    stream->connection->OnParsed(*stream, job);
  }
  shared_.parsers.Recycle(std::move(job.memory));
}

void Reactor::Park(Stream& stream, Outbox::Parking parking) {
  const uint64_t ticket = ++last_ticket_;
  if (!parking.line->Enter(*this, ticket, parking.bytes, context_.now)) {
    stream.connection->OnReleased(stream, flowcontrol::Release::kFull);
    return;
  }
  stream.parked = ticket;
  shard_.parked.Add();
  shared_.dispatcher.Watch(parking.line);
  parked_[ticket] = {&stream, std::move(parking.line)};
}

void Reactor::OnRelease(uint64_t ticket, flowcontrol::Release release) {
  Post([this, ticket, release] { FinishPark(ticket, release); });
}

void Reactor::FinishPark(uint64_t ticket, flowcontrol::Release release) {
  const auto node = parked_.extract(ticket);
  if (node.empty()) return;  // the stream went meanwhile
  Stream& stream = *node.mapped().stream;
  stream.parked = 0;
  shard_.parked.Sub(1);
  stream.connection->OnReleased(stream, release);
}

void Reactor::SetCallDeadline(Stream& stream, base::Time when) {
  stream.call_deadline = when;
  call_deadlines_.insert({when, &stream});
}

int Reactor::WaitMillis() const {
  base::Time first = next_sweep_;
  if (connections_.empty()) first = context_.now + std::chrono::seconds(10);
  if (shared_.in_flight.size() + shared_.outliers.size() > 0) {
    first = std::min(first, next_expiry_);
  }
  for (const TimerList* list : {&idle_, &pick_, &drain_}) {
    if (list->front() != nullptr) first = std::min(first, list->front()->deadline);
  }
  if (!call_deadlines_.empty()) first = std::min(first, call_deadlines_.begin()->first);
  if (finish_drain_) first = std::min(first, *finish_drain_);
  const base::Duration wait = first - context_.now;
  if (wait <= base::Duration::zero()) return 0;
  // Rounded up: waking just before a deadline would only make the loop spin.
  return static_cast<int>(std::min<int64_t>(wait.count() / 1'000'000 + 1, 10'000));
}

}  // namespace inference::extproc
