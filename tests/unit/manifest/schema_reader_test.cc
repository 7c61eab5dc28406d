// The tables of schema/ and the hand-written readers of the same kinds say the same: every field of
// a table is read, what is in no table is refused, and both judge every value alike.
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "api/text_values.h"
#include "manifest/document.h"
#include "manifest/fields.h"
#include "manifest/kinds.h"
#include "manifest/reader.h"
#include "manifest/schema/check.h"

namespace inference::manifest::schema {
namespace {

using Json = nlohmann::ordered_json;

// Values that are good where the table alone doesn't give one; by path without "[]" and "{}".
const std::map<std::string, Json> kGood{
    {"metadata.name", "a"},
    {"listeners.address", "127.0.0.1:0"},
    {"listeners.tls", {{"mode", "files"}, {"certFile", "c"}, {"keyFile", "k"}}},
    {"listeners.tls.mode", "files"},
    {"health.address", "127.0.0.1:1"},
    {"http.address", "127.0.0.1:2"},
    {"admin.address", "unix:///run/a.sock"},
    {"scrape", {{"certFile", "c"}, {"keyFile", "k"}}},
    {"pools.scrape", {{"certFile", "c"}, {"keyFile", "k"}}},
    {"scrape.path", "/p"},
    {"pools.scrape.path", "/p"},
    {"routes", {{"r", "llm/qwen"}}},
    {"plugins.type", "queue-scorer"},
    {"plugins.name", "queue"},
    {"plugins.parameters", Json::object()},
    {"featureGates", {"dataLayer"}},
    {"spec.endpoints.address", "10.0.0.1"},
    {"spec.endpoints.dns", "a.example"},
    {"spec.endpointPickerRef.port", {{"number", 9002}}},
    {"spec.endpointPickerRef", {{"name", "epp"}, {"port", {{"number", 9002}}}}},
    {"spec.endpointPickerRef.group", ""},
    {"spec.endpoints", Json::array({{{"name", "a"}, {"address", "10.0.0.1"}}})},
};

// The key that stands for all in a map.
std::string KeyOf(const std::string& path) {
  return path == "pools" ? "llm/qwen" : path == "spec.selector.matchLabels" ? "app" : "a";
}

Json GoodScalar(const Field& field) {
  if (!field.one_of.empty()) return field.one_of.front();
  if (!field.def.empty() && field.def != "\"\"") {
    return Json::parse(field.def, nullptr, false).is_discarded() ? Json(field.def)
                                                                 : Json::parse(field.def);
  }
  switch (field.type) {
    case Type::kInteger:
    case Type::kNumber:
      return std::max<int64_t>(field.min, 1);
    case Type::kBool:
      return true;
    case Type::kDuration:
      return "1s";
    case Type::kQuantity:
      return "1Mi";
    case Type::kAny:
      return Json::object();
    default:
      return field.name == "pluginRef" || field.name.ends_with("Ref") ? "queue-scorer" : "a";
  }
}

Json Good(const Field& field, const std::string& path);

Json GoodObject(std::span<const Field> fields, const std::string& path) {
  Json out = Json::object();
  for (const Field& field : fields) {
    if (!field.required) continue;
    const std::string name(field.name);
    out[name] = Good(field, path.empty() ? name : path + "." + name);
  }
  return out;
}

Json GoodItem(const Field& field, const std::string& path) {
  const Field& item = *field.items;
  return item.type == Type::kObject ? GoodObject(item.fields, path) : Good(item, path + "[]");
}

Json Good(const Field& field, const std::string& path) {
  if (const auto known = kGood.find(path); known != kGood.end()) return known->second;
  if (field.type == Type::kObject) return GoodObject(field.fields, path);
  if (field.type == Type::kList) return Json::array({GoodItem(field, path)});
  if (field.type == Type::kMap) return {{KeyOf(path), GoodItem(field, path)}};
  return GoodScalar(field);
}

// An endpoint has an address or a name.
void DropOther(Json& document, const std::string& path) {
  if (path == "spec.endpoints.dns") document["spec"]["endpoints"][0].erase("address");
}

/// Puts `value` at a path of the document, with what has to stand around it.
void Put(Json& at, std::span<const Field> fields, std::vector<const Field*> way, std::string path,
         const Json& value) {
  const Field& field = *way.front();
  const std::string name(field.name);
  path += (path.empty() ? "" : ".") + name;
  if (way.size() == 1) {
    at[name] = value;
    return;
  }
  if (!at.contains(name)) at[name] = Good(field, path);
  Json* inner = &at[name];
  const Field* below = &field;
  while (below->items != nullptr) {
    inner = below->type == Type::kList ? &(*inner)[0] : &(*inner)[KeyOf(path)];
    if (inner->is_null()) *inner = GoodItem(*below, path);
    below = below->items;
  }
  way.erase(way.begin());
  Put(*inner, below->fields, way, path, value);
}

struct Subject {
  std::string api_version, kind;
  std::function<void(const std::string& text, api::Diagnostics&)> read;
};

std::vector<Subject> Subjects() {
  const auto manifests = [](const std::string& text, api::Diagnostics& out) {
    ManifestSet set;
    ReadManifests("a.yaml", text, set, out);
  };
  return {
      {"inferenced.dev/v1alpha1", "DaemonConfig",
       [](const std::string& text, api::Diagnostics& out) {
         ReadDaemonConfig("a.yaml", text, out);
       }},
      {"llm-d.ai/v1alpha1", "EndpointPickerConfig",
       [](const std::string& text, api::Diagnostics& out) {
         ReadPickerConfig("a.yaml", text, out);
       }},
      {"inferenced.dev/v1alpha1", "EndpointSet", manifests},
      {"inference.networking.k8s.io/v1", "InferencePool", manifests},
  };
}

Json Frame(const Subject& subject, const Kind& kind) {
  Json out = {{"apiVersion", subject.api_version}, {"kind", subject.kind}};
  if (kind.has_metadata) out["metadata"] = {{"name", "a"}};
  out.update(GoodObject(kind.fields, ""));
  if (subject.kind == "EndpointPickerConfig") {
    out["plugins"] = Json::array({{{"type", "queue-scorer"}}});
  }
  return out;
}

using Found = std::set<std::string>;

Found Judge(const api::Diagnostics& diagnostics) {
  Found out;
  for (const api::Diagnostic& d : diagnostics) {
    if (d.severity != api::Severity::kError) continue;
    out.insert(std::to_string(d.origin.line) + ":" + std::to_string(d.origin.column) + " " +
               d.code);
  }
  return out;
}

Found ByReader(const Subject& subject, const Json& document) {
  api::Diagnostics found;
  subject.read(document.dump(1), found);
  return Judge(found);
}

Found ByTable(const Kind& kind, const Json& document) {
  api::Diagnostics found;
  const auto documents = ParseDocuments("a.yaml", document.dump(1), found, Limits());
  REQUIRE(documents.size() == 1);
  Check(documents[0], kind, {}, found);
  return Judge(found);
}

bool Has(const Found& found, std::string_view code) {
  return std::any_of(found.begin(), found.end(),
                     [&](const std::string& each) { return each.ends_with(code); });
}

/// Calls `visit` for every field of the kind, `status` left out.
void ForEachField(std::span<const Field> fields, std::vector<const Field*> way,
                  const std::function<void(const std::vector<const Field*>&)>& visit) {
  for (const Field& field : fields) {
    if (way.empty() && field.name == "status") continue;
    way.push_back(&field);
    visit(way);
    const Field* inner = &field;
    while (inner->items != nullptr) inner = inner->items;
    ForEachField(inner->fields, way, visit);
    way.pop_back();
  }
}

std::string PathOf(const std::vector<const Field*>& way) {
  std::string path;
  for (const Field* field : way) path += (path.empty() ? "" : ".") + std::string(field->name);
  return path;
}

TEST_CASE("readers take every field of their table") {
  for (const Subject& subject : Subjects()) {
    const Kind& kind = *FindKind(subject.api_version, subject.kind);
    INFO(subject.kind);
    CHECK(ByReader(subject, Frame(subject, kind)) == Found{});
    size_t fields = 0;
    ForEachField(kind.fields, {}, [&](const std::vector<const Field*>& way) {
      ++fields;
      const std::string path = PathOf(way);
      Json document = Frame(subject, kind);
      Put(document, kind.fields, way, "", Good(*way.back(), path));
      DropOther(document, path);
      INFO(path << "\n" << document.dump());
      CHECK(ByTable(kind, document) == Found{});
      Found found = ByReader(subject, document);
      // Known, and refused by name.
      std::erase_if(found, [](const std::string& each) { return each.ends_with("INF0117"); });
      CHECK(found == Found{});
    });
    CHECK(fields >= 5);
  }
}

TEST_CASE("readers refuse what is in no table, where the table's check does") {
  for (const Subject& subject : Subjects()) {
    const Kind& kind = *FindKind(subject.api_version, subject.kind);
    const auto compare = [&](const Json& document) {
      const Found reader = ByReader(subject, document);
      INFO(document.dump());
      if (Has(reader, "INF0117")) return;  // not looked into
      CHECK(Has(reader, "INF0104"));
      CHECK(reader == ByTable(kind, document));
    };
    Json document = Frame(subject, kind);
    document["zzzzzz"] = 1;
    compare(document);
    ForEachField(kind.fields, {}, [&](const std::vector<const Field*>& way) {
      const Field* inner = way.back();
      while (inner->items != nullptr) inner = inner->items;
      if (inner->type != Type::kObject || inner->open) return;
      static constexpr Field kUnknown = {.name = "zzzzzz", .type = Type::kInteger};
      std::vector<const Field*> below = way;
      below.push_back(&kUnknown);
      Json nested = Frame(subject, kind);
      Put(nested, kind.fields, below, "", 1);
      compare(nested);
    });
  }
}

/// Values at the edges of what the table allows, and of other types.
std::vector<Json> ProbesOf(const Field& field) {
  std::vector<Json> probes{1, -1, 1.5, "a", "", true, Json::array(), Json::object(), "on"};
  const auto add = [&](auto make) {
    if (field.min != kNoMin) {
      probes.push_back(make(field.min));
      if (field.min > 0) probes.push_back(make(field.min - 1));
    }
    if (field.max != kNoMax && field.max < int64_t{1} << 50) {
      probes.push_back(make(field.max));
      probes.push_back(make(field.max + 1));
    }
  };
  switch (field.type) {
    case Type::kInteger:
    case Type::kNumber:
    case Type::kQuantity:
      add([](int64_t bound) { return Json(bound); });
      break;
    case Type::kDuration:
      add([](int64_t bound) { return Json(api::FormatDuration(std::chrono::nanoseconds(bound))); });
      break;
    case Type::kString:
      if (field.format == Format::kNone) {
        add([](int64_t length) { return Json(std::string(static_cast<size_t>(length), 'a')); });
      }
      for (const std::string_view word : field.one_of) probes.emplace_back(std::string(word) + "X");
      break;
    default:
      break;
  }
  return probes;
}

TEST_CASE("readers and tables judge every value alike") {
  for (const Subject& subject : Subjects()) {
    const Kind& kind = *FindKind(subject.api_version, subject.kind);
    ForEachField(kind.fields, {}, [&](const std::vector<const Field*>& way) {
      const std::string path = PathOf(way);
      for (const Json& probe : ProbesOf(*way.back())) {
        Json document = Frame(subject, kind);
        Put(document, kind.fields, way, "", probe);
        DropOther(document, path);
        Found reader = ByReader(subject, document);
        if (Has(reader, "INF0117")) continue;
        // A rule about two fields: a reference to a Service needs a port.
        std::erase_if(reader, [](const std::string& each) { return each.ends_with("INF0112"); });
        const Found table = ByTable(kind, document);
        INFO(subject.kind << " " << path << " = " << probe.dump());
        // What a table can't say, the reader may: no good address, no pool of that name.
        const bool more = table.empty() && !reader.empty() && !Has(reader, "INF0104") &&
                          !Has(reader, "INF0105") && !Has(reader, "INF0107");
        if (!more) CHECK(reader == table);
      }
    });
  }
}

}  // namespace
}  // namespace inference::manifest::schema
