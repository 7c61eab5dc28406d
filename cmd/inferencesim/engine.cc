#include "inferencesim/engine.h"

#include <fmt/core.h>

#include <algorithm>

namespace inference::sim {
namespace {

double Seconds(base::Duration d) {
  return std::chrono::duration<double>(d).count();
}

uint32_t BlocksFor(uint32_t tokens, uint32_t block_size) {
  return (tokens + block_size - 1) / block_size;
}

}  // namespace

Engine::Engine(const EngineConfig& config, double unix_offset)
    : config_(config),
      unix_offset_(unix_offset),
      rng_(config.seed),
      cache_(config.num_gpu_blocks, config.prefix_caching),
      lora_(config.max_loras) {
  lora_.Record(unix_offset);
}

uint32_t Engine::max_model_len() const {
  const uint64_t capacity = uint64_t{config_.num_gpu_blocks} * config_.block_size;
  return static_cast<uint32_t>(std::min<uint64_t>(config_.max_model_len, capacity));
}

Result<uint64_t> Engine::Submit(SequenceSpec spec, base::Time now) {
  if (uint64_t{spec.prompt_tokens} + spec.max_tokens > max_model_len()) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("This model's maximum context length is {} tokens, but {} tokens were "
                    "asked for ({} in the prompt, {} to write).",
                    max_model_len(), uint64_t{spec.prompt_tokens} + spec.max_tokens,
                    spec.prompt_tokens, spec.max_tokens));
  }
  if (!spec.adapter.empty() && config_.max_loras == 0) {
    return Status(Code::kInvalidArgument, "LoRA is off (max_loras is 0).");
  }
  if (config_.max_num_queued_reqs > 0 && waiting_.size() >= config_.max_num_queued_reqs) {
    stats_.rejected_requests += 1;
    return Status(Code::kResourceExhausted,
                  fmt::format("The queue is full ({} requests wait).", waiting_.size()));
  }
  auto owned = std::make_unique<Sequence>();
  Sequence* s = owned.get();
  s->id = next_id_++;
  s->spec = std::move(spec);
  s->seed = s->spec.prompt.fingerprint() ^ config_.seed;
  s->arrived = now;
  sequences_.emplace(s->id, std::move(owned));
  waiting_.push_back(s);
  lora_.AddWaiting(s->spec.adapter);
  if (!step_end_) StartStep(now);
  UpdateGauges(now);
  return s->id;
}

void Engine::Abort(uint64_t sequence, base::Time now) {
  const auto it = sequences_.find(sequence);
  if (it == sequences_.end()) return;
  Sequence* s = it->second.get();
  if (const auto w = std::find(waiting_.begin(), waiting_.end(), s); w != waiting_.end()) {
    waiting_.erase(w);
    lora_.RemoveWaiting(s->spec.adapter);
  } else {
    ReleaseRunning(s);
  }
  stats_.finished[static_cast<size_t>(FinishReason::kAbort)] += 1;
  sequences_.erase(it);
  UpdateGauges(now);
}

void Engine::Advance(base::Time now, std::vector<EngineEvent>* events) {
  while (step_end_ && *step_end_ <= now) {
    const base::Time end = *step_end_;
    FinishStep(end, events);
    StartStep(end);
    UpdateGauges(end);
  }
}

void Engine::SetSleepLevel(int level, base::Time now) {
  sleep_level_ = level;
  if (level > 0) {
    cache_.Reset();
  } else if (!step_end_) {
    StartStep(now);
  }
  UpdateGauges(now);
}

void Engine::StartStep(base::Time now) {
  step_end_.reset();
  if (sleep_level_ > 0) return;
  uint32_t budget = config_.max_num_batched_tokens;
  StepCost cost;
  bool preempted = false;
  ScheduleRunning(&budget, &cost, &preempted);
  // After a preemption nothing new comes in: it would take the blocks that were just made free.
  if (!preempted) ScheduleWaiting(now, &budget, &cost);
  const uint32_t tokens = config_.max_num_batched_tokens - budget;
  if (tokens == 0) return;
  stats_.iteration_tokens.Observe(tokens);
  step_end_ = now + StepDuration(cost);
}

