#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "datastore/metrics_state.h"
#include "inference/status.h"
#include "metrics/name_map.h"

namespace inference::metrics {

/// What a page brought.
struct PageResult {
  /// FAILED_PRECONDITION when the page has no usable value of this engine: a wrong port, path or
  /// engine, or no metrics page at all. Nothing was written then.
  Status status;
  uint32_t quantities = 0;  // that were written: bits 1 << Quantity
  uint32_t bad_series = 0;  // wanted, but malformed, negative, not finite, or over the bounds

  bool Has(Quantity q) const { return (quantities >> static_cast<int>(q)) & 1u; }
};

/// Reads a metrics page of untrusted text in place and writes what it has to `out`, stamped `now`;
/// also counts the page (`pages`, `last_page_ns`). A quantity that the page lacks keeps its value
/// and its age. Failed pages are for the caller to count (`page_errors`).
///
/// Of several series of one shard the one with the newest timestamp counts, or the first without
/// timestamps. Over shards (NameMap::shard_labels) counts and counters are added up, KV use is the
/// mean, block size that of the first, and one sleeping engine makes the endpoint asleep. Of the
/// LoRA series, whose value is a time, the newest counts.
///
/// Time is linear in the page's size (bound it before: the scraper's limit is 8 MiB), no memory is
/// allocated but for escaped labels and errors. One writer of `out` at a time; no other shared
/// state.
PageResult Scan(std::string_view page, const NameMap& map, base::Time now,
                datastore::MetricsState& out);

}  // namespace inference::metrics
