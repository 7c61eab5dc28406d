#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"
#include "inferencectl/envelope.h"
#include "manifest/edit/weights.h"

// Rules that choose by weight, as people name them, and their weights.
namespace inference::ctl::traffic {

/// "rewrite/chat", "model/llm/chat", "route/chat:1".
struct Target {
  std::string kind;  // InferenceModelRewrite, InferenceModel, HTTPRoute
  std::string ns, name;
  uint32_t rule = 0;

  std::string Title() const;  // "InferenceModelRewrite llm/chat rule 0"
};
/// `ns`: of a name that has none.
Result<Target> ParseTarget(std::string_view text, std::string_view ns);

bool Is(const admin::v1::Split& split, const Target& target);
/// "rewrite/llm/chat:0", as ParseTarget takes it.
std::string NameOf(const admin::v1::Split& split);

/// "v1=90": of a percentage the number may have a fraction.
using Shares = std::vector<std::pair<std::string, double>>;
Result<Shares> ParseShares(const std::vector<std::string>& words, std::string_view what);

/// Integers of sum `total` in the proportions of `shares`, by largest remainder; of equal
/// remainders the first wins. REQUIRES: the shares are not negative and not all 0.
std::vector<int64_t> LargestRemainder(const std::vector<double>& shares, int64_t total);

/// What one weighted choice did, against what it should.
struct Judged {
  double observed = 0;  // 0..1
  double allowed = 0;   // how far that may be from the target's share
  bool fits = true;
};
/// The allowance is `tolerance` or three standard deviations of a share of `requests` independent
/// draws, whichever is more.
Judged Judge(double share, uint64_t hits, uint64_t requests, double tolerance);

Json SplitJson(const admin::v1::Split& split);

}  // namespace inference::ctl::traffic
