#include <fmt/format.h>

#include <map>

#include "api/codes.h"
#include "api/plugin_catalogue.h"
#include "base/text.h"
#include "manifest/kinds.h"
#include "manifest/reader.h"
#include "manifest/single_document.h"

// EndpointPickerConfig, llm-d.ai/v1alpha1 and inference.networking.x-k8s.io/v1alpha1. Parts that
// nothing acts on are refused where they stand, but for those that ask for what we do anyway.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

constexpr std::string_view kParserNote =
    "OpenAI bodies are read by their path and everything else is routed without a model: "
    "leave it out, or name openai-parser, then passthrough-parser";

// Reads one document. Remembers the plugins' types, since other parts refer to plugins by name.
class PickerConfigReader {
 public:
  PickerConfigReader(const Node& document, api::Diagnostics& out)
      : document_(document), out_(out) {}

  api::EndpointPickerConfig Read() {
    config_.origin = document_.at;
    MapReader map(document_, "", out_);
    map.Ignore({"apiVersion", "kind"});
    if (const Node* plugins = map.Find("plugins")) {
      const size_t before = out_.size();
      ReadPlugins(*plugins);
      names_known_ = out_.size() == before;
    } else {
      names_known_ = !map.HasMisspelt("plugins");
    }
    if (const Node* profiles = map.Find("schedulingProfiles")) ReadProfiles(*profiles);
    if (const Node* gates = map.Find("featureGates")) ReadGates(*gates);
    for (const std::string_view name : {"dataLayer", "data"}) {
      if (const Node* layer = map.Find(name)) ReadDataLayer(*layer, std::string(name));
    }
    if (const Node* flow = map.Find("flowControl")) ReadFlowControl(*flow);
    if (const Node* detector = map.Find("saturationDetector")) {
      ReadDetector(*detector, "saturationDetector");
    }
    if (const Node* handler = map.Find("requestHandler")) ReadRequestHandler(*handler);
    if (const Node* parser = map.Find("parser")) ReadOldParser(*parser);
    map.Done();
    CheckDetectorAsFilter();
    return std::move(config_);
  }

 private:
  void ReadPlugins(const Node& node) {
    const auto* items = ReadList(node, "plugins", 0, 1000, out_);
    if (!items) return;
    std::map<std::string, api::Origin, std::less<>> names;
    for (size_t i = 0; i < items->size(); ++i) {
      MapReader map((*items)[i], fmt::format("plugins[{}]", i), out_);
      if (!map.ok()) continue;
      api::PluginSpec spec;
      spec.origin = map.node().at;
      if (const Node* type = map.Need("type")) {
        spec.type = ReadString(*type, map.Path("type"), 1, 253, out_).value_or("");
        spec.type_origin = type->at;
      }
      spec.name = spec.type;
      if (const Node* name = map.Find("name")) {
        spec.name = ReadString(*name, map.Path("name"), 1, 253, out_).value_or("");
      }
      if (const Node* parameters = map.Find("parameters")) {
        if (parameters->kind == Node::Kind::kMap) {
          if (!ReadScrapingParameters(spec.type, *parameters, map.Path("parameters"))) {
            spec.parameters = ToValue(*parameters, out_);
          }
        } else {
          Report(out_, codes::kWrongType, parameters->at,
                 fmt::format("{} must be a map, not {}", map.Path("parameters"),
                             Describe(*parameters)));
        }
      }
      map.Done();
      if (spec.name.empty()) continue;
      const auto [it, inserted] = names.emplace(spec.name, spec.origin);
      if (!inserted) {
        Report(out_, codes::kPluginReference, spec.origin,
               fmt::format("duplicate plugin name '{}'", base::Printable(spec.name, 60)),
               "give it a name of its own; the first one is at " + it->second.ToString());
      }
      types_.emplace(spec.name, spec.type);
      config_.plugins.push_back(std::move(spec));
    }
  }

