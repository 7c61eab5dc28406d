#include "admin/conversion.h"

#include <google/protobuf/util/time_util.h>

#include <chrono>
#include <cmath>

#include "base/text.h"

namespace inference::admin {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

int64_t ToMillis(base::Duration d) {
  return duration_cast<milliseconds>(d).count();
}

void FillMetric(const datastore::Gauge& gauge, base::Time now, base::Duration stale_after,
                v1::Metric* out) {
  const datastore::Reading reading = gauge.Read(now, stale_after);
  if (reading.freshness == datastore::Freshness::kUnknown) return;
  out->set_freshness(reading.freshness == datastore::Freshness::kFresh ? v1::FRESH : v1::STALE);
  out->set_value(reading.value);
  out->set_age_ms(ToMillis(reading.age));
}

v1::Diagnostic::Severity ToSeverity(api::Severity severity) {
  switch (severity) {
    case api::Severity::kError:
      return v1::Diagnostic::ERROR;
    case api::Severity::kWarning:
      return v1::Diagnostic::WARNING;
    case api::Severity::kInfo:
      return v1::Diagnostic::INFO;
  }
  return v1::Diagnostic::SEVERITY_UNSPECIFIED;
}

const char* TrackingName(api::ResponseTracking tracking) {
  switch (tracking) {
    case api::ResponseTracking::kAuto:
      return "auto";
    case api::ResponseTracking::kFull:
      return "full";
    case api::ResponseTracking::kNone:
      return "none";
  }
  return "";
}

const char* RefusalName(picker::Refusal refusal) {
  switch (refusal) {
    case picker::Refusal::kNone:
      return "";
    case picker::Refusal::kUnknownPool:
      return "UnknownPool";
    case picker::Refusal::kNoPools:
      return "NoPools";
    case picker::Refusal::kAmbiguousPool:
      return "AmbiguousPool";
    case picker::Refusal::kNoEndpoints:
      return "NoEndpoints";
    case picker::Refusal::kFilteredOut:
      return "FilteredOut";
    case picker::Refusal::kShed:
      return "Shed";
    case picker::Refusal::kWait:
      return "Wait";
    case picker::Refusal::kNoModel:
      return "BadRequest";
  }
  return "";
}

v1::WhyResponse::Outcome ToOutcome(picker::StreamOutcome outcome) {
  switch (outcome) {
    case picker::StreamOutcome::kPending:
      return v1::WhyResponse::PENDING;
    case picker::StreamOutcome::kServed:
      return v1::WhyResponse::SERVED;
    case picker::StreamOutcome::kUnobserved:
      return v1::WhyResponse::UNOBSERVED;
    case picker::StreamOutcome::kRefused:
      return v1::WhyResponse::REFUSED;
    case picker::StreamOutcome::kClientClosed:
      return v1::WhyResponse::CLIENT_CLOSED;
    case picker::StreamOutcome::kProtocolError:
      return v1::WhyResponse::PROTOCOL_ERROR;
  }
  return v1::WhyResponse::PENDING;
}

const datastore::Endpoint* FindById(const picker::Runtime& runtime, uint32_t id) {
  for (const picker::PoolRuntime& pool : runtime.pools()) {
    for (const auto& endpoint : pool.pool->endpoints()) {
      if (endpoint->id() == id) return endpoint.get();
    }
  }
  return nullptr;
}

/// The values that scorers saw; NaN is unknown and stays absent.
template <typename Values>
void FillSeen(const Values& seen, v1::Candidate* out) {
  if (!std::isnan(seen.waiting)) out->set_waiting(seen.waiting);
  if (!std::isnan(seen.running)) out->set_running(seen.running);
  if (!std::isnan(seen.kv_usage)) out->set_kv_usage(seen.kv_usage);
  if (!std::isnan(seen.unseen_picks)) out->set_unseen_picks(seen.unseen_picks);
  out->set_in_flight(seen.in_flight);
  out->set_prefix_match(seen.prefix_match);
  if (seen.metrics_age_ms >= 0) out->set_metrics_age_ms(seen.metrics_age_ms);
  out->set_total(seen.total);
}

void FillTop(const picker::DecisionRecord& record, size_t i, size_t columns,
             const picker::Runtime& runtime, v1::Candidate* out) {
  const scheduling::TopCandidate& top = record.top[i];
  FillSeen(top, out);
  out->set_id(top.endpoint_id);
  out->set_address(SafeText(record.host_port[i].data()));
  if (const auto* endpoint = FindById(runtime, top.endpoint_id)) {
    out->set_endpoint(endpoint->info().name);
  }
  for (size_t c = 0; c < columns; ++c) out->add_scores(top.scores[c]);
}

std::string GoneName(uint32_t id) {
  return "endpoint " + std::to_string(id) + " (gone)";
}

std::string ServedName(const picker::DecisionRecord& record, const picker::Runtime& runtime) {
  const auto id = static_cast<uint32_t>(record.served_endpoint_id);
  if (const auto* endpoint = FindById(runtime, id)) return endpoint->info().name;
  for (size_t i = 0; i < record.n_top; ++i) {
    if (record.top[i].endpoint_id == id) return SafeText(record.host_port[i].data());
  }
  return GoneName(id);
}

// Who dropped it and why, for people; the names are those that Pick's explanation has.
void FillCause(const scheduling::Dropped::One& one, const std::vector<std::string>& filters,
               v1::DroppedCandidate* out) {
  using scheduling::DropCause;
  switch (one.cause) {
    case DropCause::kDrain:
      out->set_filter("drain");
      return out->set_reason("it was drained then");
    case DropCause::kEjected:
      out->set_filter("reachability");
      return out->set_reason("it was ejected then, because requests failed there");
    case DropCause::kUnreachable:
      out->set_filter("reachability");
      return out->set_reason("it was unreachable then");
    case DropCause::kAsleep:
      out->set_filter("reachability");
      return out->set_reason("the engine was asleep then");
    case DropCause::kWeight:
      out->set_filter("weight");
      return out->set_reason("it had less than its whole weight and was not drawn");
    case DropCause::kFilter:
      if (one.filter < filters.size()) out->set_filter(filters[one.filter]);
      return out->set_reason("the filter left it out");
  }
}

void FillDropped(const scheduling::Dropped& dropped, const std::vector<std::string>& filters,
                 const picker::Runtime& runtime, v1::WhyResponse* out) {
  out->set_dropped_total(dropped.total);
  out->set_out_of_subset(dropped.out_of_subset);
  for (size_t i = 0; i < dropped.n_named(); ++i) {
    const scheduling::Dropped::One& one = dropped.named[i];
    v1::DroppedCandidate* d = out->add_dropped();
    FillCause(one, filters, d);
    if (const auto* endpoint = FindById(runtime, one.endpoint_id)) {
      d->set_endpoint(endpoint->info().name);
      d->set_address(endpoint->info().host_port);
    } else {
      d->set_endpoint(GoneName(one.endpoint_id));
    }
  }
}

void FillObserved(const picker::DecisionRecord& record, const picker::Runtime& runtime,
                  v1::WhyResponse* out) {
  if (record.http_status > 0) out->set_http_status(record.http_status);
  if (record.served_endpoint_id >= 0) out->set_served_endpoint(ServedName(record, runtime));
  if (record.ttft_us >= 0) out->set_ttft_us(record.ttft_us);
  if (record.duration_us >= 0) out->set_duration_us(record.duration_us);
  if (record.prompt_tokens >= 0) out->set_prompt_tokens(record.prompt_tokens);
  if (record.cached_tokens >= 0) out->set_cached_tokens(record.cached_tokens);
  if (record.completion_tokens >= 0) out->set_completion_tokens(record.completion_tokens);
}

}  // namespace

