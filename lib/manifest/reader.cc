#include "manifest/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/document_text.h"
#include "manifest/kinds.h"
#include "manifest/single_document.h"

namespace inference::manifest {
namespace {

namespace codes = api::codes;

void ReadObject(const Node& document, std::string text, ManifestSet& out,
                api::Diagnostics& diagnostics);

// `kind: List` as kubectl prints it; lists in lists are not.
void ReadListObject(const Node& document, ManifestSet& out, api::Diagnostics& diagnostics) {
  MapReader map(document, "", diagnostics);
  map.Ignore({"apiVersion", "kind", "metadata"});
  const Node* items = map.Need("items");
  map.Done();
  if (!items) return;
  const auto* list = ReadList(*items, "items", 0, 100'000, diagnostics);
  if (!list) return;
  for (const Node& item : *list) {
    if (item.kind != Node::Kind::kMap) {
      Report(diagnostics, codes::kWrongType, item.at,
             fmt::format("an item of a List must be a map, not {}", Describe(item)));
      continue;
    }
    ReadObject(item, WriteDocument(item), out, diagnostics);
  }
}

void AddText(const TypeMeta& type, const api::ObjectMeta& meta, std::string text,
             ManifestSet& out) {
  const std::string group = type.api_version.substr(0, type.api_version.find('/'));
  out.objects.push_back(
      {group, type.kind, meta.ns, meta.name, meta.labels, std::move(text), meta.origin});
}

void ReadObject(const Node& document, std::string text, ManifestSet& out,
                api::Diagnostics& diagnostics) {
  if (document.kind != Node::Kind::kMap) {
    Report(diagnostics, codes::kWrongType, document.at,
           fmt::format("a document must be a map with apiVersion and kind, not {}",
                       Describe(document)));
    return;
  }
  const TypeMeta type = ReadTypeMeta(document, diagnostics);
  if (type.api_version.empty() || type.kind.empty()) return;
  if (!IsActedOn(type.api_version, type.kind)) return RefuseKind(type, diagnostics);
  const auto add = [&](auto& objects, auto object) {
    AddText(type, object.meta, std::move(text), out);
    objects.push_back(std::move(object));
  };
  if (type.kind == "InferencePool") {
    add(out.pools, ReadInferencePool(document, diagnostics));
  } else if (type.kind == "EndpointSet") {
    add(out.endpoint_sets, ReadEndpointSet(document, diagnostics));
  } else if (type.kind == "InferenceModelRewrite") {
    add(out.rewrites, ReadModelRewrite(document, diagnostics));
  } else if (type.kind == "InferenceModel") {
    const std::string version = type.api_version.substr(type.api_version.find('/') + 1);
    add(out.rewrites, ReadInferenceModel(document, version, diagnostics));
  } else if (type.kind == "InferenceObjective") {
    add(out.objectives, ReadObjective(document, diagnostics));
  } else {
    add(out.routes, ReadHttpRoute(document, diagnostics));
  }
}

}  // namespace

const Node* OnlyDocument(const std::string& path, const std::vector<Node>& documents,
                         const ExpectedKind& expected, api::Diagnostics& out) {
  if (documents.empty()) {
    Report(out, codes::kWrongDocumentCount, {std::make_shared<const std::string>(path), 0, 0},
           fmt::format("the file holds no {}", expected.kind));
    return nullptr;
  }
  const Node& document = documents.front();
  for (size_t i = 1; i < documents.size(); ++i) {
    Report(out, codes::kWrongDocumentCount, documents[i].at,
           fmt::format("only one {} is expected, this is document {}", expected.kind, i + 1),
           "put it into a file of its own");
  }
  if (document.kind != Node::Kind::kMap) {
    Report(out, codes::kWrongType, document.at,
           fmt::format("the document must be a map, not {}", Describe(document)));
    return nullptr;
  }
  const TypeMeta type = ReadTypeMeta(document, out);
  if (type.api_version.empty() || type.kind.empty()) return nullptr;
  if (type.kind != expected.kind) {
    Report(
        out, codes::kUnknownKind, type.kind_at,
        fmt::format("expected here: {}, not '{}'", expected.kind, base::Printable(type.kind, 60)));
    return nullptr;
  }
  const auto& versions = expected.api_versions;
  if (std::find(versions.begin(), versions.end(), type.api_version) == versions.end()) {
    Report(out, codes::kUnknownKind, type.api_version_at,
           fmt::format("there is no {} in '{}'", type.kind, base::Printable(type.api_version, 80)),
           fmt::format("its apiVersion is {}", versions.front()));
    return nullptr;
  }
  return &document;
}

void SortByPosition(api::Diagnostics& diagnostics, size_t first) {
  std::stable_sort(diagnostics.begin() + static_cast<std::ptrdiff_t>(first), diagnostics.end(),
                   [](const api::Diagnostic& a, const api::Diagnostic& b) {
                     return std::tie(a.origin.line, a.origin.column) <
                            std::tie(b.origin.line, b.origin.column);
                   });
}

void ManifestSet::Append(const ManifestSet& other) {
  pools.insert(pools.end(), other.pools.begin(), other.pools.end());
  endpoint_sets.insert(endpoint_sets.end(), other.endpoint_sets.begin(), other.endpoint_sets.end());
  rewrites.insert(rewrites.end(), other.rewrites.begin(), other.rewrites.end());
  objectives.insert(objectives.end(), other.objectives.begin(), other.objectives.end());
  routes.insert(routes.end(), other.routes.begin(), other.routes.end());
  objects.insert(objects.end(), other.objects.begin(), other.objects.end());
}

void ReadManifests(const std::string& path, std::string_view text, ManifestSet& out,
                   api::Diagnostics& diagnostics, const Limits& limits) {
  const size_t first = diagnostics.size();
  const auto documents = ParseDocuments(path, text, diagnostics, limits);
  if (documents.empty() && diagnostics.size() == first) {
    // What a full disk or a slip of the shell leaves: say which file it is.
    diagnostics.push_back({api::Severity::kWarning,
                           std::string(api::codes::kEmptyFile),
                           {std::make_shared<const std::string>(path), 1, 1},
                           "this file has no object",
                           "what it held before is gone with this change"});
  }
  const std::vector<DocumentText> texts = SplitDocuments(text);
  for (const Node& document : documents) {
    const bool list =
        document.kind == Node::Kind::kMap &&
        std::any_of(document.members.begin(), document.members.end(), [](const NodeMember& member) {
          return member.key == "kind" && member.value.text == "List";
        });
    if (list) {
      ReadListObject(document, out, diagnostics);
    } else {
      ReadObject(document, TextOf(document, texts), out, diagnostics);
    }
  }
  SortByPosition(diagnostics, first);
}

}  // namespace inference::manifest