  // What charts write out about scraping is fine where it says what we do by default; the
  // DaemonConfig says the rest. False when the type has other parameters.
  bool ReadScrapingParameters(const std::string& type, const Node& node, const std::string& path) {
    struct Default {
      std::string_view type, name, value, instead;  // value "*": without effect over plain HTTP
    };
    static constexpr Default kDefaults[] = {
        {"metrics-data-source", "scheme", "http", "scheme"},
        {"metrics-data-source", "path", "/metrics", "path"},
        {"metrics-data-source", "insecureSkipVerify", "*", "insecureSkipVerify"},
        {"metrics-data-source", "interval", "", "interval"},
        {"metrics-data-source", "port", "-", "port"},
        {"metrics-data-source", "caCertPath", "", "caFile"},
        {"metrics-data-source", "clientCertPath", "", "certFile"},
        {"metrics-data-source", "clientKeyPath", "", "keyFile"},
        {"core-metrics-extractor", "defaultEngine", "vllm", "engine"},
        {"core-metrics-extractor", "engineLabelKey", "llm-d.ai/engine-type", ""},
    };
    if (type != "metrics-data-source" && type != "core-metrics-extractor") return false;
    MapReader map(node, path, out_);
    for (const Default& known : kDefaults) {
      if (known.type != type) continue;
      const Node* value = map.Find(known.name);
      if (!value || (value->kind == Node::Kind::kScalar && value->text == known.value)) continue;
      if (known.value == "*") {
        ReadBool(*value, map.Path(known.name), out_);
      } else if (known.instead.empty()) {
        Report(out_, codes::kFieldNotActedOn, value->at,
               fmt::format("{} cannot be {} in this build", map.Path(known.name), Describe(*value)),
               fmt::format("it is always {}", known.value));
      } else {
        Report(out_, codes::kFieldNotActedOn, value->at,
               fmt::format("{} does not make it {} here", map.Path(known.name), Describe(*value)),
               fmt::format("remove it, and set scrape.{} in the DaemonConfig", known.instead));
      }
    }
    if (type == "core-metrics-extractor") {
      map.Refuse("engineConfigs", "write them as engines in the DaemonConfig");
    }
    map.Done();
    return true;
  }

  void ReadProfiles(const Node& node) {
    const auto* items = ReadList(node, "schedulingProfiles", 0, 100, out_);
    if (!items) return;
    std::map<std::string, api::Origin, std::less<>> names;
    for (size_t i = 0; i < items->size(); ++i) {
      MapReader map((*items)[i], fmt::format("schedulingProfiles[{}]", i), out_);
      if (!map.ok()) continue;
      api::ProfileSpec profile;
      profile.origin = map.node().at;
      if (const Node* name = map.Need("name")) {
        profile.name = ReadString(*name, map.Path("name"), 1, 253, out_).value_or("");
        const auto [it, inserted] = names.emplace(profile.name, profile.origin);
        if (!inserted && !profile.name.empty()) {
          Report(out_, codes::kDuplicateItem, name->at,
                 fmt::format("duplicate profile name '{}'", base::Printable(profile.name, 60)),
                 "the first one is at " + it->second.ToString());
        }
      }
      if (const Node* plugins = map.Find("plugins")) {
        ReadEntries(*plugins, map.Path("plugins"), profile);
      }
      map.Done();
      config_.profiles.push_back(std::move(profile));
    }
  }

  void ReadEntries(const Node& node, const std::string& path, api::ProfileSpec& profile) {
    const auto* items = ReadList(node, path, 0, 1000, out_);
    if (!items) return;
    for (size_t i = 0; i < items->size(); ++i) {
      MapReader map((*items)[i], fmt::format("{}[{}]", path, i), out_);
      if (!map.ok()) continue;
      api::ProfileSpec::Entry entry;
      entry.origin = map.node().at;
      if (const Node* ref = map.Need("pluginRef")) {
        entry.plugin_ref = ReadString(*ref, map.Path("pluginRef"), 1, 253, out_).value_or("");
        if (!entry.plugin_ref.empty() && !types_.count(entry.plugin_ref)) ReportUndefined(*ref);
      }
      if (const Node* weight = map.Find("weight")) {
        entry.weight = ReadWeight(*weight, map.Path("weight"), out_);
      }
      map.Done();
      profile.plugins.push_back(std::move(entry));
    }
  }

  static std::string_view MeantType(std::string_view type) {
    std::vector<std::string_view> types;
    for (const api::PluginInfo& info : api::PluginCatalogue()) types.push_back(info.type);
    return base::ClosestMatch(type, types);
  }

  void ReportUndefined(const Node& ref) {
    // The plugin itself may be the one that is misspelt.
    for (const api::PluginSpec& spec : config_.plugins) {
      if (api::FindPlugin(spec.type) || MeantType(spec.type) != ref.text) continue;
      Report(out_, codes::kUnknownPlugin, spec.type_origin,
             fmt::format("unknown plugin type '{}'", base::Printable(spec.type, 60)),
             fmt::format("did you mean '{}'?", ref.text));
      types_.emplace(ref.text, ref.text);  // said once
      return;
    }
    if (!names_known_) return;
    std::vector<std::string_view> names;
    for (const auto& [name, type] : types_) names.push_back(name);
    const std::string_view meant = base::ClosestMatch(ref.text, names);
    Report(out_, codes::kPluginReference, ref.at,
           fmt::format("undefined plugin '{}'", base::Printable(ref.text, 60)),
           meant.empty() ? "declare it under plugins" : fmt::format("did you mean '{}'?", meant));
  }

