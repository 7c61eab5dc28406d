#include "manifest/lint/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <tuple>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/kinds.h"
#include "manifest/lint/embedded.h"
#include "manifest/lint/hints.h"
#include "manifest/schema/check.h"

namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

// Releases in which rules of the InferencePool's CRD changed.
constexpr std::string_view kPickerOptional = "1.6";
constexpr std::string_view kSeveralPorts = "1.1";

// Everything about one file, made by one thread.
struct FileResult {
  SourceFile file;
  std::vector<Object> objects;
  std::vector<TypeMeta> others;  // of our kinds, but nothing that inferenced acts on
  ManifestSet set;
  std::optional<api::DaemonConfig> daemon;
  std::vector<api::EndpointPickerConfig> pickers;
  api::Diagnostics found;
  size_t documents = 0;
};

bool IsOurGroup(std::string_view group) {
  return group == "inferenced.dev" || group == "llm-d.ai" ||
         group.find("inference.networking") != std::string_view::npos ||
         group == "gateway.networking.k8s.io";
}

void ReportUnknownKind(const TypeMeta& type, api::Diagnostics& out) {
  if (!IsOurGroup(schema::GroupOf(type.api_version))) return;
  std::string versions;
  std::vector<std::string_view> names;
  for (const schema::Kind& kind : schema::Kinds()) {
    names.push_back(kind.kind);
    if (kind.kind == type.kind) {
      versions += (versions.empty() ? "" : ", ") + std::string(kind.api_version);
    }
  }
  const std::string shown = base::Printable(type.api_version, 80);
  if (!versions.empty()) {
    Report(out, codes::kUnknownKind, type.api_version_at,
           fmt::format("there is no {} in '{}'", type.kind, shown), "it is in " + versions);
    return;
  }
  // The rest of the Gateway API is the gateway's business.
  if (schema::GroupOf(type.api_version) == "gateway.networking.k8s.io") return;
  const std::string_view meant = base::ClosestMatch(type.kind, names);
  Report(out, codes::kUnknownKind, type.kind_at,
         fmt::format("unknown kind '{}' ({})", base::Printable(type.kind, 60), shown),
         meant.empty() ? "" : fmt::format("did you mean '{}'?", meant));
}

class FileReader {
 public:
  FileReader(const Options& options, FileResult& result) : options_(options), result_(result) {}

  void Read(SourceText source) {
    result_.file.path = std::move(source.path);
    result_.file.text = std::move(source.text);
    SourceFile& file = result_.file;
    if (!source.status.ok()) {
      const bool large = source.status.code() == Code::kResourceExhausted;
      Report(result_.found, large ? codes::kLimit : codes::kUnreadable, WholeFile(0),
             source.status.message());
      file.unusable = true;
      return;
    }
    file.documents = ParseDocuments(file.path, file.text, result_.found, options_.limits);
    file.unusable = api::HasErrors(result_.found);
    result_.documents = file.documents.size();
    if (file.documents.empty() && !file.unusable) {
      Warn(result_.found, codes::kEmptyFile, WholeFile(1), "this file has no object",
           "what it held before is gone with this change");
    }
    if (file.documents.size() == 1 && ReadConfiguration(file.documents[0])) return;
    for (size_t i = 0; i < file.documents.size(); ++i) {
      Document(file.documents[i], static_cast<int>(i));
    }
    CheckAlone();
  }

 private:
  api::Origin WholeFile(int line) const {
    return {std::make_shared<const std::string>(result_.file.path), line, line};
  }

  // A configuration file, which stands alone.
  bool ReadConfiguration(const Node& document) {
    const SourceFile& file = result_.file;
    const std::string_view kind = TextAt(document, "kind");
    const size_t before = result_.found.size();
    if (kind == "DaemonConfig") {
      result_.daemon = ReadDaemonConfig(file.path, file.text, result_.found, options_.limits);
    } else if (kind == "EndpointPickerConfig") {
      auto picker = ReadPickerConfig(file.path, file.text, result_.found, options_.limits,
                                     PickerUse::kAnyPicker);
      if (picker) result_.pickers.push_back(std::move(*picker));
    } else {
      return false;
    }
    const schema::Kind* known = schema::FindKind(TextAt(document, "apiVersion"), kind);
    if (known == nullptr) return true;
    CheckWhatIsPassedOver(document, *known, before);
    AddObject(document, *known, 0, before);
    return true;
  }

