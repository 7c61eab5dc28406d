// The data plane alone, with a fixed pool, for test clients in other languages. Prints one line per
// address, then obeys lines on standard input: serving, not-serving, drain, unseen, find ID,
// streams, held.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include "extproc/server.h"
#include "support/session_driver.h"

namespace {

using inference::test::MakePool;

struct Arguments {
  inference::extproc::Server::Options options;
  inference::api::ResponseTracking tracking = inference::api::ResponseTracking::kFull;
  bool ok = true;
};

Arguments Parse(int argc, char** argv) {
  Arguments out;
  out.options.seed = 1;
  out.options.workers = 2;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--listen" || name == "--listen-tls") {
      inference::api::ListenerConfig listener;
      listener.address = inference::api::Field<std::string>(value);
      if (name == "--listen-tls") listener.tls.mode = inference::api::TlsMode::kSelfSigned;
      out.options.listeners.push_back(listener);
    } else if (name == "--health") {
      out.options.health_address = value;
    } else if (name == "--workers") {
      out.options.workers = std::stoi(value);
    } else if (name == "--max-body") {
      out.options.max_body_bytes = std::stoull(value);
    } else if (name == "--pick-timeout-ms") {
      out.options.pick_timeout = std::chrono::milliseconds(std::stoi(value));
    } else if (name == "--tracking") {
      out.tracking = value == "none" ? inference::api::ResponseTracking::kNone
                                     : inference::api::ResponseTracking::kFull;
    } else {
      out.ok = false;
    }
  }
  return out;
}

void Obey(inference::extproc::Server& server, const std::string& line) {
  if (line == "serving") {
    server.SetServing(true);
    std::cout << "ok" << std::endl;
  } else if (line == "not-serving") {
    server.SetServing(false);
    std::cout << "ok" << std::endl;
  } else if (line == "drain") {
    std::cout << server.Drain(std::chrono::seconds(10)) << std::endl;
  } else if (line == "unseen") {
    std::cout << server.unseen_requests() << std::endl;
  } else if (line == "held") {
    std::cout << server.held_body_bytes() << std::endl;
  } else if (line == "streams") {
    std::cout << server.open_streams() << std::endl;
  } else if (line.starts_with("find ")) {
    const auto record = server.FindDecision(line.substr(5));
    std::cout << (record ? record->host_port[0].data() : "none") << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Arguments arguments = Parse(argc, argv);
  if (!arguments.ok) return 2;
  const auto now = inference::base::Clock::Real().Now();
  auto pool = MakePool(
      "a", {{"10.0.0.1", 3, .2, {}}, {"10.0.0.2", 0, .1, {}}, {"10.0.0.3", 10, .2, {}}}, now);
  pool.response_tracking = arguments.tracking;
  pool.read.stale_after = std::chrono::hours(1);
  const inference::extproc::RuntimeHolder runtime(
      std::make_shared<const inference::picker::Runtime>(
          1, std::vector{pool}, std::unordered_map<std::string, std::string>{}));
  inference::extproc::Server server(arguments.options, runtime, inference::base::Clock::Real());
  const inference::Status status = server.Start();
  if (!status.ok()) {
    std::cerr << status.ToString() << std::endl;
    return 1;
  }
  for (const std::string& address : server.addresses()) std::cout << address << std::endl;
  if (!server.health_address().empty()) std::cout << server.health_address() << std::endl;
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) Obey(server, line);
  server.Stop();
  return 0;
}