  void ReadGates(const Node& node) {
    const auto* items = ReadList(node, "featureGates", 0, 100, out_);
    if (!items) return;
    struct Gate {
      std::string_view name;
      bool ours;  // what this build does
    };
    // dataLayer was a switch of its own in earlier releases; our scraping is always on.
    static constexpr Gate kGates[] = {{"flowControl", false},
                                      {"haPopulateNonLeaderDatastore", true},
                                      {"dataLayer", true},
                                      {"enableLegacyMetrics", false}};
    for (size_t i = 0; i < items->size(); ++i) {
      const Node& item = (*items)[i];
      const auto text = ReadString(item, fmt::format("featureGates[{}]", i), 1, 253, out_);
      if (!text) continue;
      const std::string name = text->substr(0, text->find('='));
      const std::string value =
          name.size() == text->size() ? "true" : text->substr(name.size() + 1);
      const Gate* known = nullptr;
      for (const Gate& gate : kGates) {
        if (gate.name == name) known = &gate;
      }
      if (!known) {
        Report(out_, codes::kBadValue, item.at,
               fmt::format("unknown feature gate '{}'", base::Printable(name, 60)));
      } else if (value != "true" && value != "false") {
        Report(out_, codes::kBadValue, item.at,
               fmt::format("the gate '{}' must be true or false, not '{}'", name,
                           base::Printable(value, 60)));
      } else if ((value == "true") != known->ours) {
        Report(out_, codes::kFieldNotActedOn, item.at,
               fmt::format("this build has no {} = {}", name, value),
               fmt::format("remove it: here it is always {}", known->ours));
      }
    }
  }

  // The type of the plugin that `node` refers to: declared under that name, or the type itself.
  std::string TypeBehind(const Node& node, const std::string& path) {
    MapReader map(node, path, out_);
    if (!map.ok()) return "";
    std::string type;
    if (const Node* ref = map.Need("pluginRef")) {
      const std::string name = ReadString(*ref, map.Path("pluginRef"), 1, 253, out_).value_or("");
      const auto it = types_.find(name);
      type = it == types_.end() ? name : it->second;
      if (it == types_.end() && !name.empty() && !api::FindPlugin(name)) {
        ReportUndefined(*ref);
        type.clear();
      }
    }
    map.Ignore({"extractors"});
    map.Done();
    return type;
  }

  void ReadDataLayer(const Node& node, const std::string& path) {
    MapReader map(node, path, out_);
    if (!map.ok()) return;
    if (const Node* inject = map.Find("injectDefaults")) {
      const std::optional<bool> value = ReadBool(*inject, map.Path("injectDefaults"), out_);
      if (value == false) {
        Report(out_, codes::kFieldNotActedOn, inject->at,
               "metrics are always scraped in this build", "remove injectDefaults");
      }
    }
    if (const Node* sources = map.Find("sources")) ReadSources(*sources, map.Path("sources"));
    map.Refuse("discovery", "in file mode endpoints are listed in an EndpointSet");
    for (const std::string_view name :
         {"peerDiscovery", "crossReplicaSyncerPluginRef", "crossReplicaSyncInterval"}) {
      map.Refuse(name, "pickers do not share state in this build");
    }
    map.Done();
  }

  // Exactly metrics-data-source with core-metrics-extractor: what our scraping does.
  void ReadSources(const Node& node, const std::string& path) {
    const auto* items = ReadList(node, path, 1, 100, out_);
    if (!items) return;
    for (size_t i = 0; i < items->size(); ++i) {
      const Node& item = (*items)[i];
      const std::string at = fmt::format("{}[{}]", path, i);
      const std::string type = TypeBehind(item, at);
      if (type.empty()) continue;
      if (type != "metrics-data-source") RefusePart(item.at, at, type, "metrics-data-source");
      for (const NodeMember& member : item.members) {
        if (member.key != "extractors" || member.value.kind == Node::Kind::kNull) continue;
        const auto* extractors = ReadList(member.value, at + ".extractors", 1, 100, out_);
        for (size_t j = 0; extractors && j < extractors->size(); ++j) {
          const std::string where = fmt::format("{}.extractors[{}]", at, j);
          const std::string extractor = TypeBehind((*extractors)[j], where);
          if (!extractor.empty() && extractor != "core-metrics-extractor") {
            RefusePart((*extractors)[j].at, where, extractor, "core-metrics-extractor");
          }
        }
      }
    }
  }

  void RefusePart(const api::Origin& at, const std::string& path, const std::string& type,
                  std::string_view only) {
    Report(out_, codes::kFieldNotActedOn, at,
           fmt::format("no part of this build acts on {} in {}", base::Printable(type, 60), path),
           fmt::format("only {} is possible here", only));
  }

