#include "api/codes.h"

#include <algorithm>
#include <array>

namespace inference::api::codes {
namespace {

constexpr auto kCodes = std::to_array<CodeInfo>({
    {kUnreadable, "unreadable", "a file cannot be read"},
    {kSyntax, "syntax", "the text is not valid YAML or JSON"},
    {kEncoding, "encoding", "the text is not clean UTF-8"},
    {kLimit, "limit", "the text is larger, deeper or more expanded than allowed"},
    {kDuplicateKey, "duplicate-key", "a map has the same key twice"},
    {kUnsupportedYaml, "unsupported-yaml", "a YAML feature that is refused on purpose"},
    {kEmptyFile, "empty-file", "a manifest file without any object"},
    {kUnknownKind, "unknown-kind", "no such kind or API version"},
    {kKindNotActedOn, "kind-not-acted-on", "a known kind that nothing in this build acts on"},
    {kUnknownField, "unknown-field", "the schema has no such field"},
    {kWrongType, "wrong-type", "a value of another type is expected"},
    {kMissing, "missing", "a required field is missing"},
    {kOutOfRange, "out-of-range", "a number, length or count is outside its range"},
    {kBadName, "bad-name", "a name breaks the rules for names"},
    {kBadLabel, "bad-label", "a label or annotation breaks the rules for labels"},
    {kBadValue, "bad-value", "a value of the right type that makes no sense here"},
    {kFieldNotActedOn, "field-not-acted-on", "a known field that nothing in this build acts on"},
    {kDuplicateItem, "duplicate-item", "a list has the same item twice"},
    {kPortRequired, "port-required", "a reference to a Service needs a port"},
    {kBehavesDifferently, "behaves-differently", "accepted, but not exactly what upstream does"},
    {kDeprecated, "deprecated", "accepted under a name that is going away"},
    {kWrongDocumentCount, "wrong-document-count", "the file must hold exactly one document"},
    {kDuplicateObject, "duplicate-object", "two objects of one kind have the same name"},
    {kSharedAddress, "shared-address", "two endpoints of a pool have the same address and port"},
    {kSelectsNothing, "selects-nothing", "a pool selects no endpoint"},
    {kUnselected, "unselected", "endpoints that no pool selects"},
    {kUnknownPool, "unknown-pool", "a reference to a pool that does not exist"},
    {kNeedsRestart, "needs-restart", "a setting that a running daemon cannot change"},
    {kUnresolved, "unresolved", "an endpoint's DNS name has no address now"},
    {kNoPool, "no-pool", "the manifests have no InferencePool"},
    {kUnknownPlugin, "unknown-plugin", "no such plugin type"},
    {kPluginNotAvailable, "plugin-not-available", "a known plugin type that is not in this build"},
    {kUnknownParameter, "unknown-parameter", "the plugin has no such parameter"},
    {kParameterType, "parameter-type", "a plugin parameter of the wrong type"},
    {kParameterRange, "parameter-range", "a plugin parameter outside its range"},
    {kParameterMissing, "parameter-missing", "a required plugin parameter is missing"},
    {kPluginReference, "plugin-reference",
     "a reference to a plugin that is not there or not of that kind"},
    {kPluginCombination, "plugin-combination", "plugins or profiles that do not work together"},
    {kPluginWithoutEffect, "plugin-without-effect", "a plugin that changes nothing here"},
    {kBadEngine, "bad-engine", "a map of an engine's metrics that makes no sense"},
    {kBadMetric, "bad-metric", "a metric name that cannot be read"},
    {kEngineName, "engine-name", "an engine's name that is reserved or taken"},
});

}  // namespace

std::span<const CodeInfo> All() {
  return kCodes;
}

const CodeInfo* Find(std::string_view code) {
  const auto* it = std::find_if(kCodes.begin(), kCodes.end(),
                                [&](const CodeInfo& info) { return info.code == code; });
  return it == kCodes.end() ? nullptr : it;
}

}  // namespace inference::api::codes
