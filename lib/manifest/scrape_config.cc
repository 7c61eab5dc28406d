#include <fmt/format.h>

#include <map>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/kinds.h"
#include "manifest/scrape_fields.h"

// The parts of a DaemonConfig that say how metrics pages are fetched and read.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

// Reads one field by its rule.
class FieldReader {
 public:
  explicit FieldReader(MapReader& map) : map_(map) {}

  template <typename T, typename Rule>
  void operator()(std::string_view name, api::Field<T>& target, const Rule& rule) {
    if (const Node* node = map_.Find(name)) {
      Assign<T>(*node, Read(*node, map_.Path(name), rule), target);
    }
  }

 private:
  using Text = std::optional<std::string>;

  std::optional<std::chrono::nanoseconds> Read(const Node& node, const std::string& path,
                                               const DurationRange& range) {
    return ReadDuration(node, path, range.min, range.max, map_.out());
  }
  std::optional<int> Read(const Node& node, const std::string& path, const IntRange& range) {
    const std::optional<int64_t> value = ReadInt(node, path, range.min, range.max, map_.out());
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  }
  std::optional<bool> Read(const Node& node, const std::string& path, const Switch&) {
    return ReadBool(node, path, map_.out());
  }
  Text Read(const Node& node, const std::string& path, const OneOf& one) {
    return ReadEnum(node, path, one.words, map_.out());
  }
  Text Read(const Node& node, const std::string& path, const TextSize& size) {
    return ReadString(node, path, size.min, size.max, map_.out());
  }
  Text Read(const Node& node, const std::string& path, const OptionalFile&) {
    return ReadString(node, path, 0, 4096, map_.out());
  }
  Text Read(const Node& node, const std::string& path, const UrlPath&) {
    Text text = ReadString(node, path, 1, 2048, map_.out());
    if (text && (text->front() != '/' || text->find_first_of(" #\r\n\t") != std::string::npos)) {
      Report(map_.out(), codes::kBadValue, node.at,
             fmt::format("{} '{}' is no URL path", path, base::Printable(*text, 80)),
             "it begins with a slash and has no space, such as /metrics");
    }
    return text;
  }

  MapReader& map_;
};

void CheckScrape(MapReader& map, const api::ScrapeConfig& scrape) {
  // A pool's settings lie over the daemon's: what is wrong there is not said again here.
  // A wrong value is said already, and still one that was meant.
  const auto set = [](const Node* written, const api::Field<std::string>& value) {
    if (written == nullptr) return !value->empty();
    return written->kind != Node::Kind::kScalar || !written->text.empty();
  };
  const Node *cert = map.Find("certFile"), *key = map.Find("keyFile");
  if ((cert != nullptr || key != nullptr) &&
      set(cert, scrape.cert_file) != set(key, scrape.key_file)) {
    Report(map.out(), codes::kMissing, map.node().at,
           fmt::format("{} needs both certFile and keyFile, or neither", map.Path("certFile")));
  }
  if (*scrape.stale_after < *scrape.interval) {
    Report(map.out(), codes::kBadValue,
           scrape.stale_after.is_set() ? scrape.stale_after.origin : map.node().at,
           fmt::format("{} {} is shorter than the interval {}", map.Path("staleAfter"),
                       api::FormatDuration(*scrape.stale_after),
                       api::FormatDuration(*scrape.interval)),
           "every value would be stale most of the time");
  }
}

}  // namespace

void ReadScrape(const Node& node, const std::string& path, api::ScrapeConfig& scrape,
                api::Diagnostics& out) {
  MapReader map(node, path, out);
  if (!map.ok()) return;
  VisitScrapeFields(scrape, FieldReader(map));
  CheckScrape(map, scrape);
  map.Done();
}

std::vector<api::EngineMap> ReadEngines(const Node& node, api::Diagnostics& out) {
  std::vector<api::EngineMap> engines;
  const auto* items = ReadList(node, "engines", 0, 64, out);
  if (!items) return engines;
  std::map<std::string, api::Origin, std::less<>> names;
  for (size_t i = 0; i < items->size(); ++i) {
    MapReader map((*items)[i], fmt::format("engines[{}]", i), out);
    if (!map.ok()) continue;
    api::EngineMap engine;
    engine.origin = map.node().at;
    if (const Node* name = map.Need("name")) {
      const std::optional<std::string> text = ReadString(*name, map.Path("name"), 1, 63, out);
      engine.name = text.value_or("");
      if (text && !api::IsLabelValue(*text)) {
        Report(out, codes::kBadLabel, name->at,
               fmt::format("{} '{}' cannot be the value of an engine label", map.Path("name"),
                           base::Printable(*text, 80)));
      }
      if (text == "default") {
        Report(out, codes::kEngineName, name->at, "the engine name 'default' is reserved",
               "give it another name");
      }
      const auto [it, inserted] = names.emplace(engine.name, engine.origin);
      if (text && !inserted) {
        Report(out, codes::kEngineName, name->at,
               fmt::format("two engines are called '{}'", base::Printable(engine.name, 80)),
               "the first one is at " + it->second.ToString());
      }
    }
    VisitEngineFields(engine, [&](std::string_view field, std::string& target) {
      const Node* value = map.Find(field);
      if (value) target = ReadString(*value, map.Path(field), 0, 512, out).value_or("");
    });
    map.Done();
    engines.push_back(std::move(engine));
  }
  return engines;
}

}  // namespace inference::manifest
