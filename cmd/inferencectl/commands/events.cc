#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"
#include "inferencectl/invocation.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

using admin::v1::Event;
using admin::v1::WatchEventsRequest;
using admin::v1::WatchEventsResponse;

std::string SubjectText(const Event& event) {
  if (event.name().empty()) return event.subject_kind();
  return fmt::format("{} {}/{} ({})", event.subject_kind(), event.namespace_(), event.name(),
                     event.address());
}

Json ToJson(const Event& event) {
  const auto text = [](const std::string& value) {
    return value.empty() ? Json(nullptr) : Json(value);
  };
  Json out{{"id", event.id()}, {"at", UtcTime(event.at(), true)}, {"event", event.kind()}};
  out["severity"] = event.warning() ? "warning" : "info";
  out["subject"] = {{"kind", event.subject_kind()}};
  out["subject"]["namespace"] = text(event.namespace_());
  out["subject"]["name"] = text(event.name());
  out["subject"]["address"] = text(event.address());
  out["message"] = event.message();
  out["who"] = text(event.who());
  out["reason"] = text(event.reason());
  return out;
}

/// What the command line asks for.
class Filter {
 public:
  explicit Filter(const Invocation& run)
      : names_(run.args.operands()), only_warnings_(run.args.Switch("warnings")) {
    if (!run.args.Given("since")) return;
    since_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(
                    run.world.clock.WallNow().time_since_epoch())
                    .count() -
                run.args.Duration("since").count();
  }
  bool Wants(const Event& event) const {
    const int64_t at_ms = event.at().seconds() * 1000 + event.at().nanos() / 1'000'000;
    if (at_ms < since_ms_ || (only_warnings_ && !event.warning())) return false;
    return names_.empty() || std::any_of(names_.begin(), names_.end(), [&](std::string_view name) {
             constexpr std::string_view kKind = "endpoint/";
             if (name.starts_with(kKind)) name.remove_prefix(kKind.size());
             return name == event.name() || name == event.address() ||
                    name == event.subject_kind() || name == event.namespace_() + "/" + event.name();
           });
  }

 private:
  const std::vector<std::string> names_;
  const bool only_warnings_;
  int64_t since_ms_ = 0;
};

void PrintLine(const Invocation& run, const Event& event) {
  if (run.format() == "jsonl") {
    Json out{{"apiVersion", kOutputVersion}, {"kind", "Event"}};
    out.update(ToJson(event));
    return run.Print(ToText(out, /*compact=*/true));
  }
  constexpr size_t kKindWidth = 11;
  const std::string kind = fmt::format("{:<{}}", SafeForTerminal(event.kind()), kKindWidth);
  std::string line = UtcTime(event.at()) + "  " +
                     Paint(event.warning() ? Style::kWarn : Style::kPlain, kind, run.color) + "  " +
                     SafeForTerminal(SubjectText(event));
  if (!event.message().empty()) line += ": " + SafeForTerminal(event.message());
  if (!event.who().empty()) line += ", by " + SafeForTerminal(event.who());
  if (!event.reason().empty()) line += " (" + SafeForTerminal(event.reason()) + ")";
  run.Print(line + "\n");
}

Answer ListEvents(const Invocation& run, const Filter& filter) {
  auto client = run.Connect();
  if (!client) return client.status();
  Json items = Json::array();
  const Status status =
      (*client)->WatchEvents(WatchEventsRequest(), [&](const WatchEventsResponse& response) {
        for (const Event& event : response.events()) {
          if (!filter.Wants(event)) continue;
          items.push_back(ToJson(event));
          if (!run.WantsDocument()) PrintLine(run, event);
        }
        return true;
      });
  if (!status.ok()) return status;
  if (run.WantsDocument()) {
    Json out = Envelope("EventList", run.world.clock.WallNow(), run.Server());
    out["items"] = std::move(items);
    run.PrintDocument(out);
  } else if (items.empty()) {
    run.Remark(
        "no such event in this run of the daemon; what was done by command before it is in "
        "history");
  }
  return ExitCode::kOk;
}

/// One daemon after another: it outlives restarts.
class Watch {
 public:
  Watch(const Invocation& run, const Filter& filter) : run_(run), filter_(filter) {}

  Answer Run() {
    const Interrupt interrupt([this] { Stop(); });
    bool connected = false;  // once, at least
    bool told = false;       // that the daemon is away
    while (true) {
      Status status = Follow(connected, told);
      if (interrupt.signal() != 0) return static_cast<ExitCode>(128 + interrupt.signal());
      if (status.ok() || !connected || status.code() != Code::kUnavailable) return status;
      if (!told) {
        run_.Remark(SafeForTerminal(status.message()) + "; waiting for a daemon");
        told = true;
      }
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kRetry, [this] { return stop_; });
    }
  }

 private:
  static constexpr std::chrono::milliseconds kRetry{300};

  void Stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (client_ != nullptr) client_->Cancel();
    changed_.notify_all();
  }

  Status Follow(bool& connected, bool& told) {
    auto client = run_.Connect();
    if (!client) return client.status();
    {
      const std::lock_guard lock(mutex_);
      client_ = client->get();
      if (stop_) client_->Cancel();
    }
    WatchEventsRequest request;
    request.set_follow(true);
    request.set_instance(instance_);
    request.set_after_id(after_);
    const Status status = (*client)->WatchEvents(request, [&](const WatchEventsResponse& response) {
      connected = true;
      told = false;
      if (!instance_.empty() && instance_ != response.instance()) {
        run_.Remark("another run of the daemon answers");
      }
      instance_ = response.instance();
      for (const Event& event : response.events()) {
        after_ = event.id();
        if (filter_.Wants(event)) PrintLine(run_, event);
      }
      return run_.world.out.flush().good();
    });
    const std::lock_guard lock(mutex_);
    client_ = nullptr;
    return status;
  }

  const Invocation& run_;
  const Filter& filter_;
  std::string instance_;
  uint64_t after_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  admin::AdminClient* client_ = nullptr;  // guarded by mutex_
  bool stop_ = false;                     // guarded by mutex_
};

}  // namespace

Answer RunEvents(Invocation& run) {
  const Filter filter(run);
  if (!run.args.Switch("watch")) return ListEvents(run, filter);
  if (run.WantsDocument()) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument,
                   "-o " + run.format() + " is one document; with --watch use -o jsonl")};
  }
  return Watch(run, filter).Run();
}

}  // namespace inference::ctl
