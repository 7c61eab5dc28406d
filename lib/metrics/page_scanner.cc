#include "metrics/page_scanner.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

#include "base/text.h"
#include "metrics/sample.h"

namespace inference::metrics {
namespace {

// Data-parallel engines behind one port; further ones are left out and counted as bad series.
constexpr size_t kMaxShards = 128;
// Doubles hold whole numbers up to here; nothing that we read is larger.
constexpr double kMaxValue = 0x1.0p53;

bool IsUsable(double value, Quantity quantity) {
  const bool positive = quantity == Quantity::kBlockSize || quantity == Quantity::kNumBlocks;
  return value >= 0 && value <= kMaxValue && !(positive && value == 0);  // false for NaN
}

// The values of one source, one for each shard.
class Shards {
 public:
  Shards() {}  // NOLINT: the array is not cleared; 3 KB for each source would cost more than a scan

  // False when there is no room.
  bool Put(uint64_t shard, double value, int64_t time) {
    for (size_t i = 0; i < count_; ++i) {
      if (entries_[i].shard != shard) continue;
      if (time > entries_[i].time) entries_[i] = {shard, value, time};
      return true;
    }
    if (count_ == kMaxShards) return false;
    entries_[count_++] = {shard, value, time};
    return true;
  }
  bool empty() const { return count_ == 0; }

  double Combine(Quantity quantity) const {
    if (quantity == Quantity::kBlockSize) return entries_[0].value;
    double sum = 0, max = 0;
    for (size_t i = 0; i < count_; ++i) {
      sum += entries_[i].value;
      max = std::max(max, entries_[i].value);
    }
    if (quantity == Quantity::kAsleep) return max > 0 ? 1 : 0;
    if (quantity == Quantity::kKvUsage) return std::min(1.0, sum / static_cast<double>(count_));
    return sum;
  }

