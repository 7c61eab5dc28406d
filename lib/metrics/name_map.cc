#include "metrics/name_map.h"

#include <algorithm>
#include <set>
#include <utility>

#include "metrics/builtin_engines.h"

namespace inference::metrics {
namespace {

constexpr std::string_view kBadEngine = "INF0520";
constexpr std::string_view kBadMetric = "INF0521";

// Gathers the sources of one user-written map.
class Compiler {
 public:
  Compiler(const api::EngineMap& map, api::Diagnostics& diagnostics)
      : map_(map), diagnostics_(diagnostics) {}

  void Add(Quantity quantity, const char* field, const std::string& spec,
           const std::string& value_label = {}) {
    if (spec.empty()) return;
    Result<MetricSpec> parsed = ParseMetricSpec(spec);
    if (!parsed.ok()) {
      Report(kBadMetric, std::string(field) + ": " + parsed.status().message(), {});
      return;
    }
    sources_.push_back({quantity, std::move(*parsed), value_label});
  }

  void Report(std::string_view code, std::string message, std::string note) {
    failed_ = true;
    diagnostics_.push_back({api::Severity::kError, std::string(code), map_.origin,
                            "engine '" + map_.name + "': " + std::move(message), std::move(note)});
  }

  bool failed() const { return failed_; }
  std::vector<Source> Take() { return std::move(sources_); }
  bool empty() const { return sources_.empty(); }

 private:
  const api::EngineMap& map_;
  api::Diagnostics& diagnostics_;
  std::vector<Source> sources_;
  bool failed_ = false;
};

void AddCacheInfo(const api::EngineMap& map, Compiler& out) {
  const bool labels = !map.block_size_label.empty() || !map.num_blocks_label.empty();
  if (map.cache_info.empty()) {
    if (labels) {
      out.Report(kBadEngine, "labels of cacheInfo are given, but no cacheInfo",
                 "name the metric that has these labels");
    }
    return;
  }
  if (!labels) {
    out.Report(kBadEngine, "cacheInfo is given without labels to read from it",
               "give the labels of block size and number of blocks");
    return;
  }
  if (!map.block_size_label.empty()) {
    out.Add(Quantity::kBlockSize, "cacheInfo", map.cache_info, map.block_size_label);
  }
  if (!map.num_blocks_label.empty()) {
    out.Add(Quantity::kNumBlocks, "cacheInfo", map.cache_info, map.num_blocks_label);
  }
}

}  // namespace

std::shared_ptr<const NameMap> NameMap::BuiltIn(std::string_view engine) {
  const BuiltInEngine* found = FindBuiltInEngine(engine);
  if (found == nullptr) return nullptr;
  std::vector<Source> sources;
  for (const BuiltInSource& row : found->sources) {
    Result<MetricSpec> spec = ParseMetricSpec(row.spec);
    if (!spec.ok()) return nullptr;
    sources.push_back({row.quantity, std::move(*spec), std::string(row.value_label)});
  }
  std::vector<std::string> shards(found->shard_labels.begin(), found->shard_labels.end());
  return std::shared_ptr<const NameMap>(
      new NameMap(std::string(engine), std::move(sources), std::move(shards)));
}

std::vector<std::string_view> NameMap::BuiltInEngines() {
  return BuiltInEngineNames();
}

std::shared_ptr<const NameMap> NameMap::FromEngineMap(const api::EngineMap& map,
                                                      api::Diagnostics& diagnostics) {
  Compiler compiler(map, diagnostics);
  if (map.name.empty()) compiler.Report(kBadEngine, "the name is missing", {});
  compiler.Add(Quantity::kWaiting, "waiting", map.waiting);
  compiler.Add(Quantity::kRunning, "running", map.running);
  compiler.Add(Quantity::kKvUsage, "kvUsage", map.kv_usage);
  AddCacheInfo(map, compiler);
  compiler.Add(Quantity::kBlockSize, "blockSize", map.block_size);
  compiler.Add(Quantity::kNumBlocks, "numBlocks", map.num_blocks);
  compiler.Add(Quantity::kPrefixQueries, "prefixQueries", map.prefix_queries);
  compiler.Add(Quantity::kPrefixHits, "prefixHits", map.prefix_hits);
  compiler.Add(Quantity::kPreemptions, "preemptions", map.preemptions);
  compiler.Add(Quantity::kAsleep, "sleepState", map.sleep_state);
  compiler.Add(Quantity::kLora, "lora", map.lora);
  if (!compiler.failed() && compiler.empty()) {
    compiler.Report(kBadEngine, "it names no metric", "name at least waiting or kvUsage");
  }
  if (compiler.failed()) return nullptr;
  return std::shared_ptr<const NameMap>(
      new NameMap(map.name, compiler.Take(), {"engine", "dp_rank"}));
}

NameMap::NameMap(std::string engine, std::vector<Source> sources,
                 std::vector<std::string> shard_labels)
    : engine_(std::move(engine)),
      sources_(std::move(sources)),
      shard_labels_(std::move(shard_labels)) {
  for (size_t i = 0; i < std::min(sources_.size(), kMaxSources); ++i) {
    const std::string& text = sources_[i].spec.name;
    auto name =
        std::find_if(names_.begin(), names_.end(), [&](const Name& n) { return n.text == text; });
    if (name == names_.end()) name = names_.insert(name, Name{text, 0});
    name->sources |= 1u << i;
  }
  ChooseProbes();
}

// Takes the two byte positions, within the shortest name, that tell the names apart best.
void NameMap::ChooseProbes() {
  min_name_size_ = names_.front().text.size();
  for (const Name& name : names_) min_name_size_ = std::min(min_name_size_, name.text.size());
  size_t best = 0;
  for (size_t a = 0; a < min_name_size_; ++a) {
    for (size_t b = a; b < min_name_size_; ++b) {
      std::set<std::pair<char, char>> seen;
      for (const Name& name : names_) seen.emplace(name.text[a], name.text[b]);
      // Later positions win a tie: the front of a name is what unwanted names share with it.
      if (seen.size() >= best) {
        best = seen.size();
        probe_at_ = {a, b};
      }
    }
  }
  for (size_t p = 0; p < probe_.size(); ++p) {
    for (size_t i = 0; i < names_.size(); ++i) {
      probe_[p][static_cast<uint8_t>(names_[i].text[probe_at_[p]])] |= 1u << i;
    }
  }
}

}  // namespace inference::metrics
