#include "sources/dns_resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

namespace inference::sources {
namespace {

using std::chrono::steady_clock;

// Answers that come together are told together.
constexpr base::Duration kGather = std::chrono::milliseconds(50);

}  // namespace

Result<std::vector<std::string>> LookUp(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return Status(Code::kUnavailable, error == EAI_SYSTEM ? std::generic_category().message(errno)
                                                          : gai_strerror(error));
  }
  std::vector<std::string> addresses;
  for (const addrinfo* info = found; info; info = info->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (info->ai_family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(info->ai_addr);
      inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    } else if (info->ai_family == AF_INET6) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(info->ai_addr);
      inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size());
    }
    if (text[0] != '\0') addresses.emplace_back(text.data());
  }
  freeaddrinfo(found);
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  if (addresses.empty()) return Status(Code::kUnavailable, "the name has no address");
  return addresses;
}

// Shared with the workers, which outlive the resolver while a lookup hangs.
struct DnsResolver::State {
  struct Name {
    base::Time due{};
    bool busy = false;
    std::vector<std::string> addresses;
    std::string error;
  };

  explicit State(Options o) : options(std::move(o)) {}

  const Options options;
  std::mutex mutex;
  std::condition_variable work, news;
  // Guarded by mutex:
  bool stopping = false;
  bool changed = false;  // since the last telling
  size_t busy = 0;
  std::map<std::string, Name> names;
  std::deque<std::string> queue;

  // REQUIRES: the lock. Queues what is due and returns when the next name will be.
  base::Time QueueDue(base::Time now) {
    base::Time next = now + std::chrono::hours(1);
    for (auto& [name, state] : names) {
      if (state.busy) continue;
      if (state.due > now) {
        next = std::min(next, state.due);
        continue;
      }
      state.busy = true;
      ++busy;
      queue.push_back(name);
      work.notify_one();
    }
    return next;
  }

  // REQUIRES: the lock.
  void Answer(const std::string& name, Result<std::vector<std::string>> result) {
    --busy;
    const auto it = names.find(name);
    if (it == names.end()) return;  // nobody asks any more
    Name& state = it->second;
    state.busy = false;
    state.due = steady_clock::now() + options.refresh;
    std::string error = result.ok() ? "" : result.status().message();
    if (result.ok() && *result != state.addresses) {
      state.addresses = *std::move(result);
      changed = true;
    }
    if (error != state.error) {
      state.error = std::move(error);
      changed = true;
    }
  }
};

DnsResolver::DnsResolver(Options options, Sink& sink)
    : sink_(sink), state_(std::make_shared<State>(std::move(options))) {}

DnsResolver::~DnsResolver() {
  Stop();
}

void DnsResolver::Start() {
  thread_ = std::thread([this] { Run(); });
  // Detached: getaddrinfo cannot be called off, and nobody may wait for it at the end.
  for (size_t i = 0; i < state_->options.workers; ++i) {
    std::thread([state = state_] { Work(state); }).detach();
  }
}

void DnsResolver::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work.notify_all();
  state_->news.notify_all();
  if (thread_.joinable()) thread_.join();
}

void DnsResolver::SetNames(const std::vector<std::string>& list) {
  const std::set<std::string> names(list.begin(), list.end());
  const std::lock_guard lock(state_->mutex);
  std::erase_if(state_->names, [&](const auto& entry) { return !names.count(entry.first); });
  for (const std::string& name : names) state_->names.try_emplace(name);
  state_->news.notify_all();
}

void DnsResolver::Work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (true) {
    state->work.wait(lock, [&] { return state->stopping || !state->queue.empty(); });
    if (state->stopping) return;
    const std::string name = std::move(state->queue.front());
    state->queue.pop_front();
    lock.unlock();
    Result<std::vector<std::string>> result = state->options.look_up(name);
    lock.lock();
    state->Answer(name, std::move(result));
    state->news.notify_all();
  }
}

void DnsResolver::Run() {
  State& state = *state_;
  std::optional<base::Time> first_change;
  std::unique_lock lock(state.mutex);
  while (!state.stopping) {
    const base::Time now = steady_clock::now();
    base::Time wake = state.QueueDue(now);
    if (state.changed && !first_change) first_change = now;
    if (first_change && (state.busy == 0 || now >= *first_change + kGather)) {
      std::map<std::string, std::vector<std::string>> addresses;
      std::map<std::string, std::string> errors;
      for (const auto& [name, entry] : state.names) {
        if (!entry.addresses.empty()) addresses[name] = entry.addresses;
        if (!entry.error.empty()) errors[name] = entry.error;
      }
      state.changed = false;
      first_change.reset();
      lock.unlock();
      sink_.OnDns(std::move(addresses), std::move(errors));
      lock.lock();
      continue;
    }
    if (first_change) wake = std::min(wake, *first_change + kGather);
    state.news.wait_until(lock, wake);
  }
}

}  // namespace inference::sources
