#include "inferencectl/changes/kinds.h"

#include <array>
#include <vector>

#include "base/text.h"
#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

struct Names {
  std::string_view kind;
  std::string_view words;  // lower case, separated by '|'
};

constexpr std::array kNames{
    Names{"InferencePool", "inferencepool|inferencepools|pool|pools|infpool"},
    Names{"EndpointSet", "endpointset|endpointsets|eps"},
    Names{"InferenceModelRewrite",
          "inferencemodelrewrite|inferencemodelrewrites|rewrite|rewrites|rw"},
    Names{"InferenceModel", "inferencemodel|inferencemodels|model|models"},
    Names{"InferenceObjective", "inferenceobjective|inferenceobjectives|objective|objectives|obj"},
    Names{"HTTPRoute", "httproute|httproutes|route|routes"},
};

}  // namespace

Result<std::string> KindOf(std::string_view word) {
  const std::string lower = base::ToLower(word);
  std::vector<std::string_view> known;
  for (const Names& names : kNames) {
    for (const std::string_view each : base::SplitTrimmed(names.words, '|')) {
      if (each == lower) return std::string(names.kind);
      known.push_back(each);
    }
  }
  const std::string_view meant = base::ClosestMatch(lower, known);
  return Status(
      Code::kInvalidArgument,
      "unknown kind \"" + base::Printable(word) + "\"" +
          (meant.empty() ? "; there are InferencePool, EndpointSet, InferenceModelRewrite, "
                           "InferenceModel, InferenceObjective and HTTPRoute"
                         : "; did you mean \"" + std::string(meant) + "\"?"));
}

admin::v1::ObjectKey KeyOf(const std::string& kind, std::string_view name, std::string_view ns) {
  const size_t slash = name.find('/');
  admin::v1::ObjectKey key;
  key.set_kind(kind);
  key.set_namespace_(std::string(slash == name.npos ? ns : name.substr(0, slash)));
  key.set_name(std::string(slash == name.npos ? name : name.substr(slash + 1)));
  return key;
}

std::string Title(const admin::v1::ObjectKey& key) {
  return SafeForTerminal(key.kind() + " " + key.namespace_() + "/" + key.name());
}

}  // namespace inference::ctl
