// Metrics pages are untrusted text. The first byte chooses the engine, the rest is the page.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "metrics/name_map.h"
#include "metrics/page_scanner.h"

namespace {

using inference::datastore::Gauge;
using inference::datastore::MetricsState;
using inference::metrics::NameMap;

std::vector<std::shared_ptr<const NameMap>> AllMaps() {
  std::vector<std::shared_ptr<const NameMap>> maps;
  for (std::string_view engine : NameMap::BuiltInEngines())
    maps.push_back(NameMap::BuiltIn(engine));
  return maps;
}

void CheckValue(const Gauge& gauge, inference::base::Time now, double max) {
  const double value = gauge.Read(now, inference::base::Duration(1)).value;
  if (!std::isnan(value) && !(value >= 0 && value <= max)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto maps = AllMaps();
  if (size == 0) return 0;
  const std::string_view page(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto now = inference::base::FromNanos(1);
  MetricsState state;
  const auto result = inference::metrics::Scan(page, *maps[data[0] % maps.size()], now, state);
  if (result.status.ok() != (result.quantities != 0)) std::abort();
  CheckValue(state.kv_usage, now, 1);
  CheckValue(state.asleep, now, 1);
  CheckValue(state.waiting, now, 0x1.0p60);
  CheckValue(state.num_blocks, now, 0x1.0p60);
  if (state.lora.running_count() > inference::datastore::LoraState::kMaxAdapters) std::abort();
  // A spec is untrusted too: whatever it is, it must be read or refused.
  (void)inference::metrics::ParseMetricSpec(page);
  return 0;
}
