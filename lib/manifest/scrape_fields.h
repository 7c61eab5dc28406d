#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "api/kinds.h"

// The fields of `scrape` and of an item of `engines`, declared once, for reading and for dumping.
namespace inference::manifest {

struct DurationRange {
  std::chrono::nanoseconds min, max;
};
struct IntRange {
  int64_t min, max;
};
struct OneOf {
  std::initializer_list<std::string_view> words;
};
struct TextSize {
  size_t min, max;
};
struct UrlPath {};
struct Switch {};
struct OptionalFile {};  // empty: not set

/// Calls visit(name, field, rule) for each, in the order of the manual.
template <typename Config, typename Visit>
void VisitScrapeFields(Config& scrape, Visit&& visit) {
  using namespace std::chrono_literals;
  visit("interval", scrape.interval, DurationRange{10ms, 1h});
  visit("timeout", scrape.timeout, DurationRange{1ms, 1min});
  visit("staleAfter", scrape.stale_after, DurationRange{10ms, 24h});
  visit("scheme", scrape.scheme, OneOf{{"http", "https"}});
  visit("path", scrape.path, UrlPath{});
  visit("port", scrape.port, IntRange{0, 65535});  // 0: the endpoint's own
  visit("insecureSkipVerify", scrape.insecure_skip_verify, Switch{});
  visit("caFile", scrape.ca_file, OptionalFile{});
  visit("certFile", scrape.cert_file, OptionalFile{});
  visit("keyFile", scrape.key_file, OptionalFile{});
  visit("engine", scrape.engine, TextSize{1, 63});
}

/// Calls visit(name, text) for each but the engine's name.
template <typename Engine, typename Visit>
void VisitEngineFields(Engine& engine, Visit&& visit) {
  visit("waiting", engine.waiting);
  visit("running", engine.running);
  visit("kvUsage", engine.kv_usage);
  visit("lora", engine.lora);
  visit("cacheInfo", engine.cache_info);
  visit("blockSizeLabel", engine.block_size_label);
  visit("numBlocksLabel", engine.num_blocks_label);
  visit("blockSize", engine.block_size);
  visit("numBlocks", engine.num_blocks);
  visit("prefixQueries", engine.prefix_queries);
  visit("prefixHits", engine.prefix_hits);
  visit("preemptions", engine.preemptions);
  visit("sleepState", engine.sleep_state);
}

}  // namespace inference::manifest