  // The reader does not look into what this build does not act on.
  void CheckWhatIsPassedOver(const Node& document, const schema::Kind& kind, size_t before) {
    std::set<std::pair<int, int>> said;
    for (size_t i = before; i < result_.found.size(); ++i) {
      said.emplace(result_.found[i].origin.line, result_.found[i].origin.column);
    }
    api::Diagnostics found;
    schema::Check(document, kind, {options_.release}, found);
    for (api::Diagnostic& d : found) {
      if (!said.contains({d.origin.line, d.origin.column})) result_.found.push_back(std::move(d));
    }
  }

  // A configuration among several documents: no program would read it.
  void CheckAlone() {
    const auto& documents = result_.file.documents;
    for (const Object& object : result_.objects) {
      if (documents.size() == 1 || object.embedded || object.kind->has_metadata ||
          object.kind->use != schema::Use::kFile) {
        continue;
      }
      Report(result_.found, codes::kWrongDocumentCount,
             documents[object.document == 0 ? 1 : static_cast<size_t>(object.document)].at,
             fmt::format("a file with {} holds nothing else, this one has {} documents",
                         object.kind->kind, documents.size()),
             "put it into a file of its own");
      return;
    }
  }

  void Document(const Node& document, int index) {
    if (TextAt(document, "kind") == "List") {
      for (const Node& item : ItemsAt(document, "items")) One(item, index);
      return;
    }
    One(document, index);
  }

  void One(const Node& document, int index) {
    const size_t before = result_.found.size();
    if (document.kind != Node::Kind::kMap) {
      Report(result_.found, codes::kWrongType, document.at,
             fmt::format("a document must be a map with apiVersion and kind, not {}",
                         Describe(document)));
      return;
    }
    if (IsMonitoringFile(document) || IsHelmChart(document)) return;
    if (At(document, "apiVersion") == nullptr && At(document, "kind") == nullptr) {
      Warn(result_.found, codes::kUnknownKind, document.at,
           "neither apiVersion nor kind: this is no manifest", "it is passed over");
      return;
    }
    const TypeMeta type = ReadTypeMeta(document, result_.found);
    if (type.api_version.empty() || type.kind.empty()) return;
    const schema::Kind* kind = schema::FindKind(type.api_version, type.kind);
    if (kind == nullptr) return ReportUnknownKind(type, result_.found);
    Check(document, *kind);
    if (!IsActedOn(type.api_version, type.kind)) {
      result_.others.push_back(type);
    }
    AddObject(document, *kind, index, before);
    if (kind->kind == "ConfigMap") ReadTexts(document, index);
  }

  // Charts of the reference picker ship its configuration as a text in a ConfigMap.
  void ReadTexts(const Node& config_map, int index) {
    const Node* data = At(config_map, "data");
    if (data == nullptr) return;
    for (const NodeMember& member : data->members) {
      if (!MayHoldConfiguration(member.value)) continue;
      std::vector<Node> documents =
          ParseEmbedded(result_.file, member.value, result_.found, options_.limits);
      for (Node& document : documents) {
        if (TextAt(document, "apiVersion").empty() || TextAt(document, "kind").empty()) continue;
        result_.file.embedded.push_back(std::move(document));
        ReadEmbedded(result_.file.embedded.back(), documents.size(), index);
      }
    }
  }

  void ReadEmbedded(const Node& document, size_t documents, int index) {
    const size_t before = result_.found.size();
    const TypeMeta type = ReadTypeMeta(document, result_.found);
    const schema::Kind* kind = schema::FindKind(type.api_version, type.kind);
    if (kind == nullptr) return ReportUnknownKind(type, result_.found);
    if (kind->kind != "EndpointPickerConfig") return;
    if (documents > 1) {
      Report(result_.found, codes::kWrongDocumentCount, document.at,
             fmt::format("a text with EndpointPickerConfig holds nothing else, this one has {} "
                         "documents",
                         documents));
    }
    api::EndpointPickerConfig config =
        ReadEndpointPickerConfig(document, PickerUse::kAnyPicker, result_.found);
    CheckWhatIsPassedOver(document, *kind, before);
    AddObject(document, *kind, index, before);
    result_.objects.back().embedded = true;
    if (result_.objects.back().sound) result_.pickers.push_back(std::move(config));
  }

  // `before`: the findings that were there before the object was checked.
  void AddObject(const Node& document, const schema::Kind& kind, int index, size_t before) {
    for (size_t i = before; i < result_.found.size(); ++i) {
      api::Diagnostic& d = result_.found[i];
      if (d.code == codes::kUnknownField && d.note.empty()) {
        d.note = UnknownFieldNote(document, kind, d.origin);
      } else if (d.code == codes::kWrongType && d.note.empty()) {
        d.note = WrongShapeNote(document, kind, d.origin);
      }
    }
    Object object;
    object.kind = &kind;
    object.node = &document;
    if (kind.has_metadata) {
      object.ns = TextAt(document, "metadata.namespace", "default");
      object.name = TextAt(document, "metadata.name");
    }
    object.document = index;
    object.sound = std::none_of(
        result_.found.begin() + static_cast<std::ptrdiff_t>(before), result_.found.end(),
        [](const api::Diagnostic& d) { return d.severity == api::Severity::kError; });
    result_.objects.push_back(std::move(object));
  }

