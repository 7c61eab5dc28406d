// The scanner against a slow, plain reading of the same page, over random pages.
#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "metrics/page_scanner.h"

namespace inference::metrics {
namespace {

const base::Time kNow = base::FromNanos(7);

struct Series {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string value;
  std::optional<long> time;
};

const std::vector<std::string> kNames = {
    "vllm:num_requests_waiting",  "vllm:num_requests_running",
    "vllm:kv_cache_usage_perc",   "vllm:gpu_cache_usage_perc",
    "vllm:cache_config_info",     "vllm:engine_sleep_state",
    "vllm:num_preemptions_total", "vllm:num_requests_waiting_sum",
    "vllm:num_requests",          "python_info",
    "vllm:lora_requests_info"};
const std::vector<std::string> kValues = {"0",  "1.0",  "3",  "0.25", "1e2", "NaN",
                                          "-1", "+Inf", "17", "x",    "",    "9.5"};

class PageWriter {
 public:
  explicit PageWriter(uint64_t seed) : rng_(seed) {}

  std::string Write(std::vector<Series>& all) {
    std::string page;
    const uint32_t lines = rng_.Below(30);
    for (uint32_t i = 0; i < lines; ++i) {
      if (rng_.Below(5) == 0) {
        page += "# HELP " + Pick(kNames) + " 5\n";
        continue;
      }
      all.push_back(Random());
      page += Text(all.back()) + (i + 1 == lines && rng_.Below(2) ? ""
                                  : rng_.Below(4)                 ? "\n"
                                                                  : "\r\n");
    }
    return page;
  }

 private:
  Series Random() {
    Series s;
    s.name = Pick(kNames);
    s.value = Pick(kValues);
    if (rng_.Below(3)) s.labels["engine"] = std::to_string(rng_.Below(3));
    if (rng_.Below(3) == 0)
      s.labels["model_name"] = Pick({"m", "a}b", "quo\"te", "back\\slash", "new\nline"});
    if (rng_.Below(2))
      s.labels["sleep_state"] = Pick({"awake", "discard_all", "weights_offloaded"});
    if (rng_.Below(2)) s.labels["block_size"] = Pick({"16", "None", "0", "32"});
    if (rng_.Below(2)) s.labels["num_gpu_blocks"] = Pick({"100", "None", "7"});
    if (rng_.Below(2)) s.labels["running_lora_adapters"] = Pick({"", "a", "a,b", "b , c"});
    if (rng_.Below(2)) s.labels["max_lora"] = Pick({"4", "None"});
    if (rng_.Below(4) == 0) s.time = static_cast<long>(rng_.Below(5));
    return s;
  }

  std::string Text(const Series& s) {
    std::string out = Blanks() + s.name;
    if (!s.labels.empty() || rng_.Below(2)) {
      out += Blanks() + "{";
      for (const auto& [name, value] : s.labels) {
        out += Blanks() + name + Blanks() + "=" + Blanks() + "\"";
        for (char c : value) {
          out += c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
        }
        out += "\"" + Blanks() + ",";
      }
      if (!s.labels.empty() && rng_.Below(2)) out.pop_back();
      out += "}";
    }
    out += (rng_.Below(2) ? " " : "\t") + s.value;
    if (s.time) out += " " + std::to_string(*s.time);
    if (rng_.Below(8) == 0) out += " # {trace_id=\"1\"} 1 2";
    return out;
  }

  std::string Blanks() { return rng_.Below(6) ? "" : rng_.Below(2) ? " " : "\t "; }
  std::string Pick(const std::vector<std::string>& from) {
    return from[rng_.Below(static_cast<uint32_t>(from.size()))];
  }

  base::Rng rng_;
};

std::optional<double> Number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value) || value < 0) return {};
  return value;
}

std::string LabelOf(const Series& s, const std::string& name) {
  const auto found = s.labels.find(name);
  return found == s.labels.end() ? "" : found->second;
}

// One value for each engine, then `how` over them. `label`: where the value stands, if not in the
// sample.
std::optional<double> Expected(const std::vector<Series>& all, const std::string& name,
                               const std::string& how, const std::string& label = "",
                               const std::string& state = "") {
  std::vector<std::string> order;
  std::map<std::string, std::pair<double, long>> of_engine;
  for (const Series& s : all) {
    // Without a value the timestamp, or an exemplar's mark, stands in its place.
    const std::string text = !s.value.empty() ? s.value : s.time ? std::to_string(*s.time) : "";
    const bool number = text == "NaN" || text == "+Inf" || text == "-1" || Number(text);
    if (s.name != name || !number) continue;
    if (!state.empty() && LabelOf(s, "sleep_state") != state) continue;
    const auto value = Number(label.empty() ? text : LabelOf(s, label));
    if (!value || (!label.empty() && *value == 0)) continue;
    const long time = s.time && !s.value.empty() ? *s.time : -1;
    const std::string engine = LabelOf(s, "engine");
    const auto [at, is_new] = of_engine.try_emplace(engine, *value, time);
    if (is_new) {
      order.push_back(engine);
    } else if (time > at->second.second) {
      at->second = {*value, time};
    }
  }
  if (order.empty()) return {};
  if (how == "first") return of_engine[order[0]].first;
  double sum = 0;
  for (const auto& [engine, value] : of_engine) sum += value.first;
  if (how == "mean") return std::min(1.0, sum / static_cast<double>(order.size()));
  return sum;
}

std::optional<double> Sleeping(const std::vector<Series>& all) {
  const auto a = Expected(all, "vllm:engine_sleep_state", "sum", "", "weights_offloaded");
  const auto b = Expected(all, "vllm:engine_sleep_state", "sum", "", "discard_all");
  if (!a && !b) return {};
  return a.value_or(0) > 0 || b.value_or(0) > 0 ? 1 : 0;
}

void Check(const datastore::Gauge& gauge, std::optional<double> expected) {
  const auto reading = gauge.Read(kNow, base::Duration(1));
  REQUIRE((reading.freshness != datastore::Freshness::kUnknown) == expected.has_value());
  if (expected) REQUIRE(reading.value == Approx(*expected));
}

TEST_CASE("random pages: the scanner reads what a slow reading does") {
  const auto map = NameMap::BuiltIn("vllm");
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    std::vector<Series> all;
    const std::string page = PageWriter(seed).Write(all);
    INFO("seed " << seed << "\n" << page);
    datastore::MetricsState state;
    const PageResult result = Scan(page, *map, kNow, state);
    REQUIRE(result.status.ok() == (result.quantities != 0));
    Check(state.waiting, Expected(all, "vllm:num_requests_waiting", "sum"));
    Check(state.running, Expected(all, "vllm:num_requests_running", "sum"));
    auto kv = Expected(all, "vllm:kv_cache_usage_perc", "mean");
    if (!kv) kv = Expected(all, "vllm:gpu_cache_usage_perc", "mean");
    Check(state.kv_usage, kv);
    Check(state.preemptions, Expected(all, "vllm:num_preemptions_total", "sum"));
    Check(state.block_size, Expected(all, "vllm:cache_config_info", "first", "block_size"));
    Check(state.num_blocks, Expected(all, "vllm:cache_config_info", "sum", "num_gpu_blocks"));
    Check(state.asleep, Sleeping(all));
  }
}

}  // namespace
}  // namespace inference::metrics
