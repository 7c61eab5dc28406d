#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// INF09xx: what upstream has withdrawn or renamed.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

void LegacyKinds(const Workspace& workspace, api::Diagnostics& out) {
  for (const Object& object : workspace.objects()) {
    const schema::Kind& kind = *object.kind;
    if (kind.successor.empty()) continue;
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

// --- metrics under names of earlier releases ---

struct Renamed {
  std::string_view was;  // a name, or the front of several
  std::string_view is;   // empty: not the same name behind another front
};

// The reference picker's metrics; what it still gives under both names for now.
constexpr Renamed kRenamed[] = {
    {"inference_model_", ""},
    {"inference_objective_normalized_time_per_output_token_seconds",
     "llm_d_epp_request_ntpot_seconds"},
    {"inference_objective_request_sizes", "llm_d_epp_request_size_bytes"},
    {"inference_objective_response_sizes", "llm_d_epp_response_size_bytes"},
    {"inference_objective_input_tokens", "llm_d_epp_request_input_tokens"},
    {"inference_objective_output_tokens", "llm_d_epp_request_output_tokens"},
    {"inference_objective_prompt_cached_tokens", "llm_d_epp_request_cached_tokens"},
    {"inference_objective_running_requests", "llm_d_epp_request_running"},
    {"inference_objective_request_total", "llm_d_epp_request_total"},
    {"inference_objective_request_error_total", "llm_d_epp_request_error_total"},
    {"inference_objective_request_duration_seconds", "llm_d_epp_request_duration_seconds"},
    {"inference_objective_", ""},
    {"inference_pool_ready_pods", "llm_d_epp_ready_endpoints"},
    {"inference_pool_per_pod_queue_size", "llm_d_epp_per_endpoint_queue_size"},
    {"inference_pool_average_kv_cache_utilization", "llm_d_epp_average_kv_cache_utilization"},
    {"inference_pool_average_queue_size", "llm_d_epp_average_queue_size"},
    {"inference_pool_average_running_requests", "llm_d_epp_average_running_requests"},
    {"inference_extension_", ""},
    {"llm_d_inference_scheduler_", ""},
};

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':';
}

// The first metric in a query that has a former name.
void CheckQuery(const Node& query, api::Diagnostics& out) {
  const std::string& text = query.text;
  for (size_t i = 0; i < text.size();) {
    if (!IsNameCharacter(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && IsNameCharacter(text[end])) ++end;
    const std::string_view word = std::string_view(text).substr(i, end - i);
    i = end;
    const auto renamed = std::find_if(std::begin(kRenamed), std::end(kRenamed),
                                      [&](const Renamed& r) { return word.starts_with(r.was); });
    if (renamed == std::end(kRenamed)) continue;
    Warn(out, codes::kLegacyMetric, query.at,
         fmt::format("this query reads {}, a metric's former name", base::Printable(word, 80)),
         renamed->is.empty() ? "metrics of the picker now begin with llm_d_epp_"
                             : fmt::format("it is {} now", renamed->is));
    return;
  }
}

// Queries of alert rules and dashboards stand under `expr`, wherever that is.
void CheckQueries(const Node& node, api::Diagnostics& out) {
  for (const Node& item : node.items) CheckQueries(item, out);
  for (const NodeMember& member : node.members) {
    if (member.key == "expr" && member.value.kind == Node::Kind::kScalar) {
      CheckQuery(member.value, out);
    } else {
      CheckQueries(member.value, out);
    }
  }
}

void LegacyMetrics(const Workspace& workspace, api::Diagnostics& out) {
  for (const SourceFile& file : workspace.files()) {
    for (const Node& document : file.documents) {
      if (TextAt(document, "kind") == "PrometheusRule" || IsMonitoringFile(document)) {
        CheckQueries(document, out);
      }
    }
  }
}

}  // namespace

std::span<const Rule> MigrationRules() {
  static constexpr std::array<Rule, 3> kAll{&LegacyKinds, &LegacyFields, &LegacyMetrics};
  return kAll;
}

}  // namespace inference::manifest::lint
