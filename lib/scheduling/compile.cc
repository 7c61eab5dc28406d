#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "api/codes.h"
#include "base/text.h"
#include "scheduling/scheduler.h"

namespace inference::scheduling {
namespace {

constexpr std::string_view kDefaultPicker = "max-score-picker";
constexpr std::string_view kDefaultHandler = "single-profile-handler";
constexpr std::string_view kDefaultProfile = "default";

// One declared or created plugin. At most one of the pointers is set; none: declared, without
// effect.
struct Plugin {
  std::string name, type;
  api::Origin origin;
  std::shared_ptr<const Producer> producer;
  std::shared_ptr<const Filter> filter;
  std::shared_ptr<const Scorer> scorer;
  std::shared_ptr<const Picker> picker;
  std::shared_ptr<const ProfileHandler> handler;
  bool used = false;
};

std::string Quoted(std::string_view text) {
  return "'" + base::Printable(text, 80) + "'";
}

// Builds a Scheduler step by step; each step reports all it finds.
class Compiler {
 public:
  Compiler(const api::EndpointPickerConfig& config, const PluginRegistry& registry,
           api::Diagnostics& out)
      : config_(config), registry_(registry), out_(out) {}

  std::shared_ptr<const Scheduler> Run() {
    for (const api::PluginSpec& spec : config_.plugins) Declare(spec);
    if (failed_) return nullptr;  // what refers to a broken plugin would only add noise
    if (config_.profiles.empty()) {
      AddDefaultProfile();
    } else {
      for (const api::ProfileSpec& spec : config_.profiles) AddProfile(spec);
    }
    AddPickers();
    ChooseHandler();
    ConnectProducers();
    if (failed_) return nullptr;
    for (const auto& plugin : plugins_) {
      if (plugin->producer) scheduler_.producers.emplace_back(plugin->name, plugin->producer);
    }
    WarnUnused();
    return std::make_shared<const Scheduler>(std::move(scheduler_));
  }

 private:
  void Report(api::Severity severity, std::string_view code, const api::Origin& origin,
              std::string message, std::string note = {}) {
    out_.push_back({severity, std::string(code), origin, std::move(message), std::move(note)});
    if (severity == api::Severity::kError) failed_ = true;
  }
  void Error(std::string_view code, const api::Origin& origin, std::string message,
             std::string note = {}) {
    Report(api::Severity::kError, code, origin, std::move(message), std::move(note));
  }

  Plugin* Find(std::string_view name) {
    const auto it = std::find_if(plugins_.begin(), plugins_.end(),
                                 [&](const auto& plugin) { return plugin->name == name; });
    return it == plugins_.end() ? nullptr : it->get();
  }

  void Declare(const api::PluginSpec& spec) {
    const std::string& name = spec.name.empty() ? spec.type : spec.name;
    if (const Plugin* other = Find(name)) {
      return Error(
          api::codes::kPluginReference, spec.origin, "two plugins have the name " + Quoted(name),
          "the other one is at " + other->origin.ToString() + "; give one of them another `name`");
    }
    Plugin* plugin = Make(spec, name);
    if (!plugin) failed_ = true;
  }

  // Null, with a diagnostic, when this build has no such plugin or its parameters are wrong.
  Plugin* Make(const api::PluginSpec& spec, std::string_view name) {
    auto plugin = std::make_unique<Plugin>();
    plugin->name = name;
    plugin->type = spec.type;
    plugin->origin = spec.origin;
    const size_t before = out_.size();
    if (registry_.producers.Has(spec.type)) {
      plugin->producer = registry_.producers.Make(spec, out_);
    } else if (registry_.filters.Has(spec.type)) {
      plugin->filter = registry_.filters.Make(spec, out_);
    } else if (registry_.scorers.Has(spec.type)) {
      plugin->scorer = registry_.scorers.Make(spec, out_);
    } else if (registry_.pickers.Has(spec.type)) {
      plugin->picker = registry_.pickers.Make(spec, out_);
    } else if (registry_.handlers.Has(spec.type)) {
      plugin->handler = registry_.handlers.Make(spec, out_);
    } else {
      AcceptWithoutEffect(spec);
    }
    const bool wrong =
        std::any_of(out_.begin() + static_cast<ptrdiff_t>(before), out_.end(),
                    [](const api::Diagnostic& d) { return d.severity == api::Severity::kError; });
    if (wrong) return nullptr;
    plugins_.push_back(std::move(plugin));
    return plugins_.back().get();
  }

