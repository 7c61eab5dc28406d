#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include "base/text.h"
#include "inferencectl/changes/object_view.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/endpoint_view.h"
#include "inferencectl/format.h"
#include "inferencectl/interrupt.h"
#include "inferencectl/invocation.h"
#include "inferencectl/list_view.h"
#include "inferencectl/namespaces.h"
#include "inferencectl/pool_view.h"

namespace inference::ctl {
namespace {

using admin::v1::ListEndpointsRequest;
using admin::v1::ListEndpointsResponse;
using admin::v1::ListPoolsResponse;

enum class Resource { kPools, kEndpoints, kManifests };

Result<Resource> ResourceOf(const std::string& word) {
  if (word == "pools" || word == "pool") return Resource::kPools;
  if (word == "endpoints" || word == "endpoint" || word == "ep") return Resource::kEndpoints;
  if (word == "manifests" || word == "manifest") return Resource::kManifests;
  constexpr std::array<std::string_view, 3> kKnown{"pools", "endpoints", "manifests"};
  const std::string_view meant = base::ClosestMatch(word, kKnown);
  return Status(Code::kInvalidArgument,
                "unknown resource \"" + base::Printable(word) + "\"" +
                    (meant.empty() ? "; there are pools, endpoints and manifests"
                                   : "; did you mean \"" + std::string(meant) + "\"?"));
}

template <typename Names>
Status UnknownNames(std::string_view what, const Names& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "\"" : ", \"") + SafeForTerminal(name) + "\"";
  }
  return Status(Code::kNotFound, "no " + std::string(what) + " " + list);
}

/// Prints what was found; names that weren't make the answer no.
template <typename Names>
Answer WithUnknown(const Invocation& run, std::string_view what, const Names& unknown,
                   bool printed) {
  if (unknown.empty()) return ExitCode::kOk;
  const Status status = UnknownNames(what, unknown);
  if (!printed) return status;
  // One document only: what was found has been printed, so the names go to standard error.
  run.world.err << "inferencectl: " << status.message() << "\n";
  return ExitCode::kNo;
}

Answer GetPools(const Invocation& run, const std::vector<std::string>& names) {
  if (run.args.Switch("watch")) {
    return {ExitCode::kUsage, Status(Code::kInvalidArgument, "--watch is for endpoints")};
  }
  if (run.args.Given("sort-by") && run.args.Text("sort-by") != "name") {
    return {ExitCode::kUsage, Status(Code::kInvalidArgument, "pools can be sorted by name only")};
  }
  auto client = run.Connect();
  if (!client) return client.status();
  std::vector<std::string> wanted;
  for (const std::string& name : names) wanted.push_back(InNamespace(run, name));
  if (run.args.Given("pool")) wanted.push_back(InNamespace(run, run.args.Text("pool")));
  auto answer = (*client)->ListPools(wanted);
  if (!answer) return answer.status();
  ListPoolsResponse& list = *answer;
  KeepNamespace(run, list);
  if (run.args.Given("sort-by")) {
    std::stable_sort(list.mutable_pools()->pointer_begin(), list.mutable_pools()->pointer_end(),
                     [](const auto* a, const auto* b) { return a->key() < b->key(); });
  }
  const bool print = !list.pools().empty() || list.unknown_names().empty();
  if (print) PrintPools(run, list);
  return WithUnknown(run, "pool", list.unknown_names(), print);
}

int TerminalRows() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

/// Text over what the terminal shows, without a flicker: each line to its end, no wrapping, at most
/// `rows` lines (0: any number), the rest cleared.
std::string Redraw(std::string_view text, int rows) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  size_t shown = lines.size();
  const auto room = static_cast<size_t>(std::max(rows - 1, 0));  // the cursor needs a line too
  if (room > 1 && shown > room) shown = room - 1;
  std::string out = "\x1b[H\x1b[?7l";
  for (size_t i = 0; i < shown; ++i) out += std::string(lines[i]) + "\x1b[K\n";
  if (shown < lines.size()) {
    out += "… " + std::to_string(lines.size() - shown) + " more lines\x1b[K\n";
  }
  return out + "\x1b[J\x1b[?7h";
}

