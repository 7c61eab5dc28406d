#include "scrape/scraper.h"

#include <catch2/catch.hpp>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include "support/fake_metrics_server.h"
#include "support/temp_dir.h"

namespace inference::scrape {
namespace {

using namespace std::chrono_literals;
using datastore::Endpoint;
using test::FakeMetricsServer;
using test::SelfSignedFiles;
using Reply = FakeMetricsServer::Reply;

// True as soon as `condition` holds; false after a time that only a fault can take.
bool Await(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

Reply Page(int waiting) {
  return {.body = "vllm:num_requests_waiting{engine=\"0\"} " + std::to_string(waiting) + "\n"};
}

std::shared_ptr<Endpoint> MakeEndpoint(int port, const std::string& address = "127.0.0.1") {
  datastore::EndpointInfo info;
  info.name = "gpu-1";
  info.address = address;
  info.port = port;
  info.host_port = datastore::JoinHostPort(address, port);
  return std::make_shared<Endpoint>(info);
}

api::ScrapeConfig Every(std::chrono::nanoseconds interval) {
  api::ScrapeConfig config;
  config.interval.value = interval;
  config.timeout.value = 10s;
  return config;
}

Target MakeTarget(std::shared_ptr<Endpoint> endpoint, api::ScrapeConfig config = Every(5ms)) {
  return {std::move(endpoint), std::move(config), metrics::NameMap::BuiltIn("vllm")};
}

double Waiting(const Endpoint& endpoint) {
  return endpoint.metrics.waiting.Read(base::Clock::Real().Now(), 1h).value;
}
uint64_t Pages(const Endpoint& endpoint) {
  return endpoint.metrics.pages;
}
uint64_t Errors(const Endpoint& endpoint) {
  return endpoint.metrics.page_errors;
}

// A scraper that runs, with small pages.
struct Running {
  std::shared_ptr<telemetry::EventLog> events = std::make_shared<telemetry::EventLog>();
  Scraper scraper{{.seed = 1, .max_page_bytes = 20'000, .events = events}};

  Running() { REQUIRE(scraper.Start().ok()); }
  explicit Running(Target target) : Running() { scraper.SetTargets({std::move(target)}); }
  uint64_t Failed(Failure f) const { return scraper.stats().Failed(f).value(); }
  /// The kinds of events that were told, a space behind each.
  std::string Told() const {
    std::string out;
    for (const telemetry::Event& event : events->After(0, 100)) {
      out += std::string(event.kind.name) + " ";
    }
    return out;
  }
};

TEST_CASE("pages are fetched over one connection and applied") {
  FakeMetricsServer server;
  server.SetReply(Page(3));
  const auto endpoint = MakeEndpoint(server.port());
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 5; }));
  CHECK(Waiting(*endpoint) == 3);
  CHECK(server.connections() == 1);
  CHECK_THAT(server.last_request(), Catch::StartsWith("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:" +
                                                      std::to_string(server.port()) + "\r\n"));
  CHECK_THAT(server.last_request(), Catch::Contains("Accept-Encoding: identity"));
  server.SetReply(Page(4));
  REQUIRE(Await([&] { return Waiting(*endpoint) == 4; }));
  CHECK(endpoint->reachable());
  run.scraper.Stop();
  const Stats& stats = run.scraper.stats();
  CHECK(stats.pages.value() == Pages(*endpoint));
  CHECK(stats.connections.value() == 1);
  CHECK(stats.bytes.value() == stats.pages.value() * Page(4).body.size());
  uint64_t observed = 0;
  for (size_t i = 0; i <= ScrapeSecondsBounds().size(); ++i) observed += stats.seconds.bucket(i);
  CHECK(observed == stats.pages.value());
}

TEST_CASE("bodies: chunked, ended by close, connection closed after each") {
  FakeMetricsServer server;
  const auto endpoint = MakeEndpoint(server.port());
  Reply reply = Page(7);
  SECTION("chunked") {
    reply.body += "# " + std::string(5000, 'x') + "\nvllm:num_requests_running 2\n";
    reply.chunked = true;
  }
  SECTION("Connection: close") {
    reply.close = true;
  }
  SECTION("neither length nor chunks") {
    reply.raw = "HTTP/1.1 200 OK\r\n\r\n" + reply.body;
    reply.close = true;
  }
  SECTION("HTTP/1.0") {
    reply.raw = "HTTP/1.0 200 OK\r\n\r\n" + reply.body;
    reply.close = true;
  }
  server.SetReply(reply);
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 3; }));
  CHECK(Waiting(*endpoint) == 7);
  CHECK(Errors(*endpoint) == 0);
  if (reply.chunked) CHECK(server.connections() == 1);
}