  // Plugins of the reference whose work is done elsewhere are declared in many files; the others
  // are refused by name.
  void AcceptWithoutEffect(const api::PluginSpec& spec) {
    const api::Origin& origin = spec.type_origin.known() ? spec.type_origin : spec.origin;
    const api::PluginInfo* info = api::FindPlugin(spec.type);
    if (!info) {
      std::vector<std::string_view> types;
      for (const api::PluginInfo& known : api::PluginCatalogue()) {
        if (known.available) types.push_back(known.type);
      }
      const std::string_view meant = base::ClosestMatch(spec.type, types);
      return Error(api::codes::kUnknownPlugin, origin, "unknown plugin type " + Quoted(spec.type),
                   meant.empty() ? "" : "did you mean " + Quoted(meant) + "?");
    }
    if (!info->available) {
      const bool checked = CheckAsReference(*info, spec);
      return Error(api::codes::kPluginNotAvailable, origin,
                   "plugin type " + Quoted(spec.type) + " is not in this build" +
                       (checked ? "" : ", and its parameters are not known to it"),
                   "remove it and every reference to it");
    }
    if (info->kind == api::PluginKind::kSaturationDetector) return CheckDetector(*info, spec);
    if (RefuseParameters(*info, spec) || !api::Params(*info, spec, out_).ok()) return;
    Report(api::Severity::kInfo, api::codes::kPluginWithoutEffect, origin,
           "plugin type " + Quoted(spec.type) + " changes nothing here", std::string(info->doc));
  }

  // It acts before scheduling; not all of the reference's parameters do.
  void CheckDetector(const api::PluginInfo& info, const api::PluginSpec& spec) {
    api::PluginSpec ours = spec;
    api::Value::Map kept;
    if (const api::Value::Map* parameters = spec.parameters.AsMap()) {
      for (const api::Value::Member& member : *parameters) {
        if (member.key == "metricsStalenessThreshold" || member.key == "headroom") {
          Error(api::codes::kFieldNotActedOn, member.key_origin,
                "no part of this build acts on parameter " + Quoted(member.key) + " of " +
                    Quoted(spec.type),
                "scrape.staleAfter says how old a value may be; the detector is no filter here");
        } else {
          kept.push_back(member);
        }
      }
      ours.parameters = api::Value(std::move(kept), spec.parameters.origin());
    }
    (void)api::Params(info, ours, out_);
  }

  // Parameters of a plugin that only the reference picker has. Warnings: that one may have learnt
  // more since. False when nothing can be said about them.
  bool CheckAsReference(const api::PluginInfo& info, const api::PluginSpec& spec) {
    const auto params = api::ReferenceParams(info.type);
    if (!params) return spec.parameters.is_null();
    api::PluginInfo there = info;
    there.params = *params;
    api::Diagnostics found;
    const api::Params checked(there, spec, found);
    for (api::Diagnostic& d : found) {
      d.severity = api::Severity::kWarning;
      out_.push_back(std::move(d));
    }
    return true;
  }

  // Parameters of what is done elsewhere. True when there are any that no table of ours knows.
  bool RefuseParameters(const api::PluginInfo& info, const api::PluginSpec& spec) {
    const api::Value::Map* parameters = spec.parameters.AsMap();
    if (!info.params.empty() || parameters == nullptr) return false;
    for (const api::Value::Member& member : *parameters) {
      Error(api::codes::kFieldNotActedOn, member.key_origin,
            "no part of this build acts on parameter " + Quoted(member.key) + " of " +
                Quoted(spec.type),
            std::string(info.doc));
    }
    return !parameters->empty();
  }

