#include "inferencectl/traffic/removed_view.h"

#include <utility>

#include "inferencectl/format.h"
#include "inferencectl/traffic/split.h"
#include "inferencectl/traffic/weight_plan.h"

namespace inference::ctl::traffic {
namespace {

using admin::v1::ListObjectsResponse;
using admin::v1::Object;

void Warn(const Invocation& run, std::string_view text) {
  run.world.err << "inferencectl: " << SafeForTerminal(text) << "\n";
}

std::string TitleOf(const Target& target) {
  return target.kind + " " + target.ns + "/" + target.name;
}

}  // namespace

RemovedView::RemovedView(const Invocation& run, const ListObjectsResponse& objects) {
  for (const Object& object : objects.objects()) {
    if (object.text().find(kRemovedTargets) == std::string::npos) continue;
    const Target target{object.key().kind(), object.key().namespace_(), object.key().name(), 0};
    const auto source = Parse("applied " + target.kind, object.text(), target);
    if (!source) continue;
    const manifest::Node& document = source->documents[source->document];
    if (manifest::edit::TakesZero(document)) continue;
    auto removed = ReadRemoved(document);
    if (removed) {
      by_object_[TitleOf(target)] = *std::move(removed);
    } else {
      Warn(run, TitleOf(target) + ": " + std::string(removed.status().message()));
    }
  }
}

std::vector<std::string> RemovedView::Of(const admin::v1::Split& split) const {
  const Target target{split.kind(), split.namespace_(), split.name(), split.rule()};
  const auto found = by_object_.find(TitleOf(target));
  if (found == by_object_.end()) return {};
  std::vector<std::string> present;
  for (const auto& one : split.targets()) present.push_back(one.name());
  return RemovedFrom(found->second, target.rule, present);
}

RemovedView AskRemoved(const Invocation& run, std::vector<Replica>& replicas) {
  Status failure = Status::Ok();
  for (Replica& replica : replicas) {
    const auto list = replica.Ask<ListObjectsResponse>(
        [](admin::AdminClient& client) { return client.ListObjects(); });
    if (list.ok()) return RemovedView(run, *list);
    failure = list.status();
  }
  Warn(run, "targets that left are not known: " + std::string(failure.message()));
  return RemovedView(run, {});
}

}  // namespace inference::ctl::traffic
