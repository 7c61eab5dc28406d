#include "inferencectl/routing/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "api/codes.h"
#include "inferencectl/routing/fleet.h"

namespace inference::ctl::routing {
namespace {

using admin::v1::PickResponse;
using Picks = std::map<std::string, int64_t>;

constexpr int64_t kShownPicks = 5;

std::string Text(const Picks& picks) {
  std::vector<std::pair<int64_t, std::string>> sorted;
  for (const auto& [name, n] : picks) sorted.emplace_back(-n, name);
  std::sort(sorted.begin(), sorted.end());
  std::string out;
  int64_t shown = 0;
  for (const auto& [n, name] : sorted) {
    if (++shown > kShownPicks) return out + ", ...";
    out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", name, -n);
  }
  return out;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void JudgeRefusal(const std::string& refused, const PickResponse& last,
                  std::vector<std::string>& out) {
  if (refused.empty()) {
    if (last.has_refusal()) {
      out.push_back(fmt::format("refused with {} ({}): {}", last.refusal().reason(),
                                last.refusal().http_status(), last.refusal().message()));
    }
    return;
  }
  if (!last.has_refusal()) {
    out.push_back("expected to be refused with " + refused + ", but it was picked");
  } else if (last.refusal().reason() != refused &&
             std::to_string(last.refusal().http_status()) != refused) {
    out.push_back(fmt::format("expected to be refused with {}, but it was with {} ({})", refused,
                              last.refusal().reason(), last.refusal().http_status()));
  }
}

void JudgeRanking(const std::vector<std::string>& ranking, const PickResponse& last,
                  std::vector<std::string>& out) {
  const auto total = [&](const std::string& name) -> std::optional<double> {
    for (const auto& candidate : last.candidates()) {
      if (candidate.endpoint() == name) return candidate.total();
    }
    return std::nullopt;
  };
  for (size_t i = 0; i < ranking.size(); ++i) {
    const auto here = total(ranking[i]);
    if (!here) {
      out.push_back("expected " + ranking[i] + " in the ranking, but it is no candidate");
      return;
    }
    if (i == 0) continue;
    const double above = *total(ranking[i - 1]);
    if (above > *here) continue;
    out.push_back(above == *here
                      ? fmt::format("expected {} before {}, but both have a total of {:.4g}",
                                    ranking[i - 1], ranking[i], above)
                      : fmt::format("expected {} ({:.4g}) before {} ({:.4g})", ranking[i - 1],
                                    above, ranking[i], *here));
  }
  for (const auto& candidate : last.candidates()) {
    if (Contains(ranking, candidate.endpoint())) continue;
    if (candidate.total() > *total(ranking.front())) {
      out.push_back(fmt::format("expected {} first, but {} has a total of {:.4g}", ranking.front(),
                                candidate.endpoint(), candidate.total()));
      return;
    }
  }
}

void JudgeShares(const Expectation& expect, const Picks& picks, std::vector<std::string>& out) {
  int64_t all = 0;
  for (const auto& [name, n] : picks) all += n;
  if (all == 0) return;
  for (const auto& [name, share] : expect.distribution) {
    const auto found = picks.find(name);
    const double seen =
        found == picks.end() ? 0 : static_cast<double>(found->second) / static_cast<double>(all);
    const double tolerance =
        expect.tolerance.value_or(3 * std::sqrt(share * (1 - share) / static_cast<double>(all)));
    if (std::abs(seen - share) <= tolerance) continue;
    out.push_back(
        fmt::format("expected a share of {:.4g} ± {:.2g} at {}, but it was {:.4g} ({} of {})",
                    share, tolerance, name, seen, found == picks.end() ? 0 : found->second, all));
  }
}

void JudgeFindings(const std::vector<std::string>& expected, const std::vector<std::string>& found,
                   std::vector<std::string>& out) {
  std::vector<std::string> wanted;
  for (const std::string& name : expected) {
    const api::codes::CodeInfo* known = api::codes::Find(name);
    if (known == nullptr) {
      out.push_back("there is no finding " + name + "; inferencectl explain codes lists them");
    } else {
      wanted.emplace_back(known->code);
    }
  }
  for (const std::string& code : wanted) {
    if (!Contains(found, code)) out.push_back("expected finding " + code + ", but it wasn't found");
  }
  for (const std::string& code : found) {
    if (!Contains(wanted, code)) out.push_back("finding " + code + " was not expected");
  }
}

/// Sends the case's requests. An error is a failure of the case.
Status SendAll(const Case& test, const control::Inputs& inputs, Outcome& out) {
  Result<Fleet> fleet = Fleet::Make(inputs, test.servers, test.seed);
  if (!fleet.ok()) return fleet.status();
  for (const admin::v1::PickRequest& earlier : test.before) {
    if (const auto sent = fleet->Send(earlier); !sent.ok()) return sent.status();
    fleet->EndAll();
  }
  for (int64_t i = 0; i < test.times; ++i) {
    auto sent = fleet->Send(*test.request);
    if (!sent.ok()) return sent.status();
    out.last = *std::move(sent);
    if (!out.last.has_refusal()) {
      const auto first = std::find_if(out.last.candidates().begin(), out.last.candidates().end(),
                                      [](const auto& c) { return c.has_rank() && c.rank() == 0; });
      if (first != out.last.candidates().end()) ++out.picks[first->endpoint()];
    }
    if (!test.at_once) fleet->EndAll();
  }
  return Status::Ok();
}

}  // namespace

std::vector<std::string> Judge(const Expectation& expect, const Picks& picks,
                               const PickResponse& last) {
  std::vector<std::string> out;
  JudgeRefusal(expect.refused, last, out);
  if (!out.empty() || !expect.refused.empty()) return out;
  for (const auto& [name, n] : picks) {
    if (!expect.any_of.empty() && !Contains(expect.any_of, name)) {
      out.push_back("expected " + Joined(expect.any_of) + ", but it went to " + Text(picks));
      break;
    }
    if (Contains(expect.none_of, name)) {
      out.push_back("expected none of " + Joined(expect.none_of) + ", but it went to " +
                    Text(picks));
      break;
    }
  }
  if (!expect.ranking.empty()) JudgeRanking(expect.ranking, last, out);
  JudgeShares(expect, picks, out);
  return out;
}

std::vector<Outcome> RunScenario(const Scenario& scenario, const std::vector<std::string>& codes) {
  std::vector<Outcome> out;
  api::Diagnostics findings;
  const Result<control::Inputs> inputs = ReadInputs(scenario, findings);
  for (const Case& test : scenario.cases) {
    Outcome& outcome = out.emplace_back();
    outcome.scenario = &scenario;
    outcome.name = test.name;
    outcome.at = test.at;
    const auto begin = std::chrono::steady_clock::now();
    if (test.request) {
      const Status sent = inputs.ok() ? SendAll(test, *inputs, outcome) : inputs.status();
      if (!sent.ok()) {
        outcome.failures.push_back(sent.message());
        for (const api::Diagnostic& d : findings) outcome.failures.push_back(d.ToString());
      } else {
        outcome.failures = Judge(test.expect, outcome.picks, outcome.last);
      }
    }
    if (test.expect.findings) JudgeFindings(*test.expect.findings, codes, outcome.failures);
    outcome.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  return out;
}

}  // namespace inference::ctl::routing