  // Without profiles: one with every filter, scorer and picker, in the order of declaration.
  void AddDefaultProfile() {
    api::ProfileSpec spec;
    spec.name = kDefaultProfile;
    spec.origin = config_.origin;
    for (const auto& plugin : plugins_) {
      if (plugin->filter || plugin->scorer || plugin->picker) {
        spec.plugins.push_back({plugin->name, std::nullopt, plugin->origin});
      }
    }
    AddProfile(spec);
  }

  void AddProfile(const api::ProfileSpec& spec) {
    if (spec.name.empty()) {
      Error(api::codes::kMissing, spec.origin, "a scheduling profile needs a name");
    }
    for (const Profile& other : scheduler_.profiles) {
      if (other.name == spec.name) {
        Error(api::codes::kDuplicateItem, spec.origin,
              "two scheduling profiles have the name " + Quoted(spec.name));
      }
    }
    Profile profile;
    profile.name = spec.name;
    for (const api::ProfileSpec::Entry& entry : spec.plugins) AddEntry(entry, profile);
    scheduler_.profiles.push_back(std::move(profile));
  }

  void AddEntry(const api::ProfileSpec::Entry& entry, Profile& profile) {
    Plugin* plugin = Find(entry.plugin_ref);
    if (!plugin) return ReportUnknownRef(entry);
    plugin->used = true;
    if (entry.weight && !(std::isfinite(*entry.weight) && *entry.weight >= 0)) {
      Error(api::codes::kOutOfRange, entry.origin,
            "the weight of " + Quoted(entry.plugin_ref) + " must be a finite number of at least 0");
    }
    if (entry.weight && !plugin->scorer) {
      Report(api::Severity::kWarning, api::codes::kPluginWithoutEffect, entry.origin,
             "the weight of " + Quoted(entry.plugin_ref) + " has no effect",
             "only scorers have weights");
    }
    if (plugin->filter) {
      profile.filters.push_back({plugin->name, plugin->filter});
    } else if (plugin->scorer) {
      profile.scorers.push_back({plugin->name, entry.weight.value_or(1.0), plugin->scorer});
    } else if (plugin->picker) {
      if (profile.picker) {
        Error(api::codes::kPluginCombination, entry.origin,
              "profile " + Quoted(profile.name) + " has two pickers",
              Quoted(profile.picker_name) + " and " + Quoted(plugin->name) + "; keep one");
      }
      profile.picker_name = plugin->name;
      profile.picker = plugin->picker;
    } else {
      Error(api::codes::kPluginReference, entry.origin,
            Quoted(entry.plugin_ref) + " does not belong into a profile",
            "a profile lists filters, scorers and a picker");
    }
  }

  void ReportUnknownRef(const api::ProfileSpec::Entry& entry) {
    std::vector<std::string_view> names;
    for (const auto& plugin : plugins_) names.push_back(plugin->name);
    const std::string_view meant = base::ClosestMatch(entry.plugin_ref, names);
    Error(api::codes::kPluginReference, entry.origin,
          "no plugin has the name " + Quoted(entry.plugin_ref),
          meant.empty() ? "declare it under `plugins`" : "did you mean " + Quoted(meant) + "?");
  }

  // A plugin that nobody declared, with its defaults.
  Plugin* Create(std::string_view type) {
    api::PluginSpec spec;
    spec.name = spec.type = type;
    spec.origin = config_.origin;
    Plugin* plugin = Make(spec, type);
    if (!plugin) failed_ = true;
    if (plugin) plugin->used = true;
    return plugin;
  }

  // A profile without a picker takes the first declared one, else the default.
  void AddPickers() {
    for (Profile& profile : scheduler_.profiles) {
      if (profile.picker) continue;
      const auto it = std::find_if(plugins_.begin(), plugins_.end(),
                                   [](const auto& plugin) { return plugin->picker != nullptr; });
      Plugin* plugin = it != plugins_.end() ? it->get() : Create(kDefaultPicker);
      if (!plugin) return;
      plugin->used = true;
      profile.picker_name = plugin->name;
      profile.picker = plugin->picker;
    }
  }

