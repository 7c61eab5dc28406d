// One ext_proc stream from bytes: a list of events, each a message of the gateway or something that
// happens to the stream. Whatever comes: reservations end exactly once, nothing is said after the
// close, no body is answered before its headers, no body ends twice, and no memory stays held.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "extproc/session.h"
#include "scheduling/scheduler.h"
#include "support/ext_proc_messages.h"

namespace {

using namespace inference;  // NOLINT

void Require(bool condition) {
  if (!condition) std::abort();
}

class ManualClock final : public base::Clock {
 public:
  base::Time Now() const override { return now; }
  base::WallTime WallNow() const override { return {}; }
  base::Time now = base::FromNanos(1'000'000'000);
};

class NoSink final : public extproc::ObservedSink {
 public:
  void PostObserved(uint32_t, uint64_t, const extproc::Observed&) override { std::abort(); }
};

picker::PoolRuntime MakePool() {
  static const auto scheduler = [] {
    scheduling::PluginRegistry registry;
    scheduling::RegisterBuiltins(registry);
    api::Diagnostics diagnostics;
    return scheduling::Compile(scheduling::DefaultConfig(), registry, diagnostics);
  }();
  api::InferencePool spec;
  spec.meta.name = "a";
  std::vector<std::shared_ptr<datastore::Endpoint>> endpoints;
  for (const char* address : {"10.0.0.1", "10.0.0.2"}) {
    datastore::EndpointInfo info;
    info.name = info.address = address;
    info.port = 80;
    info.host_port = datastore::JoinHostPort(address, 80);
    endpoints.push_back(std::make_shared<datastore::Endpoint>(std::move(info)));
  }
  picker::PoolRuntime pool;
  pool.pool = std::make_shared<const datastore::Pool>(std::move(spec), std::move(endpoints));
  pool.scheduler = scheduler;
  return pool;
}

struct World {
  World() : pool(MakePool()) {
    context.runtime = std::make_shared<const picker::Runtime>(
        1, std::vector{pool}, std::unordered_map<std::string, std::string>{});
    context.now = clock.now;
  }
  int64_t in_flight() const {
    int64_t n = 0;
    for (const auto& endpoint : pool.pool->endpoints()) {
      Require(endpoint->in_flight() >= 0);
      n += endpoint->in_flight();
    }
    return n;
  }
  ManualClock clock;
  NoSink sink;
  extproc::BodyBudget budget{1 << 20};
  extproc::InFlightTable table;
  telemetry::EventLog events;
  extproc::OutlierDetector outliers{events};
  telemetry::Shard shard;
  extproc::DecisionRing ring{4};
  picker::PoolRuntime pool;
  extproc::SessionContext context{
      {.max_body_bytes = 4096, .parse_here_bytes = 32, .endpoint_header = true},
      clock,
      budget,
      table,
      outliers,
      sink,
      shard,
      ring,
      1,
      0};
  extproc::wire::MessagePool messages;
};

// The order that a gateway relies on.
class Checker {
 public:
  void Take(extproc::Outbox& out, int full_duplex_mask) {
    out.Take(out.size(), [&](std::string_view run, const extproc::Body*) { bytes_ += run; });
    for (const test::ResponseMessage& m : test::DecodeResponses(bytes_)) {
      Require(!immediate_);
      const int side = m.kind == 7 ? -1 : (m.kind + 1) % 2;
      if (m.kind == 7) immediate_ = true;
      if (m.kind == 1 || m.kind == 2) {
        Require(!headers_[side]);
        headers_[side] = true;
      }
      if (m.kind == 3 || m.kind == 4) {
        Require(headers_[side]);
        Require(!ended_[side]);
        Require(m.streamed == ((full_duplex_mask >> side & 1) != 0));
        ended_[side] = m.streamed && m.end_of_stream;
      }
      if (!m.metadata_destination.empty() && m.kind != 5) {
        Require(m.Set("x-gateway-destination-endpoint") == m.metadata_destination);
      }
    }
  }