  void Check(const Node& document, const schema::Kind& kind) {
    if (kind.kind == "InferencePool" && kind.api_version == kPoolApiVersion) {
      result_.set.pools.push_back(ReadInferencePool(document, result_.found));
      CheckRelease(document, kind);
    } else if (kind.kind == "EndpointSet") {
      result_.set.endpoint_sets.push_back(ReadEndpointSet(document, result_.found));
    } else {
      schema::Check(document, kind, {options_.release}, result_.found);
    }
  }

  // The reader has said everything else.
  void CheckRelease(const Node& document, const schema::Kind& kind) {
    api::Diagnostics found;
    schema::Check(document, kind, {options_.release}, found);
    for (api::Diagnostic& d : found) {
      if (d.code == codes::kNotInRelease) result_.found.push_back(std::move(d));
    }
    if (options_.release.empty()) return;
    const Node* spec = At(document, "spec");
    if (spec == nullptr) return;
    if (At(*spec, "endpointPickerRef") == nullptr &&
        schema::IsEarlier(options_.release, kPickerOptional)) {
      Report(result_.found, codes::kMissing, spec->at,
             fmt::format("spec.endpointPickerRef is missing; these manifests are for {}",
                         options_.release),
             fmt::format("it may be left out since release {}", kPickerOptional));
    }
    const Node* ports = At(*spec, "targetPorts");
    if (ports != nullptr && ports->items.size() > 1 &&
        schema::IsEarlier(options_.release, kSeveralPorts)) {
      Report(result_.found, codes::kTargetPorts, ports->at,
             fmt::format("spec.targetPorts has {} items; these manifests are for {}",
                         ports->items.size(), options_.release),
             fmt::format("several ports came with release {}", kSeveralPorts));
    }
  }

  const Options& options_;
  FileResult& result_;
};

std::vector<FileResult> ReadAll(std::vector<SourceText> files, const Options& options) {
  std::vector<FileResult> results(files.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < files.size(); i = next++) {
      FileReader(options, results[i]).Read(std::move(files[i]));
    }
  };
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t wanted = options.threads > 0 ? static_cast<size_t>(options.threads) : cores;
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(wanted, files.size()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return results;
}

void CheckDuplicates(const Workspace& workspace, api::Diagnostics& out) {
  std::map<std::tuple<std::string_view, std::string_view, std::string_view, std::string_view>,
           const Object*>
      seen;
  for (const Object& object : workspace.objects()) {
    const auto [it, inserted] =
        seen.emplace(std::tuple(schema::GroupOf(object.kind->api_version), object.kind->kind,
                                std::string_view(object.ns), std::string_view(object.name)),
                     &object);
    if (inserted || object.name.empty()) continue;
    Report(out, codes::kDuplicateObject, object.node->at,
           fmt::format("{} is defined twice", object.Title()),
           "the first one is at " + it->second->node->at.ToString());
  }
}

// What the daemon's own check of references says, without what the rules for clusters say better.
void CheckFileMode(const ManifestSet& set, const std::vector<api::DaemonConfig>& daemons,
                   bool has_workloads, api::Diagnostics& out) {
  api::Diagnostics found;
  CheckReferences(set, found);
  for (const api::DaemonConfig& daemon : daemons) {
    if (!set.pools.empty() || !set.endpoint_sets.empty()) CheckReferences(set, daemon, found);
  }
  for (api::Diagnostic& d : found) {
    if (d.code == codes::kDuplicateObject) continue;  // said for all kinds alike
    // A cluster's servers are judged by their labels, or they are elsewhere.
    const bool file_mode = !daemons.empty() || !set.endpoint_sets.empty();
    if (d.code == codes::kSelectsNothing && (has_workloads || !file_mode)) continue;
    out.push_back(std::move(d));
  }
}

