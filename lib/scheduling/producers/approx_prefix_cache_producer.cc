#include "scheduling/producers/approx_prefix_cache_producer.h"

#include <algorithm>
#include <limits>
#include <random>

#include "prefix/block_hash.h"
#include "prefix/index.h"
#include "scheduling/params.h"

namespace inference::scheduling {
namespace {

// A finer block costs more than it tells.
constexpr uint32_t kMinBlockTokens = 64;
// Bounds on what a metrics page may make us believe: tokens per block, and our blocks per endpoint.
constexpr double kMaxBlockTokens = 1 << 16;
constexpr double kMaxCapacity = 1 << 20;

struct Settings {
  bool auto_tune = true;
  uint32_t block_tokens = 16;
  size_t max_blocks = 0;  // when max_tokens is 0; 0: unlimited
  uint64_t max_tokens = 0;
  uint32_t capacity = 0;
};

// The reported number when it makes sense, else 0. Stale ones count: servers don't change them.
double Reported(const datastore::Gauge& gauge, base::Time now, double max) {
  const double value = gauge.Read(now, base::Duration::max()).value;
  return value >= 1 && value <= max ? value : 0;
}

class ApproxPrefixCacheProducer final : public Producer {
 public:
  explicit ApproxPrefixCacheProducer(const Settings& settings)
      : settings_(settings), index_(std::random_device()()) {}

  void Produce(PickContext& context, std::span<Candidate> candidates) const override {
    PrefixInfo& info = context.prefix;
    info.Clear();
    const api::InferenceRequest& request = *context.request;
    info.block_tokens = BlockTokens(context.now, candidates);
    HashPrompts(request, info);
    info.total_blocks = static_cast<uint32_t>(info.hashes.size());
    info.known = info.total_blocks > 0;
    if (info.known) LookUp(info, candidates);
  }

  void OnPicked(const PickContext& context, const datastore::Endpoint& picked) const override {
    const PrefixInfo& info = context.prefix;
    if (!info.known) return;
    const uint32_t capacity = Capacity(context.now, picked, info.block_tokens);
    ForEachChain(info, [&](std::span<const uint64_t> chain) {
      index_.Record(picked.id(), capacity, chain);
    });
  }

  void OnRemoved(uint32_t endpoint_id) const override { index_.Remove(endpoint_id); }

 private:
  template <typename F>
  static void ForEachChain(const PrefixInfo& info, F f) {
    size_t begin = 0;
    for (const uint32_t end : info.prompt_ends) {
      f(std::span(info.hashes).subspan(begin, end - begin));
      begin = end;
    }
  }

  uint32_t BlockTokens(base::Time now, std::span<const Candidate> candidates) const {
    double smallest = 0;
    if (settings_.auto_tune) {
      for (const Candidate& candidate : candidates) {
        const double size = Reported(candidate.get().metrics.block_size, now, kMaxBlockTokens);
        if (size > 0 && (smallest == 0 || size < smallest)) smallest = size;
      }
    }
    const uint32_t tokens = smallest > 0 ? static_cast<uint32_t>(smallest) : settings_.block_tokens;
    return std::max(tokens, kMinBlockTokens);
  }

  uint32_t Capacity(base::Time now, const datastore::Endpoint& endpoint, uint32_t block) const {
    if (!settings_.auto_tune) return settings_.capacity;
    const double size = Reported(endpoint.metrics.block_size, now, kMaxBlockTokens);
    const double blocks = Reported(endpoint.metrics.num_blocks, now, 1e12);
    if (size == 0 || blocks == 0) return settings_.capacity;
    return static_cast<uint32_t>(std::clamp(blocks * size / block, 1.0, kMaxCapacity));
  }

  void HashPrompts(const api::InferenceRequest& request, PrefixInfo& info) const {
    const uint64_t start = prefix::ChainStart(request.target_model, request.cache_salt);
    const size_t most = settings_.max_tokens > 0   ? settings_.max_tokens / info.block_tokens
                        : settings_.max_blocks > 0 ? settings_.max_blocks
                                                   : std::numeric_limits<size_t>::max();
    for (const api::InferenceRequest::Prompt& prompt : request.prompts) {
      prefix::AppendChain(start, std::span(request.pieces).subspan(prompt.first, prompt.count),
                          info.block_tokens, most, info.hashes);
      info.prompt_ends.push_back(static_cast<uint32_t>(info.hashes.size()));
    }
  }

  void LookUp(PrefixInfo& info, std::span<Candidate> candidates) const {
    info.endpoint_ids.clear();
    for (const Candidate& candidate : candidates) info.endpoint_ids.push_back(candidate.get().id());
    info.matches.assign(candidates.size(), 0);
    ForEachChain(info, [&](std::span<const uint64_t> chain) {
      index_.Match(chain, info.endpoint_ids, info.matches, info.lookup);
    });
    for (size_t i = 0; i < candidates.size(); ++i) candidates[i].prefix_match = info.matches[i];
  }

  const Settings settings_;
  mutable prefix::Index index_;  // thread-safe; what it learns is not configuration
};

}  // namespace

std::unique_ptr<Producer> MakeApproxPrefixCacheProducer(const api::PluginSpec& spec,
                                                        api::Diagnostics& out) {
  const api::Params params = ReadParams(spec, out);
  if (!params.ok()) return nullptr;
  Settings settings;
  settings.auto_tune = params.Bool("autoTune");
  settings.block_tokens = static_cast<uint32_t>(params.Int("blockSizeTokens"));
  if (params.Raw("blockSize") && !params.Raw("blockSizeTokens")) {
    settings.block_tokens =
        static_cast<uint32_t>(params.Int("blockSize") / int64_t{prefix::kBytesPerToken});
  }
  settings.max_blocks = static_cast<size_t>(params.Int("maxPrefixBlocksToMatch"));
  settings.max_tokens = static_cast<uint64_t>(params.Int("maxPrefixTokensToMatch"));
  settings.capacity = static_cast<uint32_t>(
      std::min<double>(static_cast<double>(params.Int("lruCapacityPerServer")), kMaxCapacity));
  return std::make_unique<ApproxPrefixCacheProducer>(settings);
}

}  // namespace inference::scheduling
