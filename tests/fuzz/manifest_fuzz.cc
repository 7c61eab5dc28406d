// Configuration files. First byte: the kind of file ('m' manifests, 'd' DaemonConfig, 'p'
// EndpointPickerConfig; anything else: manifests of the whole input). Whatever is accepted can be
// checked, dumped, rendered, and judged with all rules; every finding has a place inside the file;
// a dump reads back the same; an annotation that comes and goes leaves no trace.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "manifest/edit/annotation.h"
#include "manifest/edit/tree.h"
#include "manifest/lint/lint.h"
#include "manifest/reader.h"
#include "manifest/render.h"

namespace {

using namespace inference;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckFindings(const api::Diagnostics& diagnostics, std::string_view text) {
  int lines = 1;
  for (const char c : text) lines += c == '\n';
  for (const api::Diagnostic& d : diagnostics) {
    Require(d.origin.known() && !d.code.empty() && !d.message.empty());
    Require(d.origin.line <= lines && d.origin.line >= 0 && d.origin.column >= 0);
    Require(d.message.find('\n') == std::string::npos);
  }
  const std::string shown = manifest::RenderText(
      diagnostics, [&](const std::string&) { return std::string(text); }, true);
  Require(shown.empty() == diagnostics.empty());
}

std::string WithoutComments(const std::string& dump) {
  std::string out;
  for (size_t i = 0; i < dump.size();) {
    const size_t end = dump.find('\n', i);
    const std::string line = dump.substr(i, end - i);
    out += line.substr(0, line.rfind("  # ")) + "\n";
    i = end + 1;
  }
  return out;
}

void CheckAnnotations(std::string_view text, const manifest::Limits& limits) {
  constexpr std::string_view kKey = "a.dev/b";
  const auto read = [&](std::string_view from) {
    api::Diagnostics found;
    auto documents = manifest::ParseDocuments("f", from, found, limits);
    return api::HasErrors(found) ? std::vector<manifest::Node>() : documents;
  };
  const auto documents = read(text);
  for (size_t i = 0; i < documents.size(); ++i) {
    const auto* metadata = manifest::edit::FindMember(documents[i], "metadata");
    if (metadata == nullptr || !manifest::edit::FindMember(metadata->value, "name")) continue;
    if (manifest::edit::FindMember(metadata->value, "annotations") != nullptr) continue;
    const auto with =
        manifest::edit::SetAnnotation("f", text, documents, i, kKey, "{\"it's\"}", limits);
    if (!with) continue;
    const auto without =
        manifest::edit::SetAnnotation("f", *with, read(*with), i, kKey, std::nullopt, limits);
    Require(without.ok() && *without == text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const char kind = text.empty() ? 'm' : text.front();
  if (kind == 'm' || kind == 'd' || kind == 'p') text.remove_prefix(text.empty() ? 0 : 1);
  // Small limits, so that they are reached.
  const manifest::Limits limits{.max_bytes = 64 << 10, .max_depth = 16, .max_nodes = 4096};
  api::Diagnostics diagnostics;
  if (kind == 'd') {
    const auto config = manifest::ReadDaemonConfig("f", text, diagnostics, limits);
    Require(config.has_value() == !api::HasErrors(diagnostics));
    if (config) {
      const std::string dump = manifest::DumpDaemonConfig(*config);
      api::Diagnostics again;
      const auto second = manifest::ReadDaemonConfig("f", dump, again);
      Require(second.has_value());
      Require(WithoutComments(manifest::DumpDaemonConfig(*second)) == WithoutComments(dump));
    }
  } else if (kind == 'p') {
    const auto config = manifest::ReadPickerConfig("f", text, diagnostics, limits);
    Require(config.has_value() == !api::HasErrors(diagnostics));
  } else {
    manifest::ManifestSet set;
    manifest::ReadManifests("f", text, set, diagnostics, limits);
    if (!api::HasErrors(diagnostics)) {
      manifest::CheckReferences(set, diagnostics);
      for (const api::InferencePool& pool : set.pools) {
        Require(!pool.meta.name.empty() && !pool.target_ports.empty());
        Require(!pool.match_labels.empty());
      }
      for (const api::EndpointSet& endpoints : set.endpoint_sets) {
        for (const api::EndpointSet::Endpoint& endpoint : endpoints.endpoints) {
          Require(endpoint.address.empty() != endpoint.dns.empty());
        }
      }
    }
  }
  CheckFindings(diagnostics, text);
  CheckAnnotations(text, limits);
  // The whole judgement, whatever kind of file it is.
  const auto verdict =
      manifest::lint::Run({{"f", std::string(text)}}, {.limits = limits, .threads = 1});
  CheckFindings(verdict.findings, text);
  Require(!verdict.unusable || api::HasErrors(verdict.findings));
  return 0;
}