void SortFindings(const std::vector<SourceFile>& files, api::Diagnostics& findings) {
  std::map<std::string_view, size_t> order;
  for (size_t i = 0; i < files.size(); ++i) order.emplace(files[i].path, i);
  const auto rank = [&](const api::Diagnostic& d) {
    const auto found = d.origin.file ? order.find(*d.origin.file) : order.end();
    return std::tuple(found == order.end() ? files.size() : found->second, d.origin.line,
                      d.origin.column, std::string_view(d.code));
  };
  std::stable_sort(findings.begin(), findings.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

// Last of all: an ignore of a finding that isn't reported here may be needed elsewhere.
void SetLevels(const Options& options, api::Diagnostics& findings,
               std::vector<Suppressed>& suppressed) {
  const auto is_off = [&](api::Diagnostic& d) {
    const auto level = options.levels.find(d.code);
    if (level == options.levels.end()) return false;
    if (level->second) d.severity = *level->second;
    return !level->second.has_value();
  };
  std::erase_if(findings, is_off);
  std::erase_if(suppressed, [&](Suppressed& each) { return is_off(each.finding); });
}

bool IsWorkload(const Object& object) {
  return !PodTemplatesOf(object).empty();
}

/// What the files say together, file by file in their order.
struct Whole {
  std::vector<SourceFile> files;
  std::vector<Object> objects;
  ManifestSet set;
  Configurations configurations;
  std::vector<TypeMeta> others;
  api::Diagnostics findings;
  size_t documents = 0;
  bool unusable = false;
};

template <typename T>
void MoveBehind(std::vector<T>& from, std::vector<T>& to) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

Whole Join(std::vector<FileResult> results) {
  Whole whole;
  for (FileResult& result : results) {
    for (Object& object : result.objects) {
      object.file = whole.files.size();
      whole.objects.push_back(std::move(object));
    }
    whole.documents += result.documents;
    whole.unusable = whole.unusable || result.file.unusable;
    whole.files.push_back(std::move(result.file));
    MoveBehind(result.set.pools, whole.set.pools);
    MoveBehind(result.set.endpoint_sets, whole.set.endpoint_sets);
    if (result.daemon) whole.configurations.daemons.push_back(std::move(*result.daemon));
    MoveBehind(result.pickers, whole.configurations.pickers);
    MoveBehind(result.others, whole.others);
    MoveBehind(result.found, whole.findings);
  }
  return whole;
}

// A check that looked at nothing must not pass.
void CheckNotEmpty(Whole& whole) {
  if (whole.documents > 0 || api::HasErrors(whole.findings)) return;
  whole.findings.clear();  // each file that is empty, which is said at once
  api::Origin at;
  if (whole.files.size() == 1) {
    at = {std::make_shared<const std::string>(whole.files[0].path), 1, 1};
  }
  Report(whole.findings, codes::kNoObjects, at, "there is no object, so nothing was checked",
         "a path or a template may be wrong; --allow-empty if it is fine");
  whole.unusable = true;
}

// With inferenced itself among the files, what only other pickers act on is a mistake.
void RefuseForInferenced(Whole& whole) {
  if (whole.configurations.daemons.empty()) return;
  for (const TypeMeta& type : whole.others) RefuseKind(type, whole.findings);
  for (api::Diagnostic& d : whole.findings) {
    if (d.code == codes::kFieldNotActedOn) d.severity = api::Severity::kError;
  }
}

}  // namespace

Verdict Run(std::vector<SourceText> sources, const Options& options) {
  Whole whole = Join(ReadAll(std::move(sources), options));
  if (!options.allow_empty) CheckNotEmpty(whole);
  RefuseForInferenced(whole);
  api::Diagnostics findings = std::move(whole.findings);
  Workspace workspace(std::move(whole.files), std::move(whole.objects));
  CheckDuplicates(workspace, findings);
  // What refers to something that could not be read would only repeat the first mistake.
  if (!api::HasErrors(findings)) {
    const bool workloads =
        std::any_of(workspace.objects().begin(), workspace.objects().end(), IsWorkload);
    CheckFileMode(whole.set, whole.configurations.daemons, workloads, findings);
  }
  for (const auto rules : {ReferenceRules(), PortRules(), TrafficRules(), ServedModelRules(),
                           RolloutRules(), LifecycleRules(), DrainRules(), PickerConfigRules(),
                           AvailabilityRules(), MigrationRules()}) {
    for (const Rule rule : rules) rule(workspace, findings);
  }
  if (options.before != nullptr) CheckUpdate(*options.before, workspace, findings);
  if (options.check_configurations) options.check_configurations(whole.configurations, findings);
  std::vector<Suppressed> suppressed = TakeIgnored(workspace, findings, options.before != nullptr);
  SetLevels(options, findings, suppressed);
  SortFindings(workspace.files(), findings);
  return {std::move(workspace), std::move(findings), std::move(suppressed), whole.documents,
          whole.unusable};
}

}  // namespace inference::manifest::lint
