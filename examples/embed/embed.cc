// Picks a model server from a program of your own: no daemon, no proxy, no thread, no I/O.
#include <inference/inference.h>

#include <iostream>
#include <string>

namespace {

// A program gets these pages from http://SERVER/metrics.
std::string MetricsPage(int waiting, double kv_usage) {
  return "vllm:num_requests_waiting{model_name=\"qwen\"} " + std::to_string(waiting) +
         "\nvllm:num_requests_running{model_name=\"qwen\"} 4\n"
         "vllm:kv_cache_usage_perc{model_name=\"qwen\"} " +
         std::to_string(kv_usage) + "\n";
}

bool Succeeded(const inference::Status& status) {
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok();
}

}  // namespace

int main() {
  inference::Result<inference::Picker> made = inference::Picker::FromConfig(R"(
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
)");
  if (!Succeeded(made.status())) return 1;
  inference::Picker& picker = *made;

  if (!Succeeded(picker.UpsertEndpoint({"gpu-1", "10.2.0.11", 8000, {}})) ||
      !Succeeded(picker.UpsertEndpoint({"gpu-2", "10.2.0.12", 8000, {}})) ||
      !Succeeded(picker.ReportMetrics("gpu-1", MetricsPage(7, 0.80))) ||
      !Succeeded(picker.ReportMetrics("gpu-2", MetricsPage(1, 0.35)))) {
    return 1;
  }

  const inference::Request request{.model = "qwen",
                                   .prompts = {{"user", "Why is the sky blue?"}},
                                   .cache_salt = {},
                                   .subset = {}};
  const inference::Explanation why = picker.Explain(request);
  for (const inference::Explanation::Row& row : why.rows) {
    std::cout << row.name << " " << row.endpoint << " total " << row.total << "\n";
  }
  const inference::PickResult result = picker.Pick(request);
  if (!result.picked) {
    std::cerr << result.http_status << " " << result.message << "\n";
    return 1;
  }
  // Send the request; keep result.reservation until the response has ended.
  std::cout << "picked " << result.endpoints.front() << "\n";
  return 0;
}