  void ReadDetector(const Node& node, const std::string& path) {
    const std::string type = TypeBehind(node, path);
    if (!type.empty() && type != "utilization-detector") {
      RefusePart(node.at, path, type, "utilization-detector");
    }
  }

  void ReadFlowControl(const Node& node) {
    MapReader map(node, "flowControl", out_);
    if (!map.ok()) return;
    if (const Node* detector = map.Find("saturationDetector")) {
      ReadDetector(*detector, "flowControl.saturationDetector");
    }
    for (const std::string_view name :
         {"maxBytes", "maxRequests", "defaultRequestTTL", "noEndpointRequestTTL",
          "defaultPriorityBand", "defaultNegativePriorityBand", "priorityBands",
          "usageLimitPolicyPluginRef", "enableEviction"}) {
      map.Refuse(name, "there is no flow control in this build; remove it");
    }
    map.Done();
  }

  void ReadRequestHandler(const Node& node) {
    MapReader map(node, "requestHandler", out_);
    if (!map.ok()) return;
    const Node* parsers = map.Find("parsers");
    map.Done();
    const auto* items =
        parsers ? ReadList(*parsers, "requestHandler.parsers", 0, 20, out_) : nullptr;
    if (!items) return;
    static constexpr std::string_view kOurs[] = {"openai-parser", "passthrough-parser"};
    bool good = true;
    for (size_t i = 0; i < items->size(); ++i) {
      const std::string at = fmt::format("requestHandler.parsers[{}]", i);
      const std::string type = TypeBehind((*items)[i], at);
      if (type.empty() || (i < std::size(kOurs) && type == kOurs[i])) continue;
      good = false;
      Report(out_, codes::kFieldNotActedOn, (*items)[i].at,
             fmt::format("no part of this build acts on {} in {}", base::Printable(type, 60), at),
             std::string(kParserNote));
    }
    if (items->size() == 1 && good) WarnAboutOtherPaths(items->front().at);
  }

  void ReadOldParser(const Node& node) {
    const std::string type = TypeBehind(node, "parser");
    if (type.empty()) return;
    if (type == "openai-parser") {
      WarnAboutOtherPaths(node.at);
      return;
    }
    Report(out_, codes::kFieldNotActedOn, node.at,
           fmt::format("no part of this build acts on {} in parser", base::Printable(type, 60)),
           std::string(kParserNote));
  }

  void WarnAboutOtherPaths(const api::Origin& at) {
    out_.push_back({api::Severity::kWarning, std::string(codes::kBehavesDifferently), at,
                    "requests on paths that are not OpenAI's are routed without a model",
                    "with openai-parser alone the reference picker answers 400 to them"});
  }

  // Without profiles the reference picker puts every filter among the plugins to work, and its
  // detector is a filter too.
  void CheckDetectorAsFilter() {
    if (!config_.profiles.empty()) return;
    for (const api::PluginSpec& plugin : config_.plugins) {
      if (plugin.type != "utilization-detector") continue;
      Report(out_, codes::kFieldNotActedOn, plugin.origin,
             "utilization-detector would be a filter here, which no part of this build acts on",
             "write schedulingProfiles without it, or remove it");
    }
  }

  const Node& document_;
  api::Diagnostics& out_;
  api::EndpointPickerConfig config_;
  std::map<std::string, std::string, std::less<>> types_;  // by plugin name
  bool names_known_ = true;  // what is wrong with a plugin is said there, not where it is named
};

}  // namespace

api::EndpointPickerConfig ReadEndpointPickerConfig(const Node& document, PickerUse use,
                                                   api::Diagnostics& out) {
  const size_t before = out.size();
  api::EndpointPickerConfig config = PickerConfigReader(document, out).Read();
  if (use == PickerUse::kThisBuild) return config;
  for (size_t i = before; i < out.size(); ++i) {
    if (out[i].code != codes::kFieldNotActedOn) continue;
    out[i].severity = api::Severity::kInfo;
    out[i].note = "inferenced refuses the configuration: " + out[i].note;
  }
  return config;
}

std::optional<api::EndpointPickerConfig> ReadPickerConfig(const std::string& path,
                                                          std::string_view text,
                                                          api::Diagnostics& diagnostics,
                                                          const Limits& limits, PickerUse use) {
  return ReadSingle<api::EndpointPickerConfig>(
      path, text,
      {{"llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1"}, "EndpointPickerConfig"},
      limits, diagnostics, [&](const Node& document, api::Diagnostics& out) {
        return ReadEndpointPickerConfig(document, use, out);
      });
}

}  // namespace inference::manifest