TEST_CASE("a hung server is unreachable after two timeouts, and back at its first page") {
  FakeMetricsServer server;
  server.SetReply(Page(3));
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.timeout.value = 200ms;
  Running run(MakeTarget(endpoint, config));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 1; }));
  server.SetReply({.hang = true});
  REQUIRE(Await([&] { return !endpoint->reachable(); }));
  CHECK(run.Failed(Failure::kTimeout) >= 2);
  CHECK(Errors(*endpoint) >= 2);
  CHECK(Await([&] { return run.scraper.LastError(endpoint->id()) == "no page within 200 ms"; }));
  CHECK(Waiting(*endpoint) == 3);  // and ageing
  server.SetReply(Page(9));
  REQUIRE(Await([&] { return endpoint->reachable(); }));
  CHECK(Await([&] { return run.scraper.LastError(endpoint->id()).empty(); }));
  CHECK(Waiting(*endpoint) == 9);
}

TEST_CASE("a page that trickles in is a timeout") {
  FakeMetricsServer server;
  Reply slow = Page(3);
  slow.body += "# " + std::string(3000, 'x');
  slow.trickle_bytes = 1;
  server.SetReply(slow);
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.timeout.value = 50ms;
  Running run(MakeTarget(endpoint, config));
  REQUIRE(Await([&] { return run.Failed(Failure::kTimeout) >= 2; }));
  CHECK(Pages(*endpoint) == 0);
}

TEST_CASE("a refused connection; the server comes back on its port") {
  auto server = std::make_unique<FakeMetricsServer>();
  const int port = server->port();
  server->SetReply(Page(1));
  const auto endpoint = MakeEndpoint(port);
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 1; }));
  server.reset();
  REQUIRE(Await([&] { return !endpoint->reachable(); }));
  CHECK(Await([&] { return run.Failed(Failure::kConnect) >= 1; }));
  CHECK(Await([&] {
    return run.scraper.LastError(endpoint->id()) == "cannot connect: Connection refused";
  }));
  server = std::make_unique<FakeMetricsServer>(FakeMetricsServer::Options{.port = port});
  server->SetReply(Page(2));
  REQUIRE(Await([&] { return endpoint->reachable() && Waiting(*endpoint) == 2; }));
  REQUIRE(Await([&] { return run.Told() == "Unreachable Reachable "; }));
  const telemetry::Event event = run.events->After(0, 1).front();
  CHECK(event.message == "cannot connect: Connection refused");
  CHECK(event.subject.kind == "endpoint");
  CHECK(event.subject.address == endpoint->info().host_port);
}

TEST_CASE("bug: of an endpoint that was ejected already it wasn't told that it can't be scraped") {
  auto server = std::make_unique<FakeMetricsServer>();
  const int port = server->port();
  server->SetReply(Page(1));
  const auto endpoint = MakeEndpoint(port);
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 1; }));
  endpoint->Eject("connections fail");
  server.reset();
  REQUIRE(Await([&] { return run.Failed(Failure::kConnect) >= 4; }));
  CHECK(run.Told() == "Unreachable ");
  endpoint->Readmit();
  server = std::make_unique<FakeMetricsServer>(FakeMetricsServer::Options{.port = port});
  server->SetReply(Page(2));
  REQUIRE(Await([&] { return run.Told() == "Unreachable Reachable "; }));
}

