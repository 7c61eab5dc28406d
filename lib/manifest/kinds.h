#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/kinds.h"
#include "manifest/fields.h"
#include "manifest/reader.h"

// One function per kind: a document to its api value. Each reports everything that is wrong and
// returns what it could read; the caller looks at the diagnostics.
namespace inference::manifest {

/// apiVersion and kind of a document; empty strings when they are missing (reported).
struct TypeMeta {
  std::string api_version, kind;
  api::Origin api_version_at, kind_at;
};
TypeMeta ReadTypeMeta(const Node& document, api::Diagnostics& out);

/// Reports a kind that the caller does not want here: why, and what to do with it.
void RefuseKind(const TypeMeta& type, api::Diagnostics& out);

api::ObjectMeta ReadObjectMeta(MapReader& document);
api::Labels ReadLabels(const Node& node, const std::string& path, size_t min, size_t max,
                       api::Diagnostics& out);
api::Labels ReadAnnotations(const Node& node, const std::string& path, api::Diagnostics& out);

/// Port numbers 1 to 65535, none twice. `wrapped`: each is a map with a `number`.
std::vector<api::Field<int>> ReadPorts(const std::vector<Node>& items, const std::string& path,
                                       bool wrapped, api::Diagnostics& out);

api::InferencePool ReadInferencePool(const Node& document, api::Diagnostics& out);
api::EndpointSet ReadEndpointSet(const Node& document, api::Diagnostics& out);
/// REQUIRES: apiVersion and kind of the document are those of an EndpointPickerConfig.
api::EndpointPickerConfig ReadEndpointPickerConfig(const Node& document, PickerUse use,
                                                   api::Diagnostics& out);
api::ModelRewrite ReadModelRewrite(const Node& document, api::Diagnostics& out);
/// `version`: v1alpha1 or v1alpha2.
api::ModelRewrite ReadInferenceModel(const Node& document, std::string_view version,
                                     api::Diagnostics& out);
api::Objective ReadObjective(const Node& document, api::Diagnostics& out);
api::HttpRoute ReadHttpRoute(const Node& document, api::Diagnostics& out);

/// Overlays what is written on `scrape`.
void ReadScrape(const Node& node, const std::string& path, api::ScrapeConfig& scrape,
                api::Diagnostics& out);
std::vector<api::EngineMap> ReadEngines(const Node& node, api::Diagnostics& out);

/// Reads a field into `target` when it is written and good, with its position.
template <typename T>
void Assign(const Node& node, std::optional<T> value, api::Field<T>& target) {
  if (value) target = api::Field<T>(std::move(*value), node.at);
}

/// The field of that name, when it is there and good.
void ReadInto(MapReader& map, std::string_view name, int64_t min, int64_t max,
              api::Field<int>& target);
void ReadInto(MapReader& map, std::string_view name, std::chrono::nanoseconds min,
              std::chrono::nanoseconds max, api::Field<std::chrono::nanoseconds>& target);
void ReadInto(MapReader& map, std::string_view name, api::Field<bool>& target);
/// A path of a file.
void ReadInto(MapReader& map, std::string_view name, api::Field<std::string>& target);

/// One entry of `pools:` in a DaemonConfig. `scrape`: the daemon's.
api::PoolConfig ReadPoolConfig(const Node& node, const std::string& path,
                               const api::ScrapeConfig& scrape, api::Diagnostics& out);

inline constexpr std::string_view kPoolApiVersion = "inference.networking.k8s.io/v1";
inline constexpr std::string_view kOurApiVersion = "inferenced.dev/v1alpha1";
inline constexpr std::string_view kModelApiVersion = "llm-d.ai/v1alpha2";  // rewrites, objectives
inline constexpr std::string_view kRouteApiVersion = "gateway.networking.k8s.io/v1";

/// Of all annotations of an object, keys and values; an API server's limit.
inline constexpr size_t kMaxAnnotationBytes = 256 << 10;

/// May an object of that apiVersion and kind stand among the manifests?
bool IsActedOn(std::string_view api_version, std::string_view kind);

}  // namespace inference::manifest
