#include "inferencectl/traffic/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "inferencectl/format.h"
#include "inferencectl/traffic/split.h"

namespace inference::ctl::traffic {
namespace {

using admin::v1::ListSplitsResponse;
using admin::v1::Split;

bool SameTargets(const Split& a, const Split& b) {
  if (a.targets_size() != b.targets_size()) return false;
  for (int i = 0; i < a.targets_size(); ++i) {
    const auto &x = a.targets(i), &y = b.targets(i);
    if (x.name() != y.name() || x.has_weight() != y.has_weight() || x.weight() != y.weight()) {
      return false;
    }
  }
  return true;
}

Split* Find(ListSplitsResponse& list, const Split& wanted) {
  for (Split& split : *list.mutable_splits()) {
    if (NameOf(split) == NameOf(wanted)) return &split;
  }
  return nullptr;
}

void Add(const Split& from, Split& to) {
  for (int i = 0; i < to.targets_size(); ++i) {
    auto* target = to.mutable_targets(i);
    target->set_requests(target->requests() + from.targets(i).requests());
    target->set_requests_total(target->requests_total() + from.targets(i).requests_total());
  }
  const auto nanos = [](const google::protobuf::Timestamp& t) {
    return std::pair(t.seconds(), t.nanos());
  };
  if (nanos(from.since()) > nanos(to.since())) *to.mutable_since() = from.since();
}

}  // namespace

Result<FleetSplits> AskSplits(std::vector<Replica>& replicas) {
  FleetSplits out;
  out.want = static_cast<int>(replicas.size());
  std::optional<Status> failure;
  const auto differs = [&](const Split& split, const std::string& text) {
    const std::string name = NameOf(split);
    out.differences.push_back(SafeForTerminal(name + ": " + text));
    if (std::find(out.differing.begin(), out.differing.end(), name) == out.differing.end()) {
      out.differing.push_back(name);
    }
  };
  for (Replica& replica : replicas) {
    const auto list = replica.Ask<ListSplitsResponse>(
        [](admin::AdminClient& client) { return client.ListSplits(); });
    if (!list.ok()) {
      failure = list.status();
      out.differences.push_back(SafeForTerminal(replica.address() + ": " + failure->message()));
      continue;
    }
    if (++out.have == 1) {
      out.together = *list;
      continue;
    }
    std::set<std::string> seen;
    for (const Split& split : list->splits()) {
      seen.insert(NameOf(split));
      Split* const known = Find(out.together, split);
      if (known == nullptr) {
        differs(split, "only " + replica.address() + " has it");
        *out.together.add_splits() = split;
      } else if (SameTargets(*known, split)) {
        Add(split, *known);
      } else {
        differs(split, replica.address() + " has other weights");
      }
    }
    for (const Split& split : out.together.splits()) {
      if (!seen.contains(NameOf(split))) differs(split, replica.address() + " doesn't have it");
    }
  }
  if (out.have == 0) return *failure;
  return out;
}

Json AckJson(int have, int want) {
  return {{"have", have}, {"want", want}};
}

}  // namespace inference::ctl::traffic