TEST_CASE("bug: while requests went well it was told again and again that pages can't be read") {
  auto server = std::make_unique<FakeMetricsServer>();
  const int port = server->port();
  server->SetReply(Page(1));
  const auto endpoint = MakeEndpoint(port);
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 1; }));
  server.reset();
  for (uint64_t failed = 3; failed < 15; failed += 3) {
    REQUIRE(Await([&] { return run.Failed(Failure::kConnect) >= failed; }));
    endpoint->RecordSuccess();  // as an answered request does
  }
  CHECK(run.Told() == "Unreachable ");
  server = std::make_unique<FakeMetricsServer>(FakeMetricsServer::Options{.port = port});
  server->SetReply(Page(2));
  REQUIRE(Await([&] { return run.Told() == "Unreachable Reachable "; }));
}

TEST_CASE("connections that the server closed while idle are opened again, without a failure") {
  FakeMetricsServer server;
  server.SetReply(Page(1));
  const auto endpoint = MakeEndpoint(server.port());
  Running run(MakeTarget(endpoint));
  for (int round = 1; round <= 5; ++round) {
    const uint64_t before = Pages(*endpoint);
    REQUIRE(Await([&] { return Pages(*endpoint) > before; }));
    server.CloseConnections();
  }
  REQUIRE(Await([&] { return server.connections() >= 6; }));
  CHECK(endpoint->reachable());
}

TEST_CASE("what is no page is a failure that says why") {
  FakeMetricsServer server;
  const auto endpoint = MakeEndpoint(server.port());
  const std::string good = Page(3).body;
  struct Row {
    Reply reply;
    Failure failure;
    const char* says;
  };
  const Row row = GENERATE_COPY(
      Row{{.body = good, .status = 500}, Failure::kStatus, "HTTP status 500 instead of 200"},
      Row{{.body = good, .status = 302, .headers = "Location: /other\r\n"},
          Failure::kStatus,
          "HTTP status 302"},
      Row{{.body = "hello"}, Failure::kBadPage, "no metric of engine 'vllm'"},
      Row{{.body = ""}, Failure::kBadPage, "no metric of engine 'vllm'"},
      Row{{.body = good + std::string(20'000, '#')}, Failure::kTooLarge, "larger than 20000 bytes"},
      Row{{.body = good + std::string(20'000, '#'), .chunked = true},
          Failure::kTooLarge,
          "larger than 20000 bytes"},
      Row{{.close = true, .raw = "HTTP/1.1 200 OK\r\n\r\n" + good + std::string(20'000, '#')},
          Failure::kTooLarge,
          "larger than 20000 bytes"},
      Row{{.close = true, .raw = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + good},
          Failure::kOther,
          ""},
      Row{{.close = true, .raw = "SSH-2.0-OpenSSH_9.2\r\n"}, Failure::kOther, ""},
      Row{{.close = true, .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
          Failure::kOther,
          ""});
  INFO(row.says << " / " << row.reply.raw.substr(0, 60));
  server.SetReply(row.reply);
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return !endpoint->reachable(); }));
  REQUIRE(Await([&] { return run.Failed(row.failure) >= 2; }));
  CHECK_THAT(run.scraper.LastError(endpoint->id()), Catch::Contains(row.says));
  CHECK(run.scraper.LastError(endpoint->id()).size() <= 310);
  CHECK_FALSE(run.scraper.LastError(endpoint->id()).empty());
  CHECK(Pages(*endpoint) == 0);
  CHECK(Errors(*endpoint) >= 2);
  CHECK_THAT(server.last_request(), Catch::StartsWith("GET /metrics "));
}

TEST_CASE("bytes that nobody asked for end the connection, not the page") {
  FakeMetricsServer server;
  const std::string page = Page(3).body;
  server.SetReply({.raw = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(page.size()) +
                          "\r\n\r\n" + page + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
  const auto endpoint = MakeEndpoint(server.port());
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 5; }));
  run.scraper.Stop();
  CHECK(Errors(*endpoint) == 0);
  CHECK(run.scraper.stats().connections.value() >= 5);
}

#ifndef __SANITIZE_ADDRESS__  // UndefinedBehaviorSanitizer needs descriptors of its own
// Lets no file be opened while it lives.
struct NoDescriptors {
  rlimit before{};
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 3;  // those that are open stay so
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before); }
};

TEST_CASE("a want of file descriptors is ours, not the endpoint's") {
  FakeMetricsServer server;
  server.SetReply(Page(3));
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  std::vector<Target> targets;
  for (int i = 0; i < 5; ++i) {
    endpoints.push_back(MakeEndpoint(server.port()));
    targets.push_back(MakeTarget(endpoints.back()));
  }
  const testing::TempDir dir;
  const auto logger = spdlog::default_logger();
  spdlog::set_default_logger(spdlog::basic_logger_mt("shortage", dir / "log"));
  {
    Running run;
    {
      const NoDescriptors none;
      run.scraper.SetTargets(targets);
      CHECK(Await([&] { return run.Failed(Failure::kShortage) >= 15; }));
      CHECK_THAT(run.scraper.LastError(endpoints[0]->id()),
                 Catch::Contains("Too many open files") && Catch::Contains("LimitNOFILE"));
    }
    for (const auto& endpoint : endpoints) {
      CHECK(Await([&] { return Pages(*endpoint) >= 2; }));
      CHECK(endpoint->reachable());
      CHECK(Errors(*endpoint) == 0);
      CHECK(run.scraper.LastError(endpoint->id()).empty());
    }
  }
  spdlog::default_logger()->flush();
  spdlog::set_default_logger(logger);
  std::ifstream log(dir / "log");
  const std::string text(std::istreambuf_iterator<char>(log), {});
  const size_t line = text.find("metrics pages are not fetched: ");
  REQUIRE(line != std::string::npos);
  CHECK(text.find("metrics pages are not fetched: ", line + 1) == std::string::npos);
}
#endif

TEST_CASE("endless headers are cut off") {
  FakeMetricsServer server;
  const auto endpoint = MakeEndpoint(server.port());
  Reply reply = Page(3);
  for (int i = 0; i < 100; ++i) reply.headers += "X-A: " + std::string(1000, 'x') + "\r\n";
  server.SetReply(reply);
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return run.Failed(Failure::kTooLarge) >= 1; }));
  CHECK_THAT(run.scraper.LastError(endpoint->id()), Catch::Contains("bytes of headers"));
}

