#include "scrape/stats.h"

namespace inference::scrape {

std::string_view FailureName(Failure failure) {
  switch (failure) {
    case Failure::kConnect:
      return "connect";
    case Failure::kTls:
      return "tls";
    case Failure::kTimeout:
      return "timeout";
    case Failure::kStatus:
      return "status";
    case Failure::kTooLarge:
      return "too_large";
    case Failure::kBadPage:
      return "bad_page";
    case Failure::kShortage:
      return "shortage";
    case Failure::kOther:
      break;
  }
  return "other";
}

std::span<const double> ScrapeSecondsBounds() {
  static constexpr double kBounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                       0.1,    0.25,  0.5,    1,     2.5,  5};
  return kBounds;
}

}  // namespace inference::scrape
