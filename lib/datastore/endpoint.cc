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

Reservation::Reservation(std::shared_ptr<Endpoint> endpoint) : endpoint_(std::move(endpoint)) {
  endpoint_->in_flight_.fetch_add(1, std::memory_order_relaxed);
  endpoint_->picks_.fetch_add(1, std::memory_order_relaxed);
}

void Reservation::End() {
  if (!endpoint_) return;
  endpoint_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
  endpoint_.reset();
}

void Reservation::MoveTo(std::shared_ptr<Endpoint> other) {
  if (!endpoint_ || !other || other == endpoint_) return;
  *this = Reservation(std::move(other));
}

}  // namespace inference::datastore