std::string SafeText(std::string_view text) {
  return base::IsValidUtf8(text) ? std::string(text) : base::Printable(text, 4 * text.size() + 4);
}

google::protobuf::Timestamp ToTimestamp(base::WallTime time) {
  return google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
      duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

v1::Endpoint::State StateOf(const datastore::Endpoint& endpoint, base::Time now,
                            base::Duration stale_after) {
  if (endpoint.admission() != datastore::Admission::kOpen) return v1::Endpoint::DRAINING;
  switch (endpoint.ejection()) {
    case datastore::Ejection::kNone:
      break;
    case datastore::Ejection::kEjected:
      return v1::Endpoint::EJECTED;
    default:
      return v1::Endpoint::HALF_OPEN;
  }
  if (!endpoint.reachable()) return v1::Endpoint::UNREACHABLE;
  const datastore::Reading asleep = endpoint.metrics.asleep.Read(now, stale_after);
  if (asleep.freshness != datastore::Freshness::kUnknown && asleep.value >= 1) {
    return v1::Endpoint::ASLEEP;
  }
  if (endpoint.metrics.last_page_ns.load(std::memory_order_relaxed) == 0) {
    return v1::Endpoint::STATE_UNKNOWN;
  }
  const bool whole =
      endpoint.share(datastore::WeightOf::kSlowStart) == datastore::Endpoint::kFullWeight;
  return whole ? v1::Endpoint::READY : v1::Endpoint::WARMING;
}

void CountState(v1::Endpoint::State state, v1::EndpointCounts* out) {
  out->set_total(out->total() + 1);
  switch (state) {
    case v1::Endpoint::READY:
    case v1::Endpoint::WARMING:
      return out->set_ready(out->ready() + 1);
    case v1::Endpoint::UNREACHABLE:
      return out->set_unreachable(out->unreachable() + 1);
    case v1::Endpoint::ASLEEP:
      return out->set_asleep(out->asleep() + 1);
    case v1::Endpoint::DRAINING:
      return out->set_draining(out->draining() + 1);
    case v1::Endpoint::EJECTED:
    case v1::Endpoint::HALF_OPEN:
      return out->set_ejected(out->ejected() + 1);
    default:
      return out->set_unknown(out->unknown() + 1);
  }
}

void FillDaemon(const DaemonInfo& info, base::Time now, v1::GetStatusResponse* out) {
  out->set_version(info.version);
  out->set_pid(info.pid);
  *out->mutable_started_at() = ToTimestamp(info.started_at);
  out->set_uptime_ms(ToMillis(now - info.started));
  out->set_config_file(info.config_file);
  out->set_reactors(info.reactors);
  for (const ListenerInfo& listener : info.listeners) {
    v1::Listener* l = out->add_listeners();
    l->set_purpose(listener.purpose);
    l->set_address(listener.address);
    l->set_tls(listener.tls);
  }
  const StreamTotals totals = info.totals ? info.totals() : StreamTotals{};
  v1::StreamTotals* t = out->mutable_totals();
  t->set_streams_opened(totals.streams_opened);
  t->set_streams_closed(totals.streams_closed);
  t->set_connections_opened(totals.connections_opened);
  t->set_connections_closed(totals.connections_closed);
  t->set_protocol_errors(totals.protocol_errors);
  t->set_held_bytes(totals.held_bytes);
}

void FillDiagnostic(const api::Diagnostic& diagnostic, v1::Diagnostic* out) {
  out->set_severity(ToSeverity(diagnostic.severity));
  out->set_code(diagnostic.code);
  if (diagnostic.origin.file) out->set_file(SafeText(*diagnostic.origin.file));
  out->set_line(diagnostic.origin.line);
  out->set_column(diagnostic.origin.column);
  out->set_message(SafeText(diagnostic.message));
  out->set_note(SafeText(diagnostic.note));
}

void FillConfigState(const control::ConfigStatus& status, v1::ConfigState* out) {
  out->set_generation(status.generation);
  out->set_last_reload_ok(status.last_reload_ok);
  if (status.last_success != base::WallTime{}) {
    *out->mutable_last_success() = ToTimestamp(status.last_success);
  }
  out->set_rejected(status.rejected);
  for (const api::Diagnostic& diagnostic : status.diagnostics) {
    FillDiagnostic(diagnostic, out->add_diagnostics());
  }
  out->set_state_file(SafeText(status.state_file));
  out->set_no_state(SafeText(status.no_state));
  out->set_applied_generation(status.applied_generation);
}

void FillPool(const picker::PoolRuntime& pool, uint64_t generation, base::Time now, v1::Pool* out) {
  const api::InferencePool& spec = pool.pool->spec();
  out->set_key(pool.pool->key());
  out->set_generation(generation);
  for (const auto& endpoint : pool.pool->endpoints()) {
    CountState(StateOf(*endpoint, now, pool.read.stale_after), out->mutable_endpoints());
  }
  for (const auto& port : spec.target_ports) out->add_target_ports(port.value);
  for (const auto& [key, value] : spec.match_labels) (*out->mutable_selector())[key] = value;
  out->set_response_tracking(TrackingName(pool.response_tracking));
  out->set_destination_list(static_cast<int>(pool.destination_list));
  out->set_app_protocol(spec.app_protocol);
  if (spec.meta.origin.known()) out->set_origin(SafeText(spec.meta.origin.ToString()));
  if (!pool.scheduler) return;
  for (const scheduling::Profile& profile : pool.scheduler->profiles) {
    v1::Profile* p = out->add_profiles();
    p->set_name(profile.name);
    p->set_picker(profile.picker_name);
    for (const auto& filter : profile.filters) p->add_filters(filter.name);
    for (const auto& scorer : profile.scorers) {
      v1::Profile::Scorer* s = p->add_scorers();
      s->set_name(scorer.name);
      s->set_weight(scorer.weight);
    }
  }
}

void FillEndpoint(const datastore::Endpoint& endpoint, const picker::PoolRuntime& pool,
                  base::Time now, v1::Endpoint* out) {
  const datastore::EndpointInfo& info = endpoint.info();
  const base::Duration stale_after = pool.read.stale_after;
  out->set_name(info.name);
  out->set_namespace_(info.ns);
  out->set_pool(pool.pool->key());
  out->set_address(info.host_port);
  out->set_rank(info.rank);
  out->set_id(endpoint.id());
  for (const auto& [key, value] : info.labels) (*out->mutable_labels())[key] = value;

  const datastore::MetricsState& m = endpoint.metrics;
  FillMetric(m.waiting, now, stale_after, out->mutable_waiting());
  FillMetric(m.running, now, stale_after, out->mutable_running());
  FillMetric(m.kv_usage, now, stale_after, out->mutable_kv_usage());
  FillMetric(m.block_size, now, stale_after, out->mutable_block_size());
  FillMetric(m.num_blocks, now, stale_after, out->mutable_num_blocks());
  FillMetric(m.prefix_queries, now, stale_after, out->mutable_prefix_queries());
  FillMetric(m.prefix_hits, now, stale_after, out->mutable_prefix_hits());
  FillMetric(m.preemptions, now, stale_after, out->mutable_preemptions());
  if (m.lora.Known()) {
    out->mutable_lora()->set_running(m.lora.running_count());
    out->mutable_lora()->set_waiting(m.lora.waiting_count());
    out->mutable_lora()->set_max(m.lora.max());
  }
  out->set_pages(m.pages.load(std::memory_order_relaxed));
  out->set_page_errors(m.page_errors.load(std::memory_order_relaxed));
  if (const int64_t at = m.last_page_ns.load(std::memory_order_relaxed); at != 0) {
    out->set_page_age_ms(ToMillis(now - base::FromNanos(at)));
  }

  out->set_state(StateOf(endpoint, now, stale_after));
  out->set_in_flight(endpoint.in_flight());
  out->set_unseen_picks(endpoint.UnseenPicks());
  out->set_picks(endpoint.picks());
  out->set_failures(endpoint.failures());
  out->set_weight_permille(endpoint.weight());
  out->set_weight_note(SafeText(endpoint.weight_note()));
  out->set_ejection_note(endpoint.ejection_note());
  out->set_ejections(endpoint.ejections());
  out->set_ip(info.address);
  out->set_port(info.port);
}

void FillRefusal(picker::Refusal refusal, v1::Refusal* out) {
  out->set_reason(RefusalName(refusal));
  out->set_http_status(picker::HttpStatus(refusal));
  out->set_message(std::string(picker::Message(refusal)));
  out->set_dropped_reason(std::string(picker::DroppedReason(refusal)));
}

// Refused before any pick: the body, or the room for it, was at fault.
void FillFault(const picker::DecisionRecord& record, v1::Refusal* out) {
  out->set_reason(record.http_status == 503   ? "BodyBudget"
                  : record.http_status == 413 ? "BodyTooLarge"
                                              : "BadRequest");
  out->set_http_status(record.http_status);
  out->set_message(SafeText(record.fault_view()));
}

void FillExplanation(const scheduling::Explanation& explanation, v1::PickResponse* out) {
  out->set_profile(explanation.profile);
  out->set_picker(explanation.picker);
  out->set_prefix_total(explanation.prefix_total);
  out->set_prefix_block_tokens(explanation.prefix_block_tokens);
  for (const auto& column : explanation.columns) {
    v1::ScoreColumn* c = out->add_columns();
    c->set_scorer(column.scorer);
    c->set_weight(column.weight);
  }
  for (const auto& row : explanation.rows) {
    v1::Candidate* c = out->add_candidates();
    FillSeen(row, c);
    c->set_endpoint(row.endpoint);
    c->set_address(row.host_port);
    c->mutable_scores()->Add(row.scores.begin(), row.scores.end());
    c->set_stale(row.stale);
    if (row.rank >= 0) c->set_rank(row.rank);
  }
  for (const auto& dropped : explanation.dropped) {
    v1::DroppedCandidate* d = out->add_dropped();
    d->set_filter(dropped.filter);
    d->set_endpoint(dropped.endpoint);
    d->set_address(dropped.host_port);
    d->set_reason(SafeText(dropped.reason));
  }
  for (const std::string& note : explanation.notes) out->add_notes(SafeText(note));
}

void FillDecision(const picker::DecisionRecord& record, const picker::Runtime& runtime,
                  v1::WhyResponse* out) {
  out->set_request_id(SafeText(record.request_id_view()));
  *out->mutable_decided_at() =
      google::protobuf::util::TimeUtil::MillisecondsToTimestamp(record.wall_ms);
  out->set_generation(record.generation);
  out->set_pool(SafeText(record.pool_view()));
  out->set_model(SafeText(record.model_view()));
  out->set_target_model(SafeText(record.target_model_view()));
  out->set_route_rule(SafeText(record.route_rule_view()));
  out->set_model_rule(SafeText(record.model_rule_view()));
  out->set_priority(record.priority.value);
  out->set_sheddable(record.priority.sheddable);
  if (record.refusal != picker::Refusal::kNone) {
    FillRefusal(record.refusal, out->mutable_refusal());
  } else if (record.fault_size > 0) {
    FillFault(record, out->mutable_refusal());
  }
  out->set_outcome(ToOutcome(record.outcome));

  const picker::ColumnNames::Columns columns = picker::ColumnNames::Get(record.columns_id);
  out->set_profile(columns.profile);
  out->set_picker(columns.picker);
  for (const auto& [scorer, weight] : columns.scorers) {
    v1::ScoreColumn* c = out->add_columns();
    c->set_scorer(scorer);
    c->set_weight(weight);
  }
  const size_t shown = std::min(columns.scorers.size(), scheduling::kMaxColumns);
  for (size_t i = 0; i < record.n_top; ++i) {
    FillTop(record, i, shown, runtime, out->add_candidates());
  }
  if (record.n_top > 0 && record.refusal == picker::Refusal::kNone) {
    out->mutable_candidates(0)->set_rank(0);
  }
  FillDropped(record.dropped, columns.filters, runtime, out);
  out->set_considered(record.considered);
  out->set_scored(record.scored);
  out->set_only_unreachable(record.only_unreachable);
  out->set_prefix_total(record.prefix_total);
  out->set_prefix_block_tokens(record.prefix_block_tokens);
  out->set_pick_us(record.pick_us);
  out->set_body_bytes(record.body_bytes);
  FillObserved(record, runtime, out);
}

}  // namespace inference::admin
