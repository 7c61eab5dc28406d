#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"

namespace inference::api {

enum class PluginKind {
  kProducer,
  kFilter,
  kScorer,
  kPicker,
  kProfileHandler,
  kDataSource,
  kExtractor,
  kParser,
  kSaturationDetector,
  kFlowControl,
  kOther,
};

std::string_view PluginKindName(PluginKind kind);

enum class ParamType { kBool, kInt, kNumber, kString, kDuration, kStringList, kList, kMap };

/// One parameter of a plugin, declared once: reading, checking and documentation come from it.
struct ParamSpec {
  std::string_view name;
  ParamType type;
  std::string_view default_text;
  double min = 0, max = 0;  // for kInt and kNumber; unbounded when min > max or both 0
  std::string_view doc;
  bool required = false;
};

/// One row of the catalogue: every plugin that the reference picker knows. `available` says whether
/// this build acts on it; the others are refused by name, never ignored.
struct PluginInfo {
  std::string_view type;
  PluginKind kind;
  bool available;
  std::string_view stability;  // "beta", "alpha", "deprecated"
  std::span<const ParamSpec> params;
  std::string_view doc;
};

/// All known plugin types, sorted by type. Constant data; thread-safe.
std::span<const PluginInfo> PluginCatalogue();
const PluginInfo* FindPlugin(std::string_view type);
/// What a plugin of the reference picker takes that is not in this build: names and types, so that
/// its configuration can be checked. Empty: this build doesn't know.
std::optional<std::span<const ParamSpec>> ReferenceParams(std::string_view type);

/// Reads `parameters` by a plugin's table: unknown names, wrong types and values out of range
/// become diagnostics with their positions. The getters return the written value or the default.
class Params {
 public:
  Params(const PluginInfo& info, const PluginSpec& spec, Diagnostics& out);
  bool Bool(std::string_view name) const;
  int64_t Int(std::string_view name) const;
  double Number(std::string_view name) const;
  std::string String(std::string_view name) const;
  /// The raw value, or null when not written.
  const Value* Raw(std::string_view name) const;
  bool ok() const { return ok_; }

 private:
  const ParamSpec& Spec(std::string_view name) const;
  const PluginInfo& info_;
  const PluginSpec& spec_;
  bool ok_ = true;
};

/// Makes plugins of interface T by type name. Filled explicitly, one table per build, so that a
/// test can have its own; no static initialisers.
template <typename T>
class Registry {
 public:
  using Factory = std::function<std::unique_ptr<T>(const PluginSpec&, Diagnostics&)>;
  void Add(std::string_view type, Factory factory) {
    factories_[std::string(type)] = std::move(factory);
  }
  bool Has(std::string_view type) const { return factories_.find(type) != factories_.end(); }
  /// Null, with a diagnostic, when the parameters are wrong. REQUIRES: Has(spec.type).
  std::unique_ptr<T> Make(const PluginSpec& spec, Diagnostics& out) const {
    return factories_.find(spec.type)->second(spec, out);
  }

 private:
  std::map<std::string, Factory, std::less<>> factories_;
};

}  // namespace inference::api