 private:
  std::string bytes_;
  bool headers_[2] = {}, ended_[2] = {};
  bool immediate_ = false;
};

std::string BodyOf(std::string_view& in, size_t size) {
  static const std::string kGood = R"({"model":"m","prompt":"hello"})";
  if (size == 255) return kGood;
  const std::string body(in.substr(0, size));
  in.remove_prefix(body.size());
  return body;
}

test::RequestMessage MakeMessage(uint8_t what, uint8_t how, std::string_view& in, int modes[2]) {
  test::RequestMessage m;
  m.kind = 2 + what % 6;
  m.end_of_stream = (how & 1) != 0;
  m.observability = (how & 2) != 0;
  if ((how & 4) != 0) m.modes = {{modes[0], modes[1]}};
  if ((how & 8) != 0) m.attributes = {{"request.id", "r"}, {"upstream.address", "10.0.0.2:80"}};
  if ((how & 16) != 0) m.served = "10.0.0.1:80";
  if ((how & 32) != 0) m.subset = {{"10.0.0.1"}};
  if (m.kind == 4 || m.kind == 5) {
    uint8_t size = 255;
    if (!in.empty()) {
      size = static_cast<uint8_t>(in.front());
      in.remove_prefix(1);
    }
    m.body = BodyOf(in, size);
  } else {
    m.headers = {{":path", "/v1/completions"}, {":method", "POST"}, {":status", "200"}};
    if ((how & 64) != 0) m.headers.emplace_back("x-request-id", "r");
    if ((how & 128) != 0) m.headers.emplace_back("x-inference-endpoint", "1");
  }
  return m;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view in(reinterpret_cast<const char*>(data), size);
  World world;
  int modes[2] = {data[0] % 6, data[1] % 6};
  in.remove_prefix(2);
  {
    extproc::Outbox out;
    extproc::Session session(world.context, out, {});
    extproc::wire::Decoder decoder(1 << 14);
    Checker checker;
    std::unique_ptr<extproc::ParseJob> job;
    bool told = false;
    bool full_duplex = false;
    while (in.size() >= 2 && !session.done()) {
      const uint8_t what = static_cast<uint8_t>(in[0]);
      const uint8_t how = static_cast<uint8_t>(in[1]);
      in.remove_prefix(2);
      const bool was_closed = out.closing();
      world.clock.now += std::chrono::milliseconds(how);
      world.context.now = world.clock.now;
      if (what >= 250) {
        if (how % 3 == 0) session.OnHalfClose();
        if (how % 3 == 1) session.OnReset();
        if (how % 3 == 2) session.OnTimer();
      } else if (what >= 240) {
        if (job) session.OnParsed(*job);
        job.reset();
      } else {
        const test::RequestMessage m = MakeMessage(what, how, in, modes);
        if (!told) {
          told = true;
          full_duplex = !m.modes.has_value();
        }
        const std::string bytes = test::Frame(test::Encode(m));
        const size_t cut = bytes.size() * (what / 6 % 8) / 8;
        Require(!decoder.Feed(std::string_view(bytes).substr(0, cut), world.messages, session));
        Require(!decoder.Feed(std::string_view(bytes).substr(cut), world.messages, session));
      }
      if (was_closed) Require(out.size() == 0);
      if (auto asked = out.TakeParse()) {
        Require(!job);
        job = std::move(asked);
        job->memory = std::make_unique<extproc::ParseMemory>();
        job->Run(world.clock);
      }
      const int mask = full_duplex ? 3 : (modes[0] == 4 ? 1 : 0) | (modes[1] == 4 ? 2 : 0);
      checker.Take(out, mask);
      Require(world.in_flight() <= 1);
    }
  }
  Require(world.budget.used() == 0);
  Require(world.in_flight() == static_cast<int64_t>(world.table.size()));
  world.table.Expire(world.clock.now + std::chrono::hours(1), 0, 1);
  Require(world.in_flight() == 0);
  return 0;
}