void Engine::ScheduleRunning(uint32_t* budget, StepCost* cost, bool* preempted) {
  for (size_t i = 0; i < running_.size() && *budget > 0; ++i) {
    Sequence* s = running_[i];
    const uint32_t count = std::min(s->tokens() - s->computed, *budget);
    while (i < running_.size() && !GrowTo(s, s->computed + count)) {
      *preempted = true;
      PreemptYoungest();  // in the end `s` itself
    }
    if (i < running_.size()) Plan(s, count, budget, cost);
  }
}

void Engine::ScheduleWaiting(base::Time now, uint32_t* budget, StepCost* cost) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (*budget == 0 || running_.size() >= config_.max_num_seqs) return;
    Sequence* s = *it;
    if (!lora_.Fits(s->spec.adapter)) {
      ++it;  // those behind it need not wait for its adapter
      continue;
    }
    if (!Admit(s, now, budget, cost)) return;
    it = waiting_.erase(it);
  }
}

bool Engine::Admit(Sequence* s, base::Time now, uint32_t* budget, StepCost* cost) {
  // The last token is computed always: its output is the next one.
  const std::span<const uint64_t> hashes(s->spec.prompt.hashes());
  const size_t reusable = std::min<size_t>(hashes.size(), (s->tokens() - 1) / config_.block_size);
  const uint32_t cached = cache_.CountCached(hashes.first(reusable));
  const uint32_t computed = cached * config_.block_size;
  const uint32_t count = std::min(s->tokens() - computed, *budget);
  const uint32_t fresh = BlocksFor(computed + count, config_.block_size) - cached;
  if (!cache_.Allocate(hashes.first(cached), fresh, &s->blocks)) return false;
  s->computed = computed;
  s->published = cached;
  if (!s->admitted) {
    s->admitted = true;
    s->first_scheduled = now;
    s->cached_tokens = computed;
    stats_.prefix_queries += s->spec.prompt_tokens;
    stats_.prefix_hits += computed;
    stats_.queue_time.Observe(Seconds(now - s->arrived));
  }
  lora_.RemoveWaiting(s->spec.adapter);
  if (lora_.AddRunning(s->spec.adapter)) ++cost->adapter_loads;
  running_.push_back(s);
  Plan(s, count, budget, cost);
  return true;
}

void Engine::Plan(Sequence* s, uint32_t count, uint32_t* budget, StepCost* cost) {
  s->scheduled = count;
  *budget -= count;
  if (s->generated > 0 && count == 1) {
    ++cost->decodes;
  } else {
    cost->prefill_tokens += count;
  }
  // Blocks that this step fills can be shared by whoever is admitted next, also in this step.
  const std::vector<uint64_t>& hashes = s->spec.prompt.hashes();
  const size_t full = std::min<size_t>((s->computed + count) / config_.block_size, hashes.size());
  for (; s->published < full; ++s->published) {
    cache_.Publish(s->blocks[s->published], hashes[s->published]);
  }
}

bool Engine::GrowTo(Sequence* s, uint32_t tokens) {
  const uint32_t needed = BlocksFor(tokens, config_.block_size);
  const auto held = static_cast<uint32_t>(s->blocks.size());
  return needed <= held || cache_.Allocate({}, needed - held, &s->blocks);
}

void Engine::PreemptYoungest() {
  Sequence* s = running_.back();
  ReleaseRunning(s);
  s->computed = s->scheduled = s->published = 0;
  ++s->preemptions;
  stats_.preemptions += 1;
  waiting_.push_front(s);
  lora_.AddWaiting(s->spec.adapter);
}

void Engine::ReleaseRunning(Sequence* s) {
  cache_.Free(&s->blocks);
  std::erase(running_, s);
  lora_.RemoveRunning(s->spec.adapter);
}

