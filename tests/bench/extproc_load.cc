// Speaks ext_proc to a picker as a gateway does, and prints what that cost as one line of JSON.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "h2_client.h"

namespace {

using bench::H2Connection;
using bench::NowNanos;

struct Options {
  std::string target = "127.0.0.1:9002";
  int connections = 4;
  int streams = 64;  // open at once, over all connections
  double rate = 0;   // open loop: streams per second; 0: closed loop
  double warm_up = 0.5, seconds = 2;
  uint64_t count = 0;  // stop after that many streams instead
  int hold = 0;        // open that many after their answer, measure memory, then end
  bool tls = false;
  int pid = 0;  // whose CPU time and memory to read
  bench::ConversationOptions conversation;
};

int Connect(const std::string& target) {
  if (target.starts_with("unix:")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = target.substr(5);
    if (path.starts_with("//")) path = path.substr(2);
    if (path.size() >= sizeof address.sun_path) return -1;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
    close(fd);
    return -1;
  }
  const size_t colon = target.rfind(':');
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  std::string host = target.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  if (getaddrinfo(host.c_str(), target.substr(colon + 1).c_str(), &hints, &found) != 0) return -1;
  const int fd = socket(found->ai_family, SOCK_STREAM, 0);
  const int failed = connect(fd, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (failed) {
    close(fd);
    return -1;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

SSL* Handshake(SSL_CTX* context, int fd) {
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  static constexpr unsigned char kAlpn[] = {2, 'h', '2'};
  SSL_set_alpn_protos(ssl, kAlpn, sizeof kAlpn);
  return SSL_connect(ssl) == 1 ? ssl : nullptr;
}

// Run time of all threads in ns.
uint64_t CpuNanos(int pid) {
  uint64_t sum = 0;
  std::error_code error;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
    std::ifstream file(task.path() / "schedstat");
    uint64_t run = 0;
    if (file >> run) sum += run;
  }
  return sum;
}

uint64_t RssBytes(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        conversation_(bench::MakeConversation(options_.conversation)) {}

  bool Open() {
    epoll_ = epoll_create1(0);
    SSL_CTX* context = options_.tls ? SSL_CTX_new(TLS_client_method()) : nullptr;
    for (int i = 0; i < options_.connections; ++i) {
      const int fd = Connect(options_.target);
      if (fd < 0) {
        std::cerr << "extproc_load: cannot connect to " << options_.target << ": "
                  << std::strerror(errno) << "\n";
        return false;
      }
      SSL* ssl = context ? Handshake(context, fd) : nullptr;
      if (context && !ssl) {
        std::cerr << "extproc_load: TLS handshake failed\n";
        return false;
      }
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
      auto connection = std::make_unique<H2Connection>(
          fd, ssl, conversation_, options_.conversation.chunks, options_.hold > 0);
      connection->on_answered = [this](uint64_t nanos) {
        ++answered_;
        if (measuring_)
          latencies_.push_back(static_cast<uint32_t>(std::min<uint64_t>(nanos, UINT32_MAX)));
      };
      H2Connection* raw = connection.get();
      connection->on_done = [this, raw](bool) {
        if (options_.rate == 0 && options_.hold == 0 && !stopping_) Start(*raw);
      };
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = raw;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      connections_.push_back(std::move(connection));
    }
    return true;
  }

  nlohmann::json Run() {
    next_due_ = NowNanos();
    if (options_.hold > 0) return Hold();
    if (options_.rate == 0) {
      for (int i = 0; i < options_.streams; ++i) Start(*connections_[i % connections_.size()]);
    }
    if (options_.count > 0) return RunCount();
    Loop([end = NowNanos() + Nanos(options_.warm_up)] { return NowNanos() >= end; });
    return Measure([end = NowNanos() + Nanos(options_.seconds)] { return NowNanos() >= end; });
  }

 private:
  static uint64_t Nanos(double seconds) { return static_cast<uint64_t>(seconds * 1e9); }

  void Start(H2Connection& connection) {
    if (options_.count > 0 && started_ >= options_.count) return;
    ++started_;
    connection.StartStream(variant_++, options_.rate > 0 ? next_due_ : NowNanos());
  }

  nlohmann::json RunCount() {
    return Measure([this] { return Done() + Errors() >= options_.count; });
  }

  nlohmann::json Hold() {
    const uint64_t before = options_.pid ? RssBytes(options_.pid) : 0;
    for (int i = 0; i < options_.hold; ++i) {
      Start(*connections_[i % connections_.size()]);
      if (i % 64 == 63) Loop([this] { return answered_ + 64 >= started_; });
    }
    Loop([this] { return answered_ >= started_; });
    const uint64_t after = options_.pid ? RssBytes(options_.pid) : 0;
    return {{"held", options_.hold},
            {"errors", Errors()},
            {"rss_before", before},
            {"rss_after", after},
            {"rss_per_stream",
             (static_cast<double>(after) - static_cast<double>(before)) / options_.hold}};
  }

  template <typename Until>
  nlohmann::json Measure(Until until) {
    measuring_ = true;
    const uint64_t cpu = options_.pid ? CpuNanos(options_.pid) : 0;
    const uint64_t own = CpuNanos(getpid());
    const uint64_t begin = NowNanos(), done = Done(), messages = Messages(), errors = Errors();
    Loop(until);
    const double seconds = static_cast<double>(NowNanos() - begin) / 1e9;
    const auto streams = static_cast<double>(Done() - done);
    const uint64_t cpu_used = options_.pid ? CpuNanos(options_.pid) - cpu : 0;
    stopping_ = true;
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [&](double q) {
      if (latencies_.empty()) return 0.0;
      const auto i = static_cast<size_t>(q * static_cast<double>(latencies_.size() - 1));
      return latencies_[i] / 1e3;
    };
    const double n = std::max(1.0, streams);
    return {{"streams", streams},
            {"seconds", seconds},
            {"streams_per_second", streams / seconds},
            {"errors", Errors() - errors},
            {"messages_per_stream", static_cast<double>(Messages() - messages) / n},
            {"cpu_us_per_stream", static_cast<double>(cpu_used) / 1e3 / n},
            {"cpu_cores", static_cast<double>(cpu_used) / 1e9 / seconds},
            {"client_us_per_stream", static_cast<double>(CpuNanos(getpid()) - own) / 1e3 / n},
            {"rss_bytes", options_.pid ? RssBytes(options_.pid) : 0},
            {"request_phase_us", {{"p50", at(0.5)}, {"p99", at(0.99)}, {"p999", at(0.999)}}}};
  }

  template <typename Until>
  void Loop(Until until) {
    epoll_event events[64];
    while (!until()) {
      StartDue();
      for (auto& connection : connections_) {
        if (!connection->Flush()) Broken(*connection);
      }
      const int n = epoll_wait(epoll_, events, 64, WaitMillis());
      for (int i = 0; i < n; ++i) {
        auto& connection = *static_cast<H2Connection*>(events[i].data.ptr);
        if (!connection.OnReadable()) Broken(connection);
      }
    }
  }

  int WaitMillis() const {
    for (const auto& connection : connections_) {
      if (connection->wants_write()) return 0;
    }
    if (options_.rate == 0) return 20;
    const uint64_t now = NowNanos();
    // Under a millisecond it spins: the schedule of the open loop is what is being tested.
    return next_due_ <= now ? 0 : static_cast<int>((next_due_ - now) / 1'000'000);
  }

  void StartDue() {
    if (options_.rate == 0) return;
    for (const uint64_t now = NowNanos(); next_due_ <= now && !stopping_;
         next_due_ += Nanos(1 / options_.rate)) {
      Start(*connections_[started_ % connections_.size()]);
    }
  }

  [[noreturn]] void Broken(const H2Connection& connection) {
    std::cerr << "extproc_load: the picker closed a connection with " << connection.open_streams()
              << " streams open, after " << Done() << " done\n";
    std::exit(1);
  }

  uint64_t Sum(uint64_t H2Connection::Stats::* what) const {
    uint64_t sum = 0;
    for (const auto& connection : connections_) sum += connection->stats.*what;
    return sum;
  }
  uint64_t Done() const { return Sum(&H2Connection::Stats::done); }
  uint64_t Errors() const { return Sum(&H2Connection::Stats::errors); }
  uint64_t Messages() const { return Sum(&H2Connection::Stats::messages); }

  const Options options_;
  const bench::Conversation conversation_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<H2Connection>> connections_;
  std::vector<uint32_t> latencies_;  // ns
  uint64_t next_due_ = 0, started_ = 0, answered_ = 0;
  size_t variant_ = 0;
  bool measuring_ = false, stopping_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Load generator for ext_proc; prints one line of JSON"};
  app.add_option("--target", options.target, "host:port, [v6]:port or unix:PATH");
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 4096));
  app.add_option("--streams", options.streams, "open at once, over all connections");
  app.add_option("--rate", options.rate, "open loop: streams per second");
  app.add_option("--warm-up", options.warm_up, "seconds");
  app.add_option("--seconds", options.seconds)->take_last();
  app.add_option("--count", options.count, "stop after that many streams");
  app.add_option("--hold", options.hold, "hold that many answered streams and measure memory");
  app.add_option("--body", options.conversation.body_bytes, "bytes of the request body");
  app.add_option("--bodies", options.conversation.variants, "different request bodies")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--token-ids", options.conversation.token_ids, "prompts of token ids, not of text");
  app.add_option("--chunks", options.conversation.chunks, "response pieces; 0: request phase only");
  app.add_option("--pid", options.pid, "process whose CPU time and memory are read");
  app.add_flag("--tls", options.tls);
  CLI11_PARSE(app, argc, argv);
  Load load(options);
  if (!load.Open()) return 1;
  const nlohmann::json result = load.Run();
  std::cout << result.dump() << "\n";
  return result["errors"] == 0 ? 0 : 1;
}