TEST_CASE("IPv6") {
  FakeMetricsServer server({.address = "::1"});
  server.SetReply(Page(6));
  const auto endpoint = MakeEndpoint(server.port(), "::1");
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 2; }));
  CHECK(Waiting(*endpoint) == 6);
  CHECK(server.connections() == 1);
  CHECK_THAT(server.last_request(),
             Catch::Contains("\r\nHost: [::1]:" + std::to_string(server.port()) + "\r\n"));
}

TEST_CASE("an address that is a name is not looked up") {
  const auto endpoint = MakeEndpoint(80, "localhost");
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return !endpoint->reachable(); }));
  CHECK_THAT(run.scraper.LastError(endpoint->id()),
             Catch::Contains("'localhost' is no IP address"));
}

TEST_CASE("TLS: a self-signed certificate") {
  const SelfSignedFiles files;
  FakeMetricsServer server({.tls = &files});
  server.SetReply(Page(5));
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.scheme.value = "https";
  SECTION("is refused") {
    Running run(MakeTarget(endpoint, config));
    REQUIRE(Await([&] { return run.Failed(Failure::kTls) >= 2; }));
    CHECK_THAT(run.scraper.LastError(endpoint->id()), Catch::Contains("certificate"));
    CHECK(server.requests() == 0);
    CHECK_FALSE(endpoint->reachable());
  }
  SECTION("is taken without verification, the connection kept") {
    config.insecure_skip_verify.value = true;
    Running run(MakeTarget(endpoint, config));
    REQUIRE(Await([&] { return Pages(*endpoint) >= 3; }));
    CHECK(server.connections() == 1);
  }
  SECTION("is taken when it is the CA") {
    config.ca_file.value = files.cert();
    Running run(MakeTarget(endpoint, config));
    REQUIRE(Await([&] { return Pages(*endpoint) >= 3; }));
    CHECK(Waiting(*endpoint) == 5);
  }
  SECTION("a CA file that isn't there is said") {
    config.ca_file.value = "/nowhere/ca.pem";
    Running run(MakeTarget(endpoint, config));
    REQUIRE(Await([&] { return run.Failed(Failure::kTls) >= 1; }));
    CHECK_THAT(run.scraper.LastError(endpoint->id()), Catch::Contains("/nowhere/ca.pem"));
  }
}

