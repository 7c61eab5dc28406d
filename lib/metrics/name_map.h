#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/diagnostic.h"
#include "api/kinds.h"
#include "metrics/metric_spec.h"

namespace inference::metrics {

/// What we read from a page. One for each member of datastore::MetricsState.
enum class Quantity : uint8_t {
  kWaiting,
  kRunning,
  kKvUsage,
  kBlockSize,
  kNumBlocks,
  kPrefixQueries,
  kPrefixHits,
  kPreemptions,
  kAsleep,
  kLora,
};
inline constexpr size_t kNumQuantities = 10;

/// One way to find a quantity on a page.
struct Source {
  Quantity quantity;
  MetricSpec spec;
  std::string value_label;  // the value is this label's; empty: the sample's
};

/// The metric names of one kind of model server, compiled for the page scanner. Immutable, so
/// thread-safe.
class NameMap {
 public:
  static constexpr size_t kMaxSources = 32;

  /// The map of a built-in engine (README.md has the table), or null.
  static std::shared_ptr<const NameMap> BuiltIn(std::string_view engine);
  /// Names of the built-in engines.
  static std::vector<std::string_view> BuiltInEngines();
  /// Compiles a user's map. Null when it has errors; they are added to `diagnostics` with the map's
  /// origin.
  static std::shared_ptr<const NameMap> FromEngineMap(const api::EngineMap& map,
                                                      api::Diagnostics& diagnostics);

  const std::string& engine() const { return engine_; }
  /// In order of preference: of the sources of one quantity, the first that is on the page counts.
  /// (Those of kAsleep are read together: the largest counts.)
  const std::vector<Source>& sources() const { return sources_; }
  /// Labels that tell apart series that belong together (the engines of data-parallel serving): one
  /// value for each combination is taken, and they are added up.
  const std::vector<std::string>& shard_labels() const { return shard_labels_; }

  // --- for the scanner ---

  /// A metric name and the sources that read it, as a bit mask of indices into sources().
  struct Name {
    std::string text;
    uint32_t sources = 0;
  };
  /// The name that `line` starts with, or null. A line is one without its newline and leading
  /// blanks.
  const Name* Match(std::string_view line) const;

 private:
  NameMap(std::string engine, std::vector<Source> sources, std::vector<std::string> shard_labels);
  void ChooseProbes();

  std::string engine_;
  std::vector<Source> sources_;
  std::vector<std::string> shard_labels_;
  std::vector<Name> names_;  // distinct; at most kMaxSources
  // Two bytes of a line tell which names it may start with: a page has a thousand lines, of which
  // we want a dozen.
  size_t min_name_size_ = 0;
  std::array<size_t, 2> probe_at_{};
  std::array<std::array<uint32_t, 256>, 2> probe_{};
};

inline const NameMap::Name* NameMap::Match(std::string_view line) const {
  if (line.size() <= min_name_size_) return nullptr;
  uint32_t candidates = probe_[0][static_cast<uint8_t>(line[probe_at_[0]])] &
                        probe_[1][static_cast<uint8_t>(line[probe_at_[1]])];
  while (candidates != 0) {
    const Name& name = names_[static_cast<size_t>(__builtin_ctz(candidates))];
    candidates &= candidates - 1;
    const size_t size = name.text.size();
    if (line.size() <= size) continue;
    const char after = line[size];
    if (after != '{' && after != ' ' && after != '\t') continue;
    if (line.compare(0, size, name.text) == 0) return &name;
  }
  return nullptr;
}

}  // namespace inference::metrics
