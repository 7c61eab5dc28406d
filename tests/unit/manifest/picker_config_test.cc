#include "manifest_reading.h"

namespace inference::manifest {
namespace {

const std::string kConfig = R"(apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl=false]
plugins:
- type: queue-scorer
- name: prefix
  type: prefix-cache-scorer
  parameters: {matchLengthWeight: 0.5, nested: {list: [1, "a", true]}}
- type: metrics-data-source
- type: core-metrics-extractor
- type: utilization-detector
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: prefix, weight: 0.5}
  - pluginRef: queue-scorer
dataLayer:
  sources:
  - pluginRef: metrics-data-source
    extractors: [{pluginRef: core-metrics-extractor}]
flowControl: {saturationDetector: {pluginRef: utilization-detector}}
requestHandler: {parsers: [{pluginRef: openai-parser}, {pluginRef: passthrough-parser}]}
)";

struct Picker {
  std::optional<api::EndpointPickerConfig> config;
  api::Diagnostics diagnostics;
};

Picker ReadPicker(const std::string& text) {
  Picker picker;
  picker.config = ReadPickerConfig("f.yaml", text, picker.diagnostics);
  return picker;
}

TEST_CASE("a picker configuration is read, of either API group") {
  for (const char* group : {"llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1"}) {
    const Picker picker = ReadPicker(Edited(kConfig, {"llm-d.ai/v1alpha1", group, "", ""}));
    for (const api::Diagnostic& d : picker.diagnostics) UNSCOPED_INFO(d.ToString());
    REQUIRE(picker.config);
    CHECK(picker.diagnostics.empty());
    const api::EndpointPickerConfig& c = *picker.config;
    REQUIRE(c.plugins.size() == 5);
    CHECK(c.plugins[0].name == "queue-scorer");
    CHECK(c.plugins[1].name == "prefix");
    CHECK(c.plugins[1].type == "prefix-cache-scorer");
    CHECK(c.plugins[1].origin.ToString() == "f.yaml:6:3");
    CHECK(c.plugins[1].type_origin.ToString() == "f.yaml:7:9");
    CHECK(*c.plugins[1].parameters.Find("matchLengthWeight")->AsDouble() == 0.5);
    CHECK(c.plugins[1].parameters.Find("matchLengthWeight")->origin().ToString() == "f.yaml:8:35");
    REQUIRE(c.profiles.size() == 1);
    CHECK(c.profiles[0].plugins[0].weight == 2.0);
    CHECK(c.profiles[0].plugins[1].weight == 0.5);
    CHECK_FALSE(c.profiles[0].plugins[2].weight);
  }
}

TEST_CASE("what breaks the schema of a picker configuration is reported at its place") {
  const std::vector<BadEdit> table = {
      {"- type: queue-scorer\n", "- name: queue-scorer\n", "5:3", "plugins[0].type is missing"},
      {"- type: utilization-detector\n", "- queue\n", "11:3", "plugins[4] must be a map"},
      {"- type: core-metrics-extractor\n", "- {name: prefix, type: x}\n", "10:3",
       "duplicate plugin name 'prefix'"},
      {"matchLengthWeight: 0.5", "matchLengthWeight: 0x5", "8:35", "different YAML readers"},
      {"parameters: {matchLengthWeight: 0.5, nested: {list: [1, \"a\", true]}}", "parameters: [1]",
       "8:15", "plugins[1].parameters must be a map, not a list"},
      {"  parameters: {", "  params: 1\n  parameters: {", "8:3",
       "unknown field 'params' in plugins[1]"},
      {"- name: default\n", "- name: ''\n", "13:9", "must not be empty"},
      {"pluginRef: prefix, weight: 0.5", "pluginRef: prefx, weight: 0.5", "16:17",
       "undefined plugin 'prefx' (did you mean 'prefix'?)"},
      // Not at the reference, which is right.
      {"- type: queue-scorer", "- type: quue-scorer", "5:9",
       "unknown plugin type 'quue-scorer' (did you mean 'queue-scorer'?)"},
      {"weight: 2", "weight: -1", "15:39", "must be a finite number of at least 0, not -1"},
      {"weight: 2", "weight: \"2\"", "15:39", "must be a number, not '2'"},
      {"weight: 2", "weight: 1e999", "15:39", "must be a finite number"},
      {"[flowControl=false]", "[flowControl]", "3:16", "this build has no flowControl = true"},
      {"[flowControl=false]", "[flowControl=0]", "3:16", "must be true or false, not '0'"},
      {"[flowControl=false]", "[flowcontrol]", "3:16", "unknown feature gate 'flowcontrol'"},
      {"[flowControl=false]", "[haPopulateNonLeaderDatastore=false]", "3:16", "always true"},
      {"dataLayer:\n", "dataLayer:\n  injectDefaults: false\n", "19:19",
       "metrics are always scraped in this build"},
      {"dataLayer:\n", "dataLayer:\n  discovery: {pluginRef: x}\n", "19:3",
       "no part of this build acts on dataLayer.discovery"},
      {"dataLayer:\n", "dataLayer:\n  crossReplicaSyncInterval: 1s\n", "19:3",
       "do not share state"},
      {"- pluginRef: metrics-data-source", "- pluginRef: dcgm-data-source", "20:5",
       "acts on dcgm-data-source in dataLayer.sources[0]"},
      {"[{pluginRef: core-metrics-extractor}]", "[{pluginRef: models-data-extractor}]", "21:18",
       "acts on models-data-extractor in dataLayer.sources[0].extractors[0]"},
      {"{pluginRef: utilization-detector}", "{pluginRef: concurrency-detector}", "22:35",
       "acts on concurrency-detector in flowControl.saturationDetector"},
      {"flowControl: {saturationDetector: {pluginRef: utilization-detector}}",
       "flowControl: {maxBytes: 1G}", "22:15",
       "no part of this build acts on flowControl.maxBytes"},
      {"{pluginRef: openai-parser}, ", "", "23:28", "acts on passthrough-parser in"},
      {"pluginRef: passthrough-parser", "pluginRef: vllmgrpc-parser", "23:56",
       "acts on vllmgrpc-parser in requestHandler.parsers[1]"},
      {"- type: metrics-data-source\n",
       "- {type: metrics-data-source, parameters: {scheme: https}}\n", "9:52",
       "plugins[2].parameters.scheme does not make it 'https' here (remove it, and set "
       "scrape.scheme in the DaemonConfig)"},
      {"- type: metrics-data-source\n", "- {type: metrics-data-source, parameters: {port: 9100}}\n",
       "9:50", "set scrape.port"},
      {"- type: metrics-data-source\n", "- {type: metrics-data-source, parameters: {paht: /x}}\n",
       "9:44", "unknown field 'paht' in plugins[2].parameters (did you mean 'path'?)"},
      {"- type: core-metrics-extractor\n",
       "- {type: core-metrics-extractor, parameters: {defaultEngine: sglang}}\n", "10:62",
       "set scrape.engine"},
      {"- type: core-metrics-extractor\n",
       "- {type: core-metrics-extractor, parameters: {engineConfigs: []}}\n", "10:47",
       "write them as engines in the DaemonConfig"},
      {"requestHandler", "requesthandler", "23:1", "did you mean 'requestHandler'?"},
      {"requestHandler:", "parser: {pluginRef: passthrough-parser}\nrequestHandler:", "23:9",
       "acts on passthrough-parser in parser"},
      {"kind: EndpointPickerConfig", "kind: DaemonConfig", "2:7",
       "expected here: EndpointPickerConfig, not 'DaemonConfig'"},
  };
  for (const BadEdit& edit : table) {
    const Picker picker = ReadPicker(Edited(kConfig, edit));
    CHECK_FALSE(picker.config);
    CheckFinding(picker.diagnostics, edit);
  }
}