TEST_CASE("TLS: what is wrong with a certificate is said") {
  struct Row {
    const char* names;
    long valid_seconds;
    bool own_ca;
    const char* says;
  };
  const Row row =
      GENERATE(Row{"IP:127.0.0.2,DNS:localhost", 3600, true, "certificate does not name 127.0.0.1"},
               Row{"IP:127.0.0.1", -60, true, "certificate, or its CA's, has expired"},
               Row{"IP:127.0.0.1", 3600, false, "of an unknown CA (self-signed certificate)"});
  const SelfSignedFiles files(row.names, row.valid_seconds), other;
  FakeMetricsServer server({.tls = &files});
  server.SetReply(Page(5));
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.scheme.value = "https";
  config.ca_file.value = row.own_ca ? files.cert() : other.cert();
  Running run(MakeTarget(endpoint, config));
  REQUIRE(Await([&] { return run.Failed(Failure::kTls) >= 2; }));
  CHECK_THAT(run.scraper.LastError(endpoint->id()), Catch::Contains(row.says));
  CHECK(server.requests() == 0);
  config.insecure_skip_verify.value = true;
  run.scraper.SetTargets({MakeTarget(endpoint, config)});
  CHECK(Await([&] { return Pages(*endpoint) >= 2; }));
}

TEST_CASE("TLS over IPv6, and a large page in many records") {
  const SelfSignedFiles files;
  FakeMetricsServer server({.address = "::1", .tls = &files});
  Reply reply = Page(6);
  reply.body += "# " + std::string(19'000, 'x') + "\n";
  reply.chunked = GENERATE(true, false);
  server.SetReply(reply);
  const auto endpoint = MakeEndpoint(server.port(), "::1");
  auto config = Every(5ms);
  config.scheme.value = "https";
  config.ca_file.value = files.cert();
  Running run(MakeTarget(endpoint, config));
  REQUIRE(Await([&] { return Pages(*endpoint) >= 5; }));
  CHECK(Waiting(*endpoint) == 6);
  CHECK(server.connections() == 1);
  // Closed while idle: made anew without a failure.
  server.CloseConnections();
  const uint64_t before = Pages(*endpoint);
  REQUIRE(Await([&] { return Pages(*endpoint) >= before + 3; }));
  CHECK(endpoint->reachable());
}

TEST_CASE("TLS asked of a server without it") {
  FakeMetricsServer server;
  server.SetReply({.close = true, .raw = "HTTP/1.1 400 Bad Request\r\n\r\n"});
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.scheme.value = "https";
  config.timeout.value = 200ms;
  Running run(MakeTarget(endpoint, config));
  REQUIRE(Await([&] { return !endpoint->reachable(); }));
  CHECK(run.Failed(Failure::kTls) + run.Failed(Failure::kTimeout) >= 2);
}

TEST_CASE("TLS: a CA file that is replaced takes effect with the next connection") {
  const SelfSignedFiles files, other;
  const testing::TempDir dir;
  const auto copy = [&](const std::string& from) {
    std::ifstream in(from);
    dir.Write("ca.pem", std::string(std::istreambuf_iterator<char>(in), {}));
  };
  copy(other.cert());
  FakeMetricsServer server({.tls = &files});
  server.SetReply(Page(5));
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.scheme.value = "https";
  config.ca_file.value = dir / "ca.pem";
  Running run(MakeTarget(endpoint, config));
  REQUIRE(Await([&] { return run.Failed(Failure::kTls) >= 2; }));
  copy(files.cert());
  REQUIRE(Await([&] { return Pages(*endpoint) >= 2; }));
  const uint64_t before = Pages(*endpoint);
  copy(other.cert());  // the connection that is there stays
  REQUIRE(Await([&] { return Pages(*endpoint) >= before + 3; }));
  server.CloseConnections();
  CHECK(Await([&] { return !endpoint->reachable(); }));
}

TEST_CASE("TLS: files that cannot be used are named") {
  const SelfSignedFiles files, other;
  const testing::TempDir dir;
  dir.Write("empty.pem", "");
  FakeMetricsServer server({.tls = &files});
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.scheme.value = "https";
  config.ca_file.value = files.cert();
  std::string says;
  SECTION("an empty CA file") {
    config.ca_file.value = dir / "empty.pem";
    says = "caFile " + *config.ca_file;
  }
  SECTION("no certificate") {
    config.cert_file.value = "/nowhere/cert.pem";
    config.key_file.value = other.key();
    says = "certFile /nowhere/cert.pem cannot be used: No such file";
  }
  SECTION("another certificate's key") {
    config.cert_file.value = other.cert();
    config.key_file.value = files.key();
    says = "keyFile " + files.key() + " cannot be used: key values mismatch";
  }
  Running run(MakeTarget(endpoint, config));
  REQUIRE(Await([&] { return run.Failed(Failure::kTls) >= 1; }));
  CHECK_THAT(run.scraper.LastError(endpoint->id()), Catch::Contains(says));
  CHECK(server.requests() == 0);
}

TEST_CASE("TLS: a client certificate") {
  const SelfSignedFiles files, client;
  FakeMetricsServer server({.tls = &files, .client_ca = &client});
  server.SetReply(Page(5));
  const auto endpoint = MakeEndpoint(server.port());
  auto config = Every(5ms);
  config.scheme.value = "https";
  config.ca_file.value = files.cert();
  SECTION("is missing") {
    Running run(MakeTarget(endpoint, config));
    REQUIRE(Await([&] { return !endpoint->reachable(); }));
    CHECK(server.requests() == 0);
  }
  SECTION("is shown") {
    config.cert_file.value = client.cert();
    config.key_file.value = client.key();
    Running run(MakeTarget(endpoint, config));
    REQUIRE(Await([&] { return Pages(*endpoint) >= 2; }));
  }
}

TEST_CASE("targets come and go; unchanged ones keep their connection") {
  FakeMetricsServer one, two;
  one.SetReply(Page(1));
  two.SetReply(Page(2));
  const auto a = MakeEndpoint(one.port());
  const auto b = MakeEndpoint(two.port());
  Running run;
  const auto more_pages = [](const Endpoint& endpoint) {
    const uint64_t before = Pages(endpoint);
    return Await([&] { return Pages(endpoint) >= before + 3; });
  };
  run.scraper.SetTargets({MakeTarget(a)});
  REQUIRE(more_pages(*a));
  // The same again, with a map compiled anew, one more, and a second target for the same endpoint.
  run.scraper.SetTargets({MakeTarget(a), MakeTarget(b), MakeTarget(a, Every(1h))});
  REQUIRE(more_pages(*b));
  REQUIRE(more_pages(*a));
  CHECK(one.connections() == 1);
  CHECK(run.scraper.stats().targets.value() == 2);

  // Other settings take effect.
  auto elsewhere = Every(5ms);
  elsewhere.path.value = "/elsewhere";
  run.scraper.SetTargets({MakeTarget(a, elsewhere), MakeTarget(b)});
  CHECK(Await([&] { return one.last_request().starts_with("GET /elsewhere "); }));

  // Another map takes effect, on the same connection.
  api::EngineMap map;
  map.name = "mine";
  map.running = "vllm:num_requests_waiting";
  api::Diagnostics diagnostics;
  Target mapped = MakeTarget(b);
  mapped.map = metrics::NameMap::FromEngineMap(map, diagnostics);
  run.scraper.SetTargets({MakeTarget(a), mapped});
  CHECK(Await([&] { return b->metrics.running.Read(base::Clock::Real().Now(), 1h).value == 2; }));
  CHECK(two.connections() == 1);

  run.scraper.SetTargets({MakeTarget(b)});
  REQUIRE(Await([&] { return run.scraper.stats().targets.value() == 1; }));
  REQUIRE(more_pages(*b));
  const int requests = one.requests();
  REQUIRE(more_pages(*b));
  CHECK(one.requests() == requests);
}

TEST_CASE("the error of a removed target is forgotten") {
  FakeMetricsServer server;
  server.SetReply({.status = 503});
  const auto endpoint = MakeEndpoint(server.port());
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return !run.scraper.LastError(endpoint->id()).empty(); }));
  run.scraper.SetTargets({});
  CHECK(Await([&] { return run.scraper.LastError(endpoint->id()).empty(); }));
}

