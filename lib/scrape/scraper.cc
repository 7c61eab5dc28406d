#include "scrape/scraper.h"

#include <utility>

#include "scrape/reactor.h"

namespace inference::scrape {

Scraper::Scraper(Options options) : reactor_(std::make_unique<Reactor>(options)) {}
Scraper::~Scraper() {
  Stop();
}

Status Scraper::Start() {
  return reactor_->Start();
}
void Scraper::Stop() {
  reactor_->Stop();
}
void Scraper::SetTargets(std::vector<Target> targets) {
  reactor_->SetTargets(std::move(targets));
}
std::string Scraper::LastError(uint32_t endpoint_id) const {
  return reactor_->LastError(endpoint_id);
}
const Stats& Scraper::stats() const {
  return reactor_->stats();
}

}  // namespace inference::scrape