TEST_CASE("bug: parameters that say what scraping does anyway were refused") {
  Picker picker = ReadPicker(
      Edited(kConfig, {"- type: metrics-data-source\n- type: core-metrics-extractor\n",
                       "- type: metrics-data-source\n"
                       "  parameters: {scheme: http, path: /metrics, insecureSkipVerify: true}\n"
                       "- {type: core-metrics-extractor, parameters: {defaultEngine: vllm}}\n",
                       "", ""}));
  for (const api::Diagnostic& d : picker.diagnostics) UNSCOPED_INFO(d.ToString());
  REQUIRE(picker.config);
  CHECK(picker.diagnostics.empty());
  CHECK(picker.config->plugins[2].parameters.is_null());
}

TEST_CASE("openai-parser alone is accepted with a warning") {
  for (const BadEdit& edit :
       {BadEdit{", {pluginRef: passthrough-parser}", "", "23:28", "routed without a model"},
        BadEdit{"requestHandler: {parsers: [{pluginRef: openai-parser}, {pluginRef: "
                "passthrough-parser}]}",
                "parser: {pluginRef: openai-parser}", "23:9", "routed without a model"}}) {
    const Picker picker = ReadPicker(Edited(kConfig, edit));
    CHECK(picker.config);
    CheckFinding(picker.diagnostics, edit);
    CHECK_FALSE(api::HasErrors(picker.diagnostics));
  }
}

TEST_CASE("older spellings of the data layer and the detector are read") {
  const Picker picker = ReadPicker(R"(apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
featureGates: [dataLayer]
plugins: [{type: queue-scorer}]
data: {sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: core-metrics-extractor}]}]}
saturationDetector: {pluginRef: utilization-detector}
)");
  CHECK(picker.diagnostics.empty());
  CHECK(picker.config);
  CHECK_FALSE(ReadPicker("apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n"
                         "saturationDetector: {queueDepthThreshold: 5}\n")
                  .config);
}

TEST_CASE("a detector that would be a filter is refused") {
  const Picker picker = ReadPicker(
      "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins:\n- type: "
      "utilization-detector\n");
  REQUIRE(picker.diagnostics.size() == 1);
  CHECK_THAT(picker.diagnostics[0].ToString(), Catch::StartsWith("f.yaml:4:3: error: "));
}

TEST_CASE("a plugin declared under a name of its own is found behind it") {
  const BadEdit edit{"- type: metrics-data-source", "- {name: m, type: metrics-data-source}", "",
                     ""};
  CHECK(ReadPicker(Edited(Edited(kConfig, edit),
                          {"- pluginRef: metrics-data-source", "- pluginRef: m", "", ""}))
            .config);
}

}  // namespace
}  // namespace inference::manifest