Answer WatchEndpoints(const Invocation& run, admin::AdminClient& client,
                      const ListEndpointsRequest& request, const std::string& sort_by) {
  const std::vector<std::string> names(request.names().begin(), request.names().end());
  admin::v1::WatchEndpointsRequest watch;
  *watch.mutable_list() = request;
  watch.set_interval_ms(static_cast<int>(run.args.Duration("interval").count()));
  const char* terminal = run.world.environment("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  const bool people = run.format() == "table" || run.format() == "wide";
  const bool redraw = run.world.out_is_terminal && people && !dumb;
  Interrupt interrupt([&client] { client.Cancel(); });
  bool first = true;
  const Status status = client.WatchEndpoints(watch, [&](const ListEndpointsResponse& response) {
    ListEndpointsResponse list = response;
    KeepNamespace(run, names, list);
    SortEndpoints(sort_by, list);
    if (redraw) {
      std::ostringstream screen;
      World drawn{screen,          run.world.err, run.world.in, run.world.environment,
                  run.world.clock, true};
      PrintEndpoints({drawn, run.args, run.color}, list, /*headers=*/true);
      run.Print((first ? "\x1b[2J" : "") + Redraw(screen.str(), TerminalRows()));
    } else {
      PrintEndpoints(run, list, /*headers=*/first);
    }
    first = false;
    return run.world.out.flush().good();
  });
  if (const int signal = interrupt.signal()) return static_cast<ExitCode>(128 + signal);
  return status;
}

Answer GetEndpoints(const Invocation& run, const std::vector<std::string>& names) {
  const bool watch = run.args.Switch("watch");
  const bool one_document = run.WantsDocument() || run.format().starts_with("jsonpath=") ||
                            run.format().starts_with("custom-columns=");
  if (watch && one_document) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument,
                   "-o " + run.format() + " is one document; with --watch use -o jsonl")};
  }
  const auto interval = run.args.Duration("interval").count();
  if (interval < 100 || interval > 60'000) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument, "--interval must be between 100ms and 60s")};
  }
  auto client = run.Connect();
  if (!client) return client.status();
  ListEndpointsRequest request;
  request.set_pool(InNamespace(run, run.args.Text("pool")));
  for (const std::string& name : names) request.add_names(name);
  const std::string& sort_by = run.args.Text("sort-by");
  if (watch) return WatchEndpoints(run, **client, request, sort_by);
  auto answer = (*client)->ListEndpoints(request);
  if (!answer) return answer.status();
  KeepNamespace(run, names, *answer);
  SortEndpoints(sort_by, *answer);
  const bool print = !answer->endpoints().empty() || answer->unknown_names().empty();
  if (print) PrintEndpoints(run, *answer, /*headers=*/true);
  return WithUnknown(run, "endpoint", answer->unknown_names(), print);
}

Answer GetManifests(const Invocation& run, const std::vector<std::string>& names) {
  for (const char* option : {"watch", "sort-by", "pool"}) {
    if (run.args.Given(option)) {
      return {ExitCode::kUsage,
              Status(Code::kInvalidArgument, std::string("--") + option + " is not for manifests")};
    }
  }
  auto client = run.Connect();
  if (!client) return client.status();
  auto list = (*client)->ListObjects();
  if (!list) return list.status();
  KeepNamespace(run, *list);
  const std::vector<std::string> unknown = KeepNamed(names, *list);
  const bool print = !list->objects().empty() || unknown.empty();
  if (print) PrintObjects(run, *list);
  return WithUnknown(run, "manifest", unknown, print);
}

}  // namespace

Answer RunGet(Invocation& run) {
  const auto& operands = run.args.operands();
  auto resource = ResourceOf(operands.front());
  if (!resource) return {ExitCode::kUsage, resource.status()};
  const Table columns = *resource == Resource::kPools       ? PoolColumns()
                        : *resource == Resource::kManifests ? ObjectColumns()
                                                            : EndpointColumns();
  if (PrintColumnNames(run, columns)) return ExitCode::kOk;
  if (Status status = CheckListOptions(run, columns); !status.ok()) {
    return {ExitCode::kUsage, status};
  }
  const std::vector<std::string> names(operands.begin() + 1, operands.end());
  if (*resource == Resource::kManifests) return GetManifests(run, names);
  if (run.format() == "text") {
    return {ExitCode::kUsage, Status(Code::kInvalidArgument, "-o text is for manifests")};
  }
  return *resource == Resource::kPools ? GetPools(run, names) : GetEndpoints(run, names);
}

}  // namespace inference::ctl