TEST_CASE("a page knows of the picks before it was asked for, not of those since") {
  FakeMetricsServer server;
  server.SetReply({.hang = true});
  const auto endpoint = MakeEndpoint(server.port());
  const datastore::Reservation before(endpoint);
  Running run(MakeTarget(endpoint, Every(1s)));
  REQUIRE(Await([&] { return server.requests() == 1; }));
  const datastore::Reservation during(endpoint);
  CHECK(endpoint->UnseenPicks() == 2);
  server.SetReply(Page(1));
  CHECK(Await([&] { return endpoint->UnseenPicks() == 1; }));
  CHECK(Await([&] { return endpoint->UnseenPicks() == 0; }));
  CHECK(Pages(*endpoint) >= 2);
}

TEST_CASE("a failing endpoint is not hammered") {
  FakeMetricsServer server;
  server.SetReply({.status = 500});
  const auto endpoint = MakeEndpoint(server.port());
  const auto start = std::chrono::steady_clock::now();
  Running run(MakeTarget(endpoint, Every(1ms)));
  // After 1, 2, 4, 8, 16, 32, 64 ms, each 10 % less at most, and a slack of 0.2.
  REQUIRE(Await([&] { return run.Failed(Failure::kStatus) >= 8; }));
  CHECK(std::chrono::steady_clock::now() - start > 100ms);
}

