#include "inferencectl/traffic/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/text.h"
#include "inferencectl/format.h"

namespace inference::ctl::traffic {
namespace {

struct Word {
  std::string_view word, kind;
};
constexpr std::array kWords{
    Word{"rewrite", "InferenceModelRewrite"},
    Word{"rw", "InferenceModelRewrite"},
    Word{"inferencemodelrewrite", "InferenceModelRewrite"},
    Word{"model", "InferenceModel"},
    Word{"inferencemodel", "InferenceModel"},
    Word{"route", "HTTPRoute"},
    Word{"httproute", "HTTPRoute"},
};

Status BadTarget(std::string_view text) {
  return {Code::kInvalidArgument,
          "\"" + base::Printable(text) +
              "\" is no target: rewrite/NAME, model/NAME or route/NAME, with :RULE behind it for "
              "another rule than the first"};
}

}  // namespace

std::string Target::Title() const {
  return SafeForTerminal(fmt::format("{} {}/{} rule {}", kind, ns, name, rule));
}

Result<Target> ParseTarget(std::string_view text, std::string_view ns) {
  const std::string_view whole = text;
  Target target;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return BadTarget(whole);
  const std::string word = base::ToLower(text.substr(0, slash));
  for (const Word& known : kWords) {
    if (known.word == word) target.kind = known.kind;
  }
  if (target.kind.empty()) return BadTarget(whole);
  text.remove_prefix(slash + 1);
  if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    const std::string_view number = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), target.rule);
    if (error != std::errc() || end != number.data() + number.size()) return BadTarget(whole);
    text = text.substr(0, colon);
  }
  const size_t second = text.find('/');
  target.ns = second == std::string_view::npos ? ns : text.substr(0, second);
  target.name = second == std::string_view::npos ? text : text.substr(second + 1);
  if (target.name.empty() || target.ns.empty()) return BadTarget(whole);
  return target;
}

bool Is(const admin::v1::Split& split, const Target& target) {
  return split.kind() == target.kind && split.namespace_() == target.ns &&
         split.name() == target.name && split.rule() == target.rule;
}

std::string NameOf(const admin::v1::Split& split) {
  std::string_view word = "rewrite";
  if (split.kind() == "InferenceModel") word = "model";
  if (split.kind() == "HTTPRoute") word = "route";
  return fmt::format("{}/{}/{}:{}", word, split.namespace_(), split.name(), split.rule());
}

Result<Shares> ParseShares(const std::vector<std::string>& words, std::string_view what) {
  Shares out;
  for (const std::string& word : words) {
    const size_t equals = word.rfind('=');
    const auto wrong = [&] {
      return Status(Code::kInvalidArgument, std::string(what) + " wants NAME=WEIGHT, not \"" +
                                                base::Printable(word) + "\"");
    };
    if (equals == std::string::npos || equals == 0) return wrong();
    std::string_view number = std::string_view(word).substr(equals + 1);
    if (number.ends_with('%')) number.remove_suffix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size() || !(value >= 0) ||
        value > 1'000'000) {
      return wrong();
    }
    const std::string name = word.substr(0, equals);
    for (const auto& [other, unused] : out) {
      if (other == name) {
        return Status(Code::kInvalidArgument, "\"" + base::Printable(name) + "\" is named twice");
      }
    }
    out.emplace_back(name, value);
  }
  return out;
}

std::vector<int64_t> LargestRemainder(const std::vector<double>& shares, int64_t total) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<int64_t> out;
  std::vector<std::pair<double, size_t>> remainders;
  int64_t given = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const double exact = shares[i] / sum * static_cast<double>(total);
    out.push_back(static_cast<int64_t>(std::floor(exact + 1e-9)));
    given += out.back();
    remainders.emplace_back(exact - static_cast<double>(out.back()), i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t i = 0; given < total; ++i, ++given) ++out[remainders[i % remainders.size()].second];
  return out;
}

Judged Judge(double share, uint64_t hits, uint64_t requests, double tolerance) {
  const auto n = static_cast<double>(requests);
  Judged judged;
  judged.observed = requests == 0 ? 0 : static_cast<double>(hits) / n;
  const double sigma = requests == 0 ? 0 : std::sqrt(share * (1 - share) / n);
  judged.allowed = std::max(tolerance, 3 * sigma);
  // Nothing may go where nothing should, however few that are.
  judged.fits = share == 0 ? hits == 0 : std::abs(judged.observed - share) <= judged.allowed;
  return judged;
}

Json SplitJson(const admin::v1::Split& split) {
  Json out{{"target", NameOf(split)},
           {"kind", split.kind()},
           {"namespace", split.namespace_()},
           {"name", split.name()},
           {"rule", split.rule()}};
  out["pool"] = split.pool().empty() ? Json(nullptr) : Json(split.pool());
  out["models"] = split.models();
  out["since"] = UtcTime(split.since(), true);
  out["targets"] = Json::array();
  for (const admin::v1::SplitTarget& target : split.targets()) {
    out["targets"].push_back(
        {{"name", target.name()},
         {"weight", target.has_weight() ? Json(target.weight()) : Json(nullptr)},
         {"share", target.fraction()},
         {"requests", target.requests()},
         {"requestsTotal", target.requests_total()}});
  }
  return out;
}

}  // namespace inference::ctl::traffic
