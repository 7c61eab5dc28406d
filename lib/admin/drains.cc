#include "admin/drains.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "admin/conversion.h"
#include "admin/endpoints.h"

namespace inference::admin {
namespace {

using control::DrainState;
using std::chrono::milliseconds;

int64_t Millis(base::Duration duration) {
  return std::chrono::duration_cast<milliseconds>(duration).count();
}

constexpr int64_t kMaxMillis = int64_t{1000} * 3600 * 24 * 365;

bool IsSpan(int64_t millis) {
  return millis >= 0 && millis <= kMaxMillis;
}

v1::Drain::State ToState(DrainState state) {
  switch (state) {
    case DrainState::kReady:
      return v1::Drain::READY;
    case DrainState::kWarming:
      return v1::Drain::WARMING;
    case DrainState::kDraining:
      return v1::Drain::DRAINING;
    case DrainState::kOverdue:
      return v1::Drain::OVERDUE;
    case DrainState::kDrained:
      return v1::Drain::DRAINED;
    case DrainState::kUnverified:
      return v1::Drain::UNVERIFIED;
    case DrainState::kGone:
      return v1::Drain::GONE;
  }
  return v1::Drain::READY;
}

void FillLease(const store::Lease& lease, base::Duration left, v1::Lease* out) {
  out->set_id(lease.id);
  out->set_owner(SafeText(lease.owner));
  out->set_peer(SafeText(lease.peer));
  out->set_reason(SafeText(lease.reason));
  *out->mutable_created_at() = ToTimestamp(lease.created);
  if (left != base::Duration::max()) out->set_deadline_ms(Millis(left));
  out->set_on_deadline(static_cast<v1::Lease::OnDeadline>(lease.on_deadline));
  out->set_soft_ms(Millis(lease.soft_for));
  out->set_settle_ms(Millis(lease.settle));
}

}  // namespace

Result<control::DrainCommand> ToCommand(const v1::DrainRequest& request, const std::string& peer) {
  auto endpoints = ToKeys(request.endpoints());
  if (!endpoints.ok()) return endpoints.status();
  const bool spans =
      IsSpan(request.soft_ms()) && IsSpan(request.settle_ms()) && IsSpan(request.timeout_ms());
  if (request.owner().empty()) return Status(Code::kInvalidArgument, "owner is empty");
  if (!spans) {
    return Status(Code::kInvalidArgument,
                  "soft_ms, settle_ms and timeout_ms are at least 0, and a year at most");
  }
  control::DrainCommand command;
  command.endpoints = *std::move(endpoints);
  command.owner = request.owner();
  command.peer = peer;
  command.reason = request.reason();
  command.soft_for = milliseconds(request.soft_ms());
  if (request.has_timeout_ms()) command.timeout = milliseconds(request.timeout_ms());
  if (request.has_settle_ms()) command.settle = milliseconds(request.settle_ms());
  command.on_deadline = request.on_deadline() == v1::Lease::UNDO    ? store::OnDeadline::kUndo
                        : request.on_deadline() == v1::Lease::FORCE ? store::OnDeadline::kForce
                                                                    : store::OnDeadline::kLeave;
  if (request.has_min_ready()) command.guard.min_ready = request.min_ready();
  if (request.has_min_ready_percent()) {
    command.guard.min_ready_percent = request.min_ready_percent();
  }
  if (request.has_max_saturation()) command.guard.max_saturation = request.max_saturation();
  command.guard.force = request.force_capacity();
  command.dry_run = request.dry_run();
  return command;
}

Result<control::UndrainCommand> ToCommand(const v1::UndrainRequest& request,
                                          const std::string& peer) {
  auto endpoints = ToKeys(request.endpoints());
  if (!endpoints.ok()) return endpoints.status();
  if (request.owner().empty() && !request.all_owners()) {
    return Status(Code::kInvalidArgument, "owner is empty");
  }
  if (!IsSpan(request.ramp_ms())) {
    return Status(Code::kInvalidArgument, "ramp_ms is at least 0, and a year at most");
  }
  control::UndrainCommand command;
  command.endpoints = *std::move(endpoints);
  command.owner = request.owner();
  command.all_owners = request.all_owners();
  command.peer = peer;
  command.reason = request.reason();
  command.ramp = milliseconds(request.ramp_ms());
  command.dry_run = request.dry_run();
  return command;
}

void FillDrain(const control::DrainRow& row, v1::Drain* out) {
  FillKey(row.endpoint, out->mutable_endpoint());
  for (const std::string& pool : row.pools) out->add_pools(pool);
  out->set_state(ToState(row.state));
  out->set_drained(row.drained);
  for (size_t i = 0; i < row.leases.size(); ++i) {
    FillLease(row.leases[i], row.deadlines[i], out->add_leases());
  }
  out->set_in_flight(row.owed.in_flight);
  out->set_fallbacks(row.owed.fallbacks);
  if (row.page) {
    out->set_running(row.page->running);
    out->set_waiting(row.page->waiting);
  }
  if (row.page_age) out->set_page_age_ms(Millis(*row.page_age));
  for (const control::Blocker& blocker : row.blockers) {
    v1::DrainBlocker* b = out->add_blockers();
    b->set_code(std::string(blocker.code));
    b->set_text(blocker.text);
  }
  out->set_since_ms(Millis(row.since));
  if (row.drained_after) out->set_drained_after_ms(Millis(*row.drained_after));
  out->set_lost(row.lost);
  out->set_weight_permille(row.weight);
}

void FillAnswer(const control::DrainAnswer& answer, v1::DrainResponse* out) {
  out->set_generation(answer.generation);
  for (const control::DrainRow& row : answer.endpoints) FillDrain(row, out->add_endpoints());
  for (const control::PoolCapacity& pool : answer.capacity) {
    v1::PoolCapacity* p = out->add_capacity();
    p->set_pool(pool.pool);
    p->set_ready(pool.ready);
    p->set_total(pool.total);
    p->set_needed(pool.needed);
    if (pool.saturation) p->set_saturation(*pool.saturation);
  }
  for (const std::string& warning : answer.warnings) out->add_warnings(SafeText(warning));
}

void FillOldest(const PendingRequests& oldest, base::WallTime now, v1::ListDrainsResponse* out) {
  const int64_t now_ms = std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count();
  for (v1::Drain& drain : *out->mutable_drains()) {
    const v1::EndpointKey& key = drain.endpoint();
    const auto found = oldest.find({key.namespace_(), key.name(), key.ip(), key.port()});
    if (found == oldest.end() || drain.in_flight() == 0) continue;
    drain.mutable_oldest()->set_request_id(SafeText(found->second.request_id));
    drain.mutable_oldest()->set_age_ms(std::max<int64_t>(0, now_ms - found->second.wall_ms));
  }
}

void FillOperation(const store::Operation& operation, v1::Operation* out) {
  out->set_id(operation.id);
  *out->mutable_at() = ToTimestamp(operation.at);
  out->set_who(SafeText(operation.who));
  out->set_verb(SafeText(operation.verb));
  out->set_reason(SafeText(operation.reason));
  out->set_subject(SafeText(operation.subject));
  out->set_before(SafeText(operation.before));
  out->set_after(SafeText(operation.after));
}

void FillEndpointDrain(const control::DrainRow& row, v1::Endpoint* out) {
  switch (row.state) {
    case DrainState::kWarming:
      out->set_state(v1::Endpoint::WARMING);
      break;
    case DrainState::kDraining:
      out->set_state(v1::Endpoint::DRAINING);
      break;
    case DrainState::kOverdue:
      out->set_state(v1::Endpoint::OVERDUE);
      break;
    case DrainState::kDrained:
      out->set_state(v1::Endpoint::DRAINED);
      break;
    case DrainState::kUnverified:
      out->set_state(v1::Endpoint::UNVERIFIED);
      break;
    case DrainState::kReady:
    case DrainState::kGone:  // it is back, and that will be seen
      break;
  }
  for (size_t i = 0; i < row.leases.size(); ++i) {
    FillLease(row.leases[i], row.deadlines[i], out->add_leases());
  }
}

}  // namespace inference::admin
