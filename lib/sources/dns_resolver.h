#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "inference/result.h"
#include "sources/source.h"

namespace inference::sources {

/// The addresses of a host name, IPv4 and IPv6, sorted, none twice. Blocks as long as getaddrinfo
/// does. An error says why there are none.
Result<std::vector<std::string>> LookUp(const std::string& name);

/// Keeps looking up names and tells the addresses when they change. A thread of its own, and a few
/// workers, since getaddrinfo blocks: a name server that hangs delays only its own names.
class DnsResolver {
 public:
  struct Options {
    base::Duration refresh = std::chrono::seconds(5);  // per name, from one answer to the next call
    size_t workers = 4;
    std::function<Result<std::vector<std::string>>(const std::string&)> look_up = LookUp;
  };

  /// `sink` outlives the resolver.
  DnsResolver(Options options, Sink& sink);
  ~DnsResolver();
  DnsResolver(const DnsResolver&) = delete;
  DnsResolver& operator=(const DnsResolver&) = delete;

  /// Called once.
  void Start();
  /// Returns at once, even while a lookup hangs; the sink isn't called any more. Any number of
  /// times.
  void Stop();
  /// The names to look up from now on. New ones at once; those left out are forgotten. Thread-safe.
  void SetNames(const std::vector<std::string>& names);

 private:
  struct State;
  void Run();
  static void Work(const std::shared_ptr<State>& state);

  Sink& sink_;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace inference::sources
