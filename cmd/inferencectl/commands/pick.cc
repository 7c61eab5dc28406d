#include <fmt/format.h>

#include <arpa/inet.h>

#include <charconv>
#include <fstream>
#include <istream>
#include <iterator>

#include "inferencectl/candidate_view.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "inferencectl/namespaces.h"

namespace inference::ctl {
namespace {

using admin::v1::PickRequest;
using admin::v1::PickResponse;

constexpr size_t kMaxInputBytes = size_t{256} << 20;

Status Usage(std::string message) {
  return Status(Code::kInvalidArgument, std::move(message));
}

Result<std::string> ReadInput(const Invocation& run, const std::string& path) {
  std::ifstream file;
  std::istream* in = &run.world.in;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return Status(Code::kInvalidArgument, "cannot open " + path);
    in = &file;
  }
  std::string text;
  char piece[65536];
  while (in->read(piece, sizeof piece), in->gcount() > 0) {
    text.append(piece, static_cast<size_t>(in->gcount()));
    if (text.size() > kMaxInputBytes) {
      return Status(Code::kInvalidArgument, path + " is larger than 256 MiB");
    }
  }
  if (in->bad()) return Status(Code::kInvalidArgument, "cannot read " + path);
  return text;
}

/// What the command line says about the prompt must not contradict itself.
Status CheckPromptOptions(const Arguments& args) {
  int given = 0;
  for (const char* option : {"prompt", "prompt-file", "tokens", "body-file"}) {
    given += args.Given(option) ? 1 : 0;
  }
  if (given > 1) return Usage("give one of --prompt, --prompt-file, --tokens, --body-file");
  if (args.Given("body-file") && args.Given("model")) {
    return Usage("--body-file says the model itself; leave --model out");
  }
  if (args.Given("namespace") && !args.Given("pool")) return Usage("--namespace needs --pool");
  if (args.Given("path") && !args.Given("body-file")) return Usage("--path needs --body-file");
  if (!args.Given("body-file") && !args.Given("model")) {
    return Usage("pick needs --model, or a whole request in --body-file");
  }
  return Status::Ok();
}

/// With a port or without; IPv6 with a port in brackets.
bool IsIpAddress(std::string_view text) {
  std::string host(text);
  const size_t colon = host.rfind(':');
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string::npos) return false;
    host = host.substr(1, end - 1);
  } else if (colon != std::string::npos && host.find(':') == colon) {
    host.resize(colon);
  }
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

Status AddOptions(const Invocation& run, PickRequest& out) {
  const Arguments& args = run.args;
  out.set_pool(InNamespace(run, args.Text("pool")));
  out.set_route(args.Text("route"));
  out.set_model(args.Text("model"));
  out.set_prompt(args.Text("prompt"));
  for (const std::string& entry : args.List("subset")) {
    if (!IsIpAddress(entry)) {
      return Usage("--subset \"" + SafeForTerminal(entry) + "\" is not IP or IP:PORT");
    }
    out.add_subset(entry);
  }
  for (const std::string& header : args.List("header")) {
    const size_t equals = header.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Usage("--header \"" + SafeForTerminal(header) + "\" is not NAME=VALUE");
    }
    auto* h = out.add_headers();
    h->set_name(header.substr(0, equals));
    h->set_value(header.substr(equals + 1));
  }
  if (args.Given("tokens")) {
    const std::string& text = args.Text("tokens");
    int64_t tokens = 0;
    const char* end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, tokens);
    if (fault != std::errc() || stop != end || tokens < 1) {
      return Usage("--tokens \"" + SafeForTerminal(text) + "\" is not a whole number above 0");
    }
    out.set_prompt_tokens(tokens);
  }
  return Status::Ok();
}

Json PickJson(const PickResponse& pick) {
  Json out{{"dryRun", true},
           {"generation", pick.generation()},
           {"pool", pick.pool()},
           {"model", pick.model()},
           {"targetModel", pick.target_model()}};
  out["picked"] = nullptr;
  for (const auto& c : pick.candidates()) {
    if (c.has_rank() && c.rank() == 0) {
      out["picked"] = {{"endpoint", c.endpoint()}, {"address", c.address()}};
    }
  }
  out["refusal"] = pick.has_refusal() ? RefusalJson(pick.refusal()) : Json(nullptr);
  out["profile"] = pick.profile();
  out["picker"] = pick.picker();
  out["columns"] = ColumnsJson(pick.columns());
  out["candidates"] = CandidatesJson(pick.columns(), pick.candidates());
  out["dropped"] = Json::array();
  for (const auto& d : pick.dropped()) {
    out["dropped"].push_back({{"filter", d.filter()},
                              {"endpoint", d.endpoint()},
                              {"address", d.address()},
                              {"reason", d.reason()}});
  }
  out["prefix"] = {{"blocks", pick.prefix_total()}, {"blockTokens", pick.prefix_block_tokens()}};
  out["notes"] = Json(std::vector<std::string>(pick.notes().begin(), pick.notes().end()));
  return out;
}

