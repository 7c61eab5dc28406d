#include "inferencesim/http_stats.h"

#include <fmt/core.h>

#include "inferencesim/metrics_page.h"

namespace inference::sim {
namespace {

constexpr double kHighResolution[] = {.01, .025, .05, .075, .1,  .25, .5,  .75, 1,  1.5, 2,
                                      2.5, 3,    3.5, 4,    4.5, 5,   7.5, 10,  30, 60};
constexpr double kLowResolution[] = {.1, .5, 1};

void AppendSeries(std::string_view name, std::string_view labels, double value, std::string* page) {
  *page += name;
  if (!labels.empty()) fmt::format_to(std::back_inserter(*page), "{{{}}}", labels);
  *page += ' ';
  AppendValue(value, page);
  *page += '\n';
}

/// `before` and `after` are the labels that sort before and after `le`.
void AppendBuckets(std::string_view name, std::string_view before, std::string_view after,
                   const Histogram& histogram, std::string* page) {
  const std::string bucket = std::string(name) + "_bucket";
  for (size_t i = 0; i < histogram.cumulative().size(); ++i) {
    std::string bound = "+Inf";
    if (i < histogram.bounds().size()) {
      bound.clear();
      AppendValue(histogram.bounds()[i], &bound);
    }
    AppendSeries(bucket, fmt::format("{}le=\"{}\"{}", before, bound, after),
                 histogram.cumulative()[i], page);
  }
}

}  // namespace

HttpStats::Route::Route() : duration(kLowResolution) {}
HttpStats::HttpStats() : high_resolution_(kHighResolution) {}

void HttpStats::Record(std::string_view handler, std::string_view method, int status,
                       size_t request_bytes, size_t response_bytes, double seconds) {
  Route& route = routes_[{std::string(handler), std::string(method)}];
  route.by_status[fmt::format("{}xx", status / 100)] += 1;
  route.request_bytes += static_cast<double>(request_bytes);
  route.response_bytes += static_cast<double>(response_bytes);
  route.duration.Observe(seconds);
  high_resolution_.Observe(seconds);
}

void HttpStats::Render(double created, std::string* page) const {
  RenderCounts(created, page);
  RenderSizes(created, page);
  RenderDurations(created, page);
}

void HttpStats::RenderCounts(double created, std::string* page) const {
  constexpr std::string_view kHelp = "Requests answered, by path, method and class of status.";
  const auto each = [&](std::string_view name, bool times) {
    for (const auto& [key, route] : routes_) {
      for (const auto& [status, count] : route.by_status) {
        AppendSeries(name,
                     fmt::format("handler=\"{}\",method=\"{}\",status=\"{}\"", key.first,
                                 key.second, status),
                     times ? created : count, page);
      }
    }
  };
  AppendFamily("http_requests_total", "counter", kHelp, page);
  each("http_requests_total", false);
  AppendFamily("http_requests_created", "gauge", kHelp, page);
  each("http_requests_created", true);
}

void HttpStats::RenderSizes(double created, std::string* page) const {
  const auto family = [&](const std::string& name, std::string_view help, double Route::* bytes) {
    std::map<std::string_view, std::pair<double, double>>
        by_handler;  // the method is no label here
    for (const auto& [key, route] : routes_) {
      by_handler[key.first].first += route.duration.count();
      by_handler[key.first].second += route.*bytes;
    }
    AppendFamily(name, "summary", help, page);
    for (const auto& [handler, sums] : by_handler) {
      const std::string labels = fmt::format("handler=\"{}\"", handler);
      AppendSeries(name + "_count", labels, sums.first, page);
      AppendSeries(name + "_sum", labels, sums.second, page);
    }
    AppendFamily(name + "_created", "gauge", help, page);
    for (const auto& [handler, sums] : by_handler) {
      AppendSeries(name + "_created", fmt::format("handler=\"{}\"", handler), created, page);
    }
  };
  family("http_request_size_bytes", "Bytes of request bodies, by path.", &Route::request_bytes);
  family("http_response_size_bytes", "Bytes of response bodies, by path.", &Route::response_bytes);
}

void HttpStats::RenderDurations(double created, std::string* page) const {
  const std::string fine = "http_request_duration_highr_seconds";
  constexpr std::string_view kFineHelp = "Time to answer, all paths together, in many buckets.";
  AppendFamily(fine, "histogram", kFineHelp, page);
  AppendBuckets(fine, "", "", high_resolution_, page);
  AppendSeries(fine + "_count", "", high_resolution_.count(), page);
  AppendSeries(fine + "_sum", "", high_resolution_.sum(), page);
  AppendFamily(fine + "_created", "gauge", kFineHelp, page);
  AppendSeries(fine + "_created", "", created, page);

  const std::string coarse = "http_request_duration_seconds";
  constexpr std::string_view kCoarseHelp = "Time to answer, by path, in few buckets.";
  AppendFamily(coarse, "histogram", kCoarseHelp, page);
  for (const auto& [key, route] : routes_) {
    const std::string handler = fmt::format("handler=\"{}\"", key.first);
    const std::string method = fmt::format("method=\"{}\"", key.second);
    AppendBuckets(coarse, handler + ",", "," + method, route.duration, page);
    AppendSeries(coarse + "_count", handler + "," + method, route.duration.count(), page);
    AppendSeries(coarse + "_sum", handler + "," + method, route.duration.sum(), page);
  }
  AppendFamily(coarse + "_created", "gauge", kCoarseHelp, page);
  for (const auto& [key, route] : routes_) {
    AppendSeries(coarse + "_created",
                 fmt::format("handler=\"{}\",method=\"{}\"", key.first, key.second), created, page);
  }
}

}  // namespace inference::sim