 private:
  struct Entry {
    uint64_t shard;
    double value;
    int64_t time;
  };
  size_t count_ = 0;
  std::array<Entry, kMaxShards> entries_;
};

// The LoRA series with the greatest value so far; views into the page.
struct NewestLora {
  double at = -1;
  Label running, waiting;
  uint32_t max = 0;
};

size_t HashAdapters(const Label& list,
                    std::array<uint64_t, datastore::LoraState::kMaxAdapters>& out) {
  std::string buffer;
  std::string_view rest = list.Value(buffer);
  size_t n = 0;
  while (!rest.empty() && n < out.size()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view name = base::TrimSpace(rest.substr(0, comma));
    if (!name.empty()) out[n++] = datastore::LoraState::HashAdapter(name);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return n;
}

class Scanner {
 public:
  Scanner(const NameMap& map) : map_(map) {}

  void ReadPage(std::string_view page) {
    const char* at = page.data();
    const char* const end = at + page.size();
    while (at < end) {
      const void* newline = std::memchr(at, '\n', static_cast<size_t>(end - at));
      const char* const line_end = newline ? static_cast<const char*>(newline) : end;
      while (at < line_end && (*at == ' ' || *at == '\t')) ++at;
      const std::string_view line(at, static_cast<size_t>(line_end - at));
      if (const NameMap::Name* name = map_.Match(line)) ReadLine(*name, line);
      at = line_end + 1;
    }
  }

  PageResult Write(base::Time now, datastore::MetricsState& out) {
    PageResult result;
    result.bad_series = bad_series_;
    std::array<std::optional<double>, kNumQuantities> values;
    for (size_t i = 0; i < map_.sources().size(); ++i) {
      if (shards_[i].empty()) continue;
      const Quantity quantity = map_.sources()[i].quantity;
      auto& value = values[static_cast<size_t>(quantity)];
      const double combined = shards_[i].Combine(quantity);
      if (!value) {
        value = combined;
      } else if (quantity == Quantity::kAsleep) {
        value = std::max(*value, combined);
      }
    }
    const std::array<datastore::Gauge*, kNumQuantities> gauges = {
        &out.waiting,        &out.running,     &out.kv_usage,    &out.block_size, &out.num_blocks,
        &out.prefix_queries, &out.prefix_hits, &out.preemptions, &out.asleep,     nullptr};
    for (size_t q = 0; q < kNumQuantities; ++q) {
      if (!values[q]) continue;
      gauges[q]->Set(*values[q], now);
      result.quantities |= 1u << q;
    }
    if (lora_.at >= 0) {
      WriteLora(now, out.lora);
      result.quantities |= 1u << static_cast<int>(Quantity::kLora);
    }
    return result;
  }

 private:
  void ReadLine(const NameMap::Name& name, std::string_view line) {
    line.remove_prefix(name.text.size());
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!ParseSample(line, sample_)) {
      ++bad_series_;
      return;
    }
    std::optional<uint64_t> shard;
    for (uint32_t left = name.sources; left != 0; left &= left - 1) {
      const auto index = static_cast<size_t>(__builtin_ctz(left));
      const Source& source = map_.sources()[index];
      if (!Matches(source.spec)) continue;
      if (source.quantity == Quantity::kLora) {
        TakeLora();
        continue;
      }
      double value = sample_.value;
      // A label may say "None": the server does not know, which is no fault.
      if (!source.value_label.empty() && !LabelNumber(source.value_label, value)) continue;
      if (!shard) shard = ShardOf();
      if (!IsUsable(value, source.quantity) || !shards_[index].Put(*shard, value, sample_.time)) {
        ++bad_series_;
      }
    }
  }

  bool Matches(const MetricSpec& spec) {
    return std::all_of(spec.matches.begin(), spec.matches.end(), [&](const auto& match) {
      const Label* label = sample_.Find(match.label);
      return (label ? label->Value(buffer_) : std::string_view()) == match.value;
    });
  }

  bool LabelNumber(const std::string& name, double& out) {
    const Label* label = sample_.Find(name);
    return label != nullptr && ParseNumber(label->Value(buffer_), out);
  }

  uint64_t ShardOf() const {
    uint64_t hash = 0;
    for (const std::string& name : map_.shard_labels()) {
      const Label* label = sample_.Find(name);
      const std::string_view raw = label ? label->raw : std::string_view();
      hash = hash * 0x9E3779B97F4A7C15u + std::hash<std::string_view>()(raw);
    }
    return hash;
  }

  void TakeLora() {
    if (!IsUsable(sample_.value, Quantity::kLora)) {
      ++bad_series_;
      return;
    }
    if (sample_.value <= lora_.at) return;
    const auto label = [&](std::string_view name) {
      const Label* found = sample_.Find(name);
      return found ? *found : Label();
    };
    double max = 0;
    const bool has_max = LabelNumber("max_lora", max) && max >= 0 && max <= UINT32_MAX;
    lora_ = {sample_.value, label("running_lora_adapters"), label("waiting_lora_adapters"),
             has_max ? static_cast<uint32_t>(max) : 0};
  }

  void WriteLora(base::Time now, datastore::LoraState& out) const {
    std::array<uint64_t, datastore::LoraState::kMaxAdapters> running, waiting;
    const size_t n_running = HashAdapters(lora_.running, running);
    const size_t n_waiting = HashAdapters(lora_.waiting, waiting);
    out.Set(running, n_running, waiting, n_waiting, lora_.max, now);
  }

  const NameMap& map_;
  uint32_t bad_series_ = 0;
  NewestLora lora_;
  std::array<Shards, NameMap::kMaxSources> shards_;
  Sample sample_;
  std::string buffer_;
};

}  // namespace

PageResult Scan(std::string_view page, const NameMap& map, base::Time now,
                datastore::MetricsState& out) {
  Scanner scanner(map);
  scanner.ReadPage(page);
  PageResult result = scanner.Write(now, out);
  if (result.quantities == 0) {
    const std::string bad = result.bad_series == 0 ? std::string()
                                                   : " (" + std::to_string(result.bad_series) +
                                                         " series have no usable value)";
    result.status =
        Status(Code::kFailedPrecondition,
               "the page of " + std::to_string(page.size()) + " bytes has no metric of engine '" +
                   map.engine() + "'" + bad + "; check the port, the path and the engine");
    return result;
  }
  out.pages.fetch_add(1, std::memory_order_relaxed);
  out.last_page_ns.store(base::ToNanos(now), std::memory_order_relaxed);
  return result;
}

}  // namespace inference::metrics
