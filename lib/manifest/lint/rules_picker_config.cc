#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "api/codes.h"
#include "api/plugin_catalogue.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// INF05xx that the plugins themselves don't say.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

bool IsDeprecated(std::string_view doc) {
  return doc.starts_with("deprecated");
}

void Deprecated(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object* config : workspace.OfKind("EndpointPickerConfig")) {
    for (const Node& plugin : ItemsAt(*config->node, "plugins")) {
      const Node* type = At(plugin, "type");
      const api::PluginInfo* info = type != nullptr ? api::FindPlugin(type->text) : nullptr;
      if (info == nullptr) continue;
      if (info->stability == "deprecated") {
        Warn(out, codes::kDeprecatedPlugin, type->at,
             fmt::format("the plugin type '{}' is going away", info->type), std::string(info->doc));
      }
      const Node* parameters = At(plugin, "parameters");
      if (parameters == nullptr) continue;
      for (const NodeMember& member : parameters->members) {
        const auto spec = std::find_if(info->params.begin(), info->params.end(),
                                       [&](const auto& each) { return each.name == member.key; });
        if (spec == info->params.end() || !IsDeprecated(spec->doc)) continue;
        Warn(out, codes::kDeprecatedPlugin, member.key_at,
             fmt::format("the parameter '{}' of '{}' is going away", member.key, info->type),
             std::string(spec->doc));
      }
    }
  }
}

}  // namespace

std::span<const Rule> PickerConfigRules() {
  static constexpr std::array<Rule, 1> kAll{&Deprecated};
  return kAll;
}

}  // namespace inference::manifest::lint
