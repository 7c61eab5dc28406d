#include <fmt/format.h>

#include <array>

#include "api/codes.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// INF09xx: what upstream has withdrawn or renamed.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

void LegacyKinds(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object& object : workspace.objects()) {
    const schema::Kind& kind = *object.kind;
    if (kind.successor.empty() || !kind.has_metadata) continue;
    const Node* at = At(*object.node, "apiVersion");
    out.push_back({api::Severity::kWarning, std::string(codes::kLegacyKind),
                   at != nullptr ? at->at : object.node->at,
                   fmt::format("{} is in '{}', which release {} no longer has", object.Title(),
                               kind.api_version, kind.removed),
                   fmt::format("use {}", kind.successor)});
  }
}

void LegacyFields(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* rewrite : workspace.OfKind("InferenceModelRewrite")) {
    for (const Node& rule : ItemsAt(*rewrite->node, "spec.rules")) {
      for (const NodeMember& member : rule.members) {
        if (member.key != "split") continue;
        Report(out, codes::kLegacyField, member.key_at,
               fmt::format("{}: split is called targets since release 1.3", rewrite->Title()),
               "an API server of a newer release drops it silently; rename it to targets");
      }
    }
  }
}

}  // namespace

std::span<const Rule> MigrationRules() {
  static constexpr std::array<Rule, 2> kAll{&LegacyKinds, &LegacyFields};
  return kAll;
}

}  // namespace inference::manifest::lint
