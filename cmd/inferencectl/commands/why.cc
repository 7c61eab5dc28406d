#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "inferencectl/candidate_view.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {
namespace {

using admin::v1::Candidate;
using admin::v1::WhyResponse;

std::string_view OutcomeName(WhyResponse::Outcome outcome) {
  switch (outcome) {
    case WhyResponse::PENDING:
      return "pending";
    case WhyResponse::SERVED:
      return "served";
    case WhyResponse::UNOBSERVED:
      return "unobserved";
    case WhyResponse::REFUSED:
      return "refused";
    case WhyResponse::CLIENT_CLOSED:
      return "client-closed";
    case WhyResponse::PROTOCOL_ERROR:
      return "protocol-error";
    default:
      return "unknown";
  }
}

std::string_view OutcomeSentence(WhyResponse::Outcome outcome) {
  switch (outcome) {
    case WhyResponse::PENDING:
      return "still running";
    case WhyResponse::SERVED:
      return "served";
    case WhyResponse::UNOBSERVED:
      return "picked; the response was not ours to see";
    case WhyResponse::REFUSED:
      return "refused";
    case WhyResponse::CLIENT_CLOSED:
      return "the client went away before the end";
    case WhyResponse::PROTOCOL_ERROR:
      return "ended by a protocol error";
    default:
      return "unknown";
  }
}

const Candidate* Picked(const WhyResponse& why) {
  for (const Candidate& candidate : why.candidates()) {
    if (candidate.has_rank() && candidate.rank() == 0) return &candidate;
  }
  return nullptr;
}

/// Tokens that the pick believed to be cached where it went.
std::optional<int64_t> PredictedCachedTokens(const WhyResponse& why) {
  const Candidate* picked = Picked(why);
  if (picked == nullptr || why.prefix_total() == 0) return std::nullopt;
  return int64_t{picked->prefix_match()} * why.prefix_block_tokens();
}

Json WhyJson(const WhyResponse& why) {
  Json out{{"requestId", why.request_id()}};
  out["decidedAt"] = UtcTime(why.decided_at(), true);
  out["generation"] = why.generation();
  out["pool"] = why.pool();
  out["model"] = why.model();
  auto named = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  out["targetModel"] = named(why.target_model());
  out["modelRule"] = named(why.model_rule());
  out["routeRule"] = named(why.route_rule());
  out["priority"] = why.priority();
  out["sheddable"] = why.sheddable();
  out["refusal"] = why.has_refusal() ? RefusalJson(why.refusal()) : Json(nullptr);
  const Candidate* picked = Picked(why);
  out["picked"] = picked == nullptr
                      ? Json(nullptr)
                      : Json{{"endpoint", picked->endpoint()}, {"address", picked->address()}};
  out["profile"] = why.profile();
  out["picker"] = why.picker();
  out["pickUs"] = why.pick_us();
  out["bodyBytes"] = why.body_bytes();
  out["considered"] = why.considered();
  out["scored"] = why.scored();
  out["onlyUnreachable"] = why.only_unreachable();
  const auto predicted = PredictedCachedTokens(why);
  out["prefix"] = {{"blocks", why.prefix_total()},
                   {"blockTokens", why.prefix_block_tokens()},
                   {"predictedCachedTokens", predicted ? Json(*predicted) : Json(nullptr)}};
  out["columns"] = ColumnsJson(why.columns());
  out["candidates"] = CandidatesJson(why.columns(), why.candidates());
  out["dropped"] = Json::array();
  for (const auto& d : why.dropped()) {
    out["dropped"].push_back({{"filter", d.filter()},
                              {"endpoint", d.endpoint()},
                              {"address", named(d.address())},
                              {"reason", d.reason()}});
  }
  out["droppedTotal"] = why.dropped_total();
  out["outOfSubset"] = why.out_of_subset();
  auto optional = [](bool known, auto value) { return known ? Json(value) : Json(nullptr); };
  Json& o = out["outcome"] = {{"state", OutcomeName(why.outcome())}};
  o["httpStatus"] = optional(why.has_http_status(), why.http_status());
  o["servedEndpoint"] = optional(why.has_served_endpoint(), why.served_endpoint());
  o["ttftUs"] = optional(why.has_ttft_us(), why.ttft_us());
  o["durationUs"] = optional(why.has_duration_us(), why.duration_us());
  o["promptTokens"] = optional(why.has_prompt_tokens(), why.prompt_tokens());
  o["cachedTokens"] = optional(why.has_cached_tokens(), why.cached_tokens());
  o["completionTokens"] = optional(why.has_completion_tokens(), why.completion_tokens());
  return out;
}

std::string WhenText(const WhyResponse& why, base::WallTime now) {
  const int64_t now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const int64_t at = google::protobuf::util::TimeUtil::TimestampToMilliseconds(why.decided_at());
  return UtcTime(why.decided_at(), true) + ", " + HumanMillis(std::max<int64_t>(0, now_ms - at)) +
         " ago";
}

void PrintDropped(const Invocation& run, const WhyResponse& why) {
  for (const auto& d : why.dropped()) {
    run.Print(fmt::format("dropped   {} by {}: {}\n", d.endpoint(), d.filter(), d.reason()));
  }
  const uint32_t more = why.dropped_total() - static_cast<uint32_t>(why.dropped_size());
  if (more > 0) run.Print(fmt::format("          and {} more\n", more));
  if (why.out_of_subset() > 0) {
    run.Print(fmt::format("dropped   {} by subset: not among those that the gateway allowed\n",
                          why.out_of_subset()));
  }
}

void PrintDecision(const Invocation& run, const WhyResponse& why) {
  run.Print(fmt::format("request   {}   ({})\n", SafeForTerminal(why.request_id()),
                        WhenText(why, run.world.clock.WallNow())));
  run.Print(fmt::format("asked     model {}, body {}, pool {}\n",
                        why.model().empty() ? "(none)" : SafeForTerminal(why.model()),
                        HumanBytes(why.body_bytes()), why.pool().empty() ? "(none)" : why.pool()));
  if (!why.route_rule().empty()) run.Print(fmt::format("routed    by {}\n", why.route_rule()));
  if (!why.target_model().empty()) {
    run.Print(fmt::format(
        "renamed   to {}, by {}\n", SafeForTerminal(why.target_model()),
        why.model_rule().empty() ? "a header of the request" : SafeForTerminal(why.model_rule())));
  }
  if (why.priority() != 0 || why.sheddable()) {
    run.Print(fmt::format("priority  {}{}\n", why.priority(),
                          why.sheddable() ? ", shed when the pool is saturated" : ""));
  }
  if (why.has_refusal()) {
    run.Print(fmt::format("refused   {} ({}): {}\n", why.refusal().http_status(),
                          why.refusal().reason(), SafeForTerminal(why.refusal().message())));
  }
  if (why.considered() > 0) {
    run.Print(
        fmt::format("decided   in {} by profile {}, generation {}; {} candidate{}, {} scored\n",
                    HumanMicros(why.pick_us()), why.profile(), why.generation(), why.considered(),
                    why.considered() == 1 ? "" : "s", why.scored()));
  }
  PrintDropped(run, why);
  if (why.only_unreachable()) {
    run.Print("          nothing reachable was left, so an unreachable endpoint was taken\n");
  }
  if (const Candidate* picked = Picked(why)) {
    run.Print(fmt::format("picked    {} ({})\n", CandidateName(*picked), picked->address()));
  }
  if (why.candidates().empty()) return;
  run.Print("\n" +
            ScoreTable(why.columns(), why.candidates(), why.picker()).Render(true, run.color));
  if (static_cast<int>(why.scored()) > why.candidates_size()) {
    run.Print(fmt::format("and {} more with lower totals\n",
                          static_cast<int>(why.scored()) - why.candidates_size()));
  }
  run.Print("\nknown then (+: sent there since that page was read)\n" +
            SeenTable(why.candidates(), why.prefix_total()).Render(true, run.color));
}

/// What is not known is left out.
void PrintOutcome(const Invocation& run, const WhyResponse& why) {
  std::string line(OutcomeSentence(why.outcome()));
  if (why.has_served_endpoint()) line += " by " + SafeForTerminal(why.served_endpoint());
  if (why.has_http_status() && !why.has_refusal()) {
    line += fmt::format(", status {}", why.http_status());
  }
  if (why.has_ttft_us()) line += ", first token after " + HumanMicros(why.ttft_us());
  if (why.has_duration_us()) line += ", took " + HumanMicros(why.duration_us());
  run.Print("\noutcome   " + line + "\n");
  if (why.has_prompt_tokens() || why.has_completion_tokens()) {
    auto count = [](bool known, int64_t n) {
      return known ? std::to_string(n) : std::string(kUnknownText);
    };
    run.Print(fmt::format("tokens    prompt {}, completion {}\n",
                          count(why.has_prompt_tokens(), why.prompt_tokens()),
                          count(why.has_completion_tokens(), why.completion_tokens())));
  }
  const auto predicted = PredictedCachedTokens(why);
  if (!predicted && !why.has_cached_tokens()) return;
  run.Print("cached    " +
            (predicted ? fmt::format("predicted {} tokens ({} of {} blocks of {})", *predicted,
                                     Picked(why)->prefix_match(), why.prefix_total(),
                                     why.prefix_block_tokens())
                       : std::string("no prediction")) +
            (why.has_cached_tokens() ? fmt::format(", the server says {}", why.cached_tokens())
                                     : std::string(", the server didn't say")) +
            "\n");
}

}  // namespace

Answer RunWhy(Invocation& run) {
  auto client = run.Connect();
  if (!client) return client.status();
  auto why = (*client)->Why(run.args.operands().front());
  if (!why) return why.status();
  if (run.WantsDocument()) {
    Json out = Envelope("Decision", run.world.clock.WallNow(), run.Server());
    out["item"] = WhyJson(*why);
    run.PrintDocument(out);
    return ExitCode::kOk;
  }
  PrintDecision(run, *why);
  PrintOutcome(run, *why);
  return ExitCode::kOk;
}

}  // namespace inference::ctl
