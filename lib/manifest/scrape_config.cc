#include <fmt/format.h>

#include <map>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/kinds.h"

// The parts of a DaemonConfig that say how metrics pages are fetched and read.
namespace inference::manifest {
namespace {

namespace codes = api::codes;
using namespace std::chrono_literals;

void ReadPath(MapReader& map, std::string_view name, api::Field<std::string>& target) {
  if (const Node* node = map.Find(name)) {
    Assign(*node, ReadString(*node, map.Path(name), 0, 4096, map.out()), target);
  }
}

void CheckScrape(MapReader& map, const api::ScrapeConfig& scrape) {
  // A pool's settings lie over the daemon's: what is wrong there is not said again here.
  const bool written = map.Find("certFile") || map.Find("keyFile");
  if (written && scrape.cert_file->empty() != scrape.key_file->empty()) {
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
  if (const Node* f = map.Find("interval")) {
    Assign(*f, ReadDuration(*f, map.Path("interval"), 10ms, 1h, out), scrape.interval);
  }
  if (const Node* f = map.Find("timeout")) {
    Assign(*f, ReadDuration(*f, map.Path("timeout"), 1ms, 1min, out), scrape.timeout);
  }
  if (const Node* f = map.Find("staleAfter")) {
    Assign(*f, ReadDuration(*f, map.Path("staleAfter"), 10ms, 24h, out), scrape.stale_after);
  }
  if (const Node* f = map.Find("scheme")) {
    Assign(*f, ReadEnum(*f, map.Path("scheme"), {"http", "https"}, out), scrape.scheme);
  }
  if (const Node* f = map.Find("path")) {
    std::optional<std::string> text = ReadString(*f, map.Path("path"), 1, 2048, out);
    if (text && (text->front() != '/' || text->find_first_of(" #\r\n\t") != std::string::npos)) {
      Report(out, codes::kBadValue, f->at,
             fmt::format("{} '{}' is no URL path", map.Path("path"), base::Printable(*text, 80)),
             "it begins with a slash and has no space, such as /metrics");
    }
    Assign(*f, std::move(text), scrape.path);
  }
  if (const Node* f = map.Find("port")) {
    const std::optional<int64_t> port = ReadInt(*f, map.Path("port"), 0, 65535, out);
    if (port) scrape.port = api::Field<int>(static_cast<int>(*port), f->at);
  }
  if (const Node* f = map.Find("insecureSkipVerify")) {
    Assign(*f, ReadBool(*f, map.Path("insecureSkipVerify"), out), scrape.insecure_skip_verify);
  }
  ReadPath(map, "caFile", scrape.ca_file);
  ReadPath(map, "certFile", scrape.cert_file);
  ReadPath(map, "keyFile", scrape.key_file);
  if (const Node* f = map.Find("engine")) {
    Assign(*f, ReadString(*f, map.Path("engine"), 1, 63, out), scrape.engine);
  }
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
        Report(out, codes::kBadName, name->at,
               fmt::format("{} '{}' cannot be the value of an engine label", map.Path("name"),
                           base::Printable(*text, 80)));
      }
      const auto [it, inserted] = names.emplace(engine.name, engine.origin);
      if (text && !inserted) {
        Report(out, codes::kDuplicateItem, name->at,
               fmt::format("two engines are called '{}'", base::Printable(engine.name, 80)),
               "the first one is at " + it->second.ToString());
      }
    }
    const auto spec = [&](std::string_view field, std::string& target) {
      const Node* value = map.Find(field);
      if (value) target = ReadString(*value, map.Path(field), 0, 512, out).value_or("");
    };
    spec("waiting", engine.waiting);
    spec("running", engine.running);
    spec("kvUsage", engine.kv_usage);
    spec("lora", engine.lora);
    spec("cacheInfo", engine.cache_info);
    spec("blockSizeLabel", engine.block_size_label);
    spec("numBlocksLabel", engine.num_blocks_label);
    spec("blockSize", engine.block_size);
    spec("numBlocks", engine.num_blocks);
    spec("prefixQueries", engine.prefix_queries);
    spec("prefixHits", engine.prefix_hits);
    spec("preemptions", engine.preemptions);
    spec("sleepState", engine.sleep_state);
    map.Done();
    engines.push_back(std::move(engine));
  }
  return engines;
}

}  // namespace inference::manifest