void PrintPick(const Invocation& run, const PickResponse& pick) {
  std::string first = pick.pool().empty() ? "(none)" : pick.pool();
  if (!pick.model().empty()) first += ", model " + SafeForTerminal(pick.model());
  const bool renamed = !pick.target_model().empty() && pick.target_model() != pick.model();
  if (renamed) first += " → " + SafeForTerminal(pick.target_model());
  run.Print("pool      " + first + fmt::format(", generation {}\n", pick.generation()));
  if (!pick.profile().empty()) {
    run.Print(fmt::format("profile   {}: {} candidate{}, {} after filters\n", pick.profile(),
                          pick.candidates_size() + pick.dropped_size(),
                          pick.candidates_size() + pick.dropped_size() == 1 ? "" : "s",
                          pick.candidates_size()));
  }
  for (const auto& d : pick.dropped()) {
    run.Print(fmt::format("dropped   {} by {}: {}\n", d.endpoint(), d.filter(),
                          SafeForTerminal(d.reason())));
  }
  for (const std::string& note : pick.notes()) {
    run.Print("note      " + SafeForTerminal(note) + "\n");
  }
  if (pick.has_refusal()) {
    run.Print(Paint(Style::kBad,
                    fmt::format("refused   {} ({}): {}", pick.refusal().http_status(),
                                pick.refusal().reason(), pick.refusal().message()),
                    run.color) +
              "\n");
  }
  if (!pick.candidates().empty()) {
    run.Print("\n" +
              ScoreTable(pick.columns(), pick.candidates(), pick.picker()).Render(true, run.color));
    run.Print("\nknown now (+: sent there since that page was read)\n" +
              SeenTable(pick.candidates(), pick.prefix_total()).Render(true, run.color));
  }
  run.Remark("dry run: nothing was reserved or learned");
}

/// Which pools there are to choose from.
void RemarkPools(const Invocation& run, admin::AdminClient& client) {
  const auto list = client.ListPools({});
  if (!list) return;  // the refusal itself has been told
  std::string names;
  for (const auto& pool : list->pools()) names += (names.empty() ? "" : ", ") + pool.key();
  run.Remark("there are several pools: give --pool NAME, one of " + SafeForTerminal(names));
}

}  // namespace

Answer RunPick(Invocation& run) {
  if (Status status = CheckPromptOptions(run.args); !status.ok()) {
    return {ExitCode::kUsage, status};
  }
  PickRequest request;
  if (Status status = AddOptions(run, request); !status.ok()) {
    return {ExitCode::kUsage, status};
  }
  if (run.args.Given("prompt-file")) {
    auto prompt = ReadInput(run, run.args.Text("prompt-file"));
    if (!prompt) return prompt.status();
    request.set_prompt(std::move(*prompt));
  }
  if (run.args.Given("body-file")) {
    auto body = ReadInput(run, run.args.Text("body-file"));
    if (!body) return body.status();
    if (body->empty()) {
      return Status(Code::kInvalidArgument, run.args.Text("body-file") + " is empty");
    }
    request.set_body(std::move(*body));
    request.set_path(run.args.Text("path"));
  }
  auto client = run.Connect();
  if (!client) return client.status();
  auto pick = (*client)->Pick(request);
  if (!pick && pick.status().code() == Code::kResourceExhausted) {  // larger than limits allow
    return {ExitCode::kBadInput, pick.status()};
  }
  if (!pick) return pick.status();
  if (run.WantsDocument()) {
    Json out = Envelope("Pick", run.world.clock.WallNow(), run.Server());
    out["item"] = PickJson(*pick);
    run.PrintDocument(out);
  } else {
    PrintPick(run, *pick);
  }
  if (pick->refusal().reason() == "AmbiguousPool") RemarkPools(run, **client);
  return pick->has_refusal() ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace inference::ctl
