#include "manifest/schema/schema.h"

// The configuration file of the command line.
namespace inference::manifest::schema {
namespace {

constexpr std::string_view kColors[] = {"auto", "always", "never"};
constexpr std::string_view kOutputs[] = {"table", "wide", "text", "json", "jsonl", "yaml", "name"};
constexpr std::string_view kFailOn[] = {"error", "warning", "info"};
constexpr std::string_view kLevels[] = {"error", "warning", "info"};
constexpr Field kLevel = {.type = Type::kString, .one_of = kLevels};
constexpr Field kCode = {.type = Type::kString, .min = 1};
constexpr Field kLintFields[] = {
    {.name = "failOn",
     .type = Type::kString,
     .one_of = kFailOn,
     .def = "error",
     .doc = "The least level of a finding that makes validate's exit code 1."},
    {.name = "gieVersion",
     .type = Type::kString,
     .doc = "Release of the Gateway API Inference Extension in use, as \"1.3\"."},
    {.name = "severity",
     .type = Type::kMap,
     .doc = "Other levels for findings, by code or name.",
     .items = &kLevel},
    {.name = "disable",
     .type = Type::kList,
     .doc = "Codes or names of findings that are not reported.",
     .items = &kCode},
};
constexpr Field kReplica = {.type = Type::kString, .min = 1};
constexpr Field kFields[] = {
    {.name = "server",
     .type = Type::kString,
     .doc = "The daemon's admin address, unix:///path. Not in a project's file."},
    {.name = "replicas",
     .type = Type::kList,
     .doc = "Admin addresses of all daemons that serve the same pools, for drains. Not in a "
            "project's file.",
     .items = &kReplica},
    {.name = "timeout",
     .type = Type::kDuration,
     .def = "10s",
     .doc = "How long to wait for an answer. Not in a project's file."},
    {.name = "color",
     .type = Type::kString,
     .one_of = kColors,
     .def = "auto",
     .doc = "When output has colours. Not in a project's file."},
    {.name = "output",
     .type = Type::kString,
     .one_of = kOutputs,
     .doc = "The form of answers, for the verbs that have it. Not in a project's file."},
    {.name = "lint", .doc = "How validate judges.", .fields = kLintFields},
};

constexpr Kind kKinds[] = {
    {"inferenced.dev/v1alpha1", "InferencectlConfig", "", "", Use::kFile,
     "Configuration of inferencectl: .inferencectl.yaml of a project, config.yaml of a user or of "
     "the host.",
     kFields, false},
};

}  // namespace

std::span<const Kind> CommandLineKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