  void ChooseHandler() {
    std::vector<Plugin*> handlers;
    for (const auto& plugin : plugins_) {
      if (plugin->handler) handlers.push_back(plugin.get());
    }
    const size_t profiles = scheduler_.profiles.size();
    if (handlers.empty() && profiles == 1) handlers.push_back(Create(kDefaultHandler));
    if (handlers.size() != 1) {
      const api::Origin& origin = handlers.empty() ? config_.origin : handlers[1]->origin;
      return Error(api::codes::kPluginCombination, origin,
                   handlers.empty() ? "several profiles need a profile handler that chooses"
                                    : "there can be only one profile handler",
                   handlers.empty() ? "" : "the other one is " + Quoted(handlers[0]->name));
    }
    if (!handlers[0]) return;
    handlers[0]->used = true;
    if (std::string problem = handlers[0]->handler->Problem(profiles); !problem.empty()) {
      return Error(api::codes::kPluginCombination, handlers[0]->origin, std::move(problem));
    }
    scheduler_.handler = handlers[0]->handler;
  }

  // Every scorer finds the producer it reads, by name, else by type; a missing one is created.
  void ConnectProducers() {
    for (size_t i = 0; i < plugins_.size(); ++i) {
      const Plugin& plugin = *plugins_[i];
      if (!plugin.scorer || !plugin.used || plugin.scorer->Consumes().empty()) continue;
      const std::string wanted(plugin.scorer->Consumes());
      Plugin* producer = FindProducer(wanted);
      if (!producer && registry_.producers.Has(wanted)) producer = Create(wanted);
      if (!producer) {
        Error(api::codes::kPluginReference, plugin.origin,
              Quoted(plugin.name) + " reads a producer " + Quoted(wanted) + " that is not there",
              "declare it under `plugins`");
        continue;
      }
      producer->used = true;
    }
    RefuseTwins();
  }

  Plugin* FindProducer(std::string_view wanted) {
    Plugin* by_type = nullptr;
    for (const auto& plugin : plugins_) {
      if (!plugin->producer) continue;
      if (plugin->name == wanted) return plugin.get();
      if (plugin->type == wanted && !by_type) by_type = plugin.get();
    }
    return by_type;
  }

  // Two producers of one type would overwrite each other's facts.
  void RefuseTwins() {
    std::map<std::string, const Plugin*> by_type;
    for (const auto& plugin : plugins_) {
      if (!plugin->producer) continue;
      const auto [it, first] = by_type.emplace(plugin->type, plugin.get());
      if (first) continue;
      Error(api::codes::kPluginCombination, plugin->origin,
            "there can be only one producer of type " + Quoted(plugin->type),
            "the other one is " + Quoted(it->second->name));
    }
  }

  void WarnUnused() {
    for (const auto& plugin : plugins_) {
      if (plugin->used || plugin->producer) continue;
      if (!plugin->filter && !plugin->scorer && !plugin->picker) continue;
      Report(api::Severity::kWarning, api::codes::kPluginWithoutEffect, plugin->origin,
             "no profile uses the plugin " + Quoted(plugin->name));
    }
  }

  const api::EndpointPickerConfig& config_;
  const PluginRegistry& registry_;
  api::Diagnostics& out_;
  bool failed_ = false;
  std::vector<std::unique_ptr<Plugin>> plugins_;  // in the order of declaration
  Scheduler scheduler_;
};

}  // namespace

std::shared_ptr<const Scheduler> Compile(const api::EndpointPickerConfig& config,
                                         const PluginRegistry& registry, api::Diagnostics& out) {
  return Compiler(config, registry, out).Run();
}

api::EndpointPickerConfig DefaultConfig() {
  constexpr std::array<std::pair<std::string_view, double>, 3> kScorers{
      {{"queue-scorer", 2}, {"kv-cache-utilization-scorer", 2}, {"prefix-cache-scorer", 3}}};
  api::EndpointPickerConfig config;
  api::ProfileSpec profile;
  profile.name = kDefaultProfile;
  for (const auto& [type, weight] : kScorers) {
    api::PluginSpec plugin;
    plugin.name = plugin.type = type;
    config.plugins.push_back(std::move(plugin));
    profile.plugins.push_back({std::string(type), weight, {}});
  }
  config.profiles.push_back(std::move(profile));
  return config;
}

}  // namespace inference::scheduling
