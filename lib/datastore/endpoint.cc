#include "datastore/endpoint.h"

#include <algorithm>

namespace inference::datastore {
namespace {

uint32_t NextId() {
  static std::atomic<uint32_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::string JoinHostPort(const std::string& address, int port) {
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Endpoint::Endpoint(EndpointInfo info) : info_(std::move(info)), id_(NextId()) {}

int64_t Endpoint::UnseenPicks() const {
  const uint64_t picked = picks_.load(std::memory_order_relaxed);
  const uint64_t seen = seen_picks_.load(std::memory_order_relaxed);
  const int64_t unseen = picked > seen ? static_cast<int64_t>(picked - seen) : 0;
  return std::clamp<int64_t>(in_flight(), 0, unseen);
}

void Endpoint::SetAdmission(Admission admission, std::string note) {
  {
    const std::lock_guard lock(note_mutex_);
    admission_note_ = std::move(note);
  }
  admission_.store(admission, std::memory_order_seq_cst);
}

std::string Endpoint::admission_note() const {
  const std::lock_guard lock(note_mutex_);
  return admission_note_;
}

void Endpoint::SetWeight(WeightOf of, uint32_t permille, std::string note) {
  const std::lock_guard lock(note_mutex_);
  shares_[static_cast<size_t>(of)] = {std::clamp<uint32_t>(permille, 1, kFullWeight),
                                      std::move(note)};
  double weight = kFullWeight;
  for (const Share& share : shares_) weight = weight * share.permille / kFullWeight;
  weight_.store(std::max<uint32_t>(1, static_cast<uint32_t>(weight)), std::memory_order_relaxed);
}

uint32_t Endpoint::share(WeightOf of) const {
  const std::lock_guard lock(note_mutex_);
  return shares_[static_cast<size_t>(of)].permille;
}

std::string Endpoint::weight_note() const {
  const std::lock_guard lock(note_mutex_);
  std::string out;
  for (const Share& share : shares_) {
    if (share.permille == kFullWeight || share.note.empty()) continue;
    out += (out.empty() ? "" : "; ") + share.note;
  }
  return out;
}

std::string Endpoint::ejection_note() const {
  const Ejection state = ejection();
  const char* const fault = ejected_for_.load(std::memory_order_relaxed);
  if (state == Ejection::kNone || fault == nullptr) return {};
  return (state == Ejection::kEjected    ? std::string("ejected")
          : state == Ejection::kTrialDue ? std::string("half open, the next request tries it")
                                         : std::string("half open, a request tries it")) +
         ": the gateway reports that " + fault;
}

Commitment Endpoint::commitment() const {
  Commitment out;
  out.arrivals = picks();
  out.fallbacks = fallbacks_.load(std::memory_order_seq_cst);
  out.in_flight = in_flight_.load(std::memory_order_seq_cst);
  return out;
}

Reservation::Reservation(std::shared_ptr<Endpoint> endpoint) : endpoint_(std::move(endpoint)) {
  endpoint_->in_flight_.fetch_add(1, std::memory_order_seq_cst);
  endpoint_->picks_.fetch_add(1, std::memory_order_relaxed);
}

Reservation Reservation::Try(const std::shared_ptr<Endpoint>& endpoint, bool ejected_too) {
  Reservation out;
  endpoint->in_flight_.fetch_add(1, std::memory_order_seq_cst);
  if (endpoint->admission_.load(std::memory_order_seq_cst) == Admission::kClosed) {
    endpoint->in_flight_.fetch_sub(1, std::memory_order_seq_cst);
    return out;
  }
  Ejection due = Ejection::kTrialDue;
  const bool takes_trial = !ejected_too && endpoint->ejection() != Ejection::kNone;
  if (takes_trial && !endpoint->ejection_.compare_exchange_strong(due, Ejection::kTrialRuns,
                                                                  std::memory_order_relaxed)) {
    endpoint->in_flight_.fetch_sub(1, std::memory_order_seq_cst);
    return out;
  }
  endpoint->picks_.fetch_add(1, std::memory_order_relaxed);
  out.endpoint_ = endpoint;
  return out;
}

bool Reservation::TryFallback(const std::shared_ptr<Endpoint>& endpoint) {
  endpoint->fallbacks_.fetch_add(1, std::memory_order_seq_cst);
  if (endpoint->admission_.load(std::memory_order_seq_cst) != Admission::kOpen) {
    endpoint->fallbacks_.fetch_sub(1, std::memory_order_seq_cst);
    return false;
  }
  if (!fallbacks_) fallbacks_ = std::make_unique<Endpoints>();
  fallbacks_->push_back(endpoint);
  return true;
}

void Reservation::EndFallbacks() {
  if (!fallbacks_) return;
  for (const std::shared_ptr<Endpoint>& endpoint : *fallbacks_) {
    endpoint->fallbacks_.fetch_sub(1, std::memory_order_seq_cst);
  }
  fallbacks_.reset();
}

void Reservation::End() {
  EndFallbacks();
  if (!endpoint_) return;
  endpoint_->in_flight_.fetch_sub(1, std::memory_order_seq_cst);
  endpoint_.reset();
}

void Reservation::MoveTo(std::shared_ptr<Endpoint> other) {
  if (!endpoint_ || !other) return;
  if (other != endpoint_) *this = Reservation(std::move(other));
  EndFallbacks();
}

}  // namespace inference::datastore