TEST_CASE("stopping ends a fetch under way without a failure") {
  FakeMetricsServer server;
  server.SetReply({.hang = true});
  const auto endpoint = MakeEndpoint(server.port());
  Running run(MakeTarget(endpoint));
  REQUIRE(Await([&] { return server.requests() == 1; }));
  run.scraper.Stop();
  CHECK(endpoint->failures() == 0);
  CHECK(Errors(*endpoint) == 0);
  run.scraper.Stop();
}

TEST_CASE("a scraper that was never started, and targets set before the start") {
  {
    Scraper never{{}};
  }
  FakeMetricsServer server;
  server.SetReply(Page(1));
  const auto endpoint = MakeEndpoint(server.port());
  Scraper scraper{{}};
  scraper.SetTargets({MakeTarget(endpoint)});
  REQUIRE(scraper.Start().ok());
  CHECK(Await([&] { return Pages(*endpoint) >= 1; }));
}

TEST_CASE("many targets of one server, replaced all the while") {
  FakeMetricsServer server;
  Reply reply = Page(8);
  reply.body += "# " + std::string(19'000, 'x') + "\n";
  server.SetReply(reply);
  std::vector<Target> all;
  for (int i = 0; i < 40; ++i) all.push_back(MakeTarget(MakeEndpoint(server.port()), Every(10ms)));
  Running run;
  for (int round = 0; round < 30; ++round) {
    std::vector<Target> some(all.begin() + round % 7, all.end() - round % 5);
    const uint64_t before = run.scraper.stats().pages.value();
    run.scraper.SetTargets(std::move(some));
    REQUIRE(Await([&] { return run.scraper.stats().pages.value() >= before + 20; }));
  }
  uint64_t failures = 0;
  for (const auto& counter : run.scraper.stats().failures) failures += counter.value();
  CHECK(failures == 0);
}

}  // namespace
}  // namespace inference::scrape