base::Duration Engine::StepDuration(const StepCost& cost) {
  double us = config_.step_base_ms * 1e3 + cost.prefill_tokens * config_.prefill_us_per_token +
              cost.decodes * config_.decode_us_per_seq +
              cost.adapter_loads * config_.lora_load_ms * 1e3;
  us *= latency_factor_ * config_.time_scale;
  if (config_.jitter > 0) us *= 1 + config_.jitter * (2 * rng_.Unit() - 1);
  // Never zero: a step without a duration would make Advance() endless.
  return base::Duration(std::max<int64_t>(1000, static_cast<int64_t>(us * 1e3)));
}

void Engine::FinishStep(base::Time now, std::vector<EngineEvent>* events) {
  const std::vector<Sequence*> batch = running_;  // ending sequences leave running_
  for (Sequence* s : batch) {
    if (s->scheduled == 0) continue;
    s->computed += s->scheduled;
    s->scheduled = 0;
    if (s->computed == s->tokens()) EmitToken(s, now, events);
  }
}

void Engine::EmitToken(Sequence* s, base::Time now, std::vector<EngineEvent>* events) {
  EngineEvent event{s->id, {}, s->cached_tokens, false, s->spec.ending};
  if (s->generated == 0) {
    s->first_token = now;
    stats_.time_to_first_token.Observe(Seconds(now - s->arrived));
    stats_.prompt_tokens += s->spec.prompt_tokens;
    stats_.prompt_tokens_computed += s->spec.prompt_tokens - s->cached_tokens;
  } else {
    stats_.inter_token_latency.Observe(Seconds(now - s->last_token));
  }
  s->last_token = now;
  if (!s->spec.pooling) {
    event.text = TokenText(s->seed, s->generated++);
    s->spec.prompt.Append(event.text);
    stats_.generation_tokens += 1;
  }
  event.finished = s->spec.pooling || s->generated >= s->spec.max_tokens;
  events->push_back(event);
  if (!event.finished) return;
  ReleaseRunning(s);
  ObserveFinish(*s, now);
  sequences_.erase(s->id);
}

void Engine::ObserveFinish(const Sequence& s, base::Time now) {
  ++served_[s.spec.model];
  stats_.finished[static_cast<size_t>(s.spec.ending)] += 1;
  stats_.request_prompt_tokens.Observe(s.spec.prompt_tokens);
  stats_.request_generation_tokens.Observe(s.generated);
  stats_.max_generation_tokens.Observe(s.spec.max_tokens);
  stats_.params_n.Observe(s.spec.requested_n);
  stats_.params_max_tokens.Observe(s.spec.max_tokens);
  stats_.e2e_latency.Observe(Seconds(now - s.arrived));
  stats_.inference_time.Observe(Seconds(now - s.first_scheduled));
  stats_.prefill_time.Observe(Seconds(s.first_token - s.first_scheduled));
  const double decode = Seconds(now - s.first_token);
  stats_.decode_time.Observe(decode);
  stats_.time_per_output_token.Observe(s.generated > 1 ? decode / (s.generated - 1) : 0);
  stats_.request_preemptions.Observe(s.preemptions);
  stats_.prefill_computed_tokens.Observe(s.spec.prompt_tokens - s.cached_tokens);
}

void Engine::UpdateGauges(base::Time now) {
  uint32_t deferred = 0;
  for (const Sequence* s : waiting_) deferred += !lora_.Fits(s->spec.adapter);
  stats_.running = static_cast<double>(running_.size());
  stats_.waiting = static_cast<double>(waiting_.size());
  stats_.waiting_deferred = deferred;
  stats_.waiting_for_capacity = stats_.waiting - deferred;
  stats_.kv_usage = cache_.usage();
  lora_.Record(unix_offset_ + static_cast<double>(base::ToNanos(now)) * 1e-9);
}

}  // namespace inference::sim
