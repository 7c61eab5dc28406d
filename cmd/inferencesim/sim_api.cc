#include "inferencesim/sim_api.h"

#include <fmt/core.h>

#include "base/text.h"
#include "inferencesim/openai_request.h"

namespace inference::sim {
namespace {

constexpr char kJsonType[] = "application/json";

void ReplyError(Call* call, int status, std::string message) {
  call->Reply(status, kJsonType, ErrorJson({status, std::move(message), ""}));
}

/// One value for one instance, an array for several.
void ReplyEach(Call* call, const std::vector<Instance*>& instances, bool all,
               std::string (*write)(const Instance&)) {
  std::string body;
  for (const Instance* instance : instances) {
    if (!body.empty()) body += ",\n";
    body += write(*instance);
  }
  call->Reply(200, kJsonType, (all ? "[" + body + "]" : body) + "\n");
}

void ChangeAll(Call* call, const std::vector<Instance*>& instances, std::string_view json) {
  // All or none: a fault in the body must not leave half a fleet changed.
  std::vector<Faults> changed;
  for (const Instance* instance : instances) {
    Result<Faults> faults = ChangeFaults(instance->faults(), json);
    if (!faults) return ReplyError(call, 400, faults.status().message());
    changed.push_back(*faults);
  }
  for (size_t i = 0; i < instances.size(); ++i) instances[i]->SetFaults(changed[i]);
  call->Reply(200, kJsonType, "{\"changed\":" + std::to_string(instances.size()) + "}\n");
}

}  // namespace

bool SimApi::Select(Call* call, Instance* self, std::vector<Instance*>* selected, bool* all) const {
  const std::string name = call->Query("instance");
  *all = name == "*" || (name.empty() && self == nullptr);
  if (name.empty() && self != nullptr) {
    selected->push_back(self);
    return true;
  }
  for (const auto& instance : instances_) {
    if (*all || instance->name() == name) selected->push_back(instance.get());
  }
  if (!selected->empty()) return true;
  ReplyError(call, 404, fmt::format("there is no instance '{}'", base::Printable(name, 60)));
  return false;
}

void SimApi::Handle(Call* call, Instance* self) {
  const std::string_view path = call->path();
  const std::string_view method = call->method();
  std::vector<Instance*> selected;
  bool all = false;
  if (path != "/sim/state" && path != "/sim/faults") {
    return ReplyError(call, 404, "there are /sim/state and /sim/faults");
  }
  if (!Select(call, self, &selected, &all)) return;
  if (method == "GET" && path == "/sim/state") {
    return ReplyEach(call, selected, all, [](const Instance& i) { return i.StateJson(); });
  }
  if (method == "GET") {
    return ReplyEach(call, selected, all, [](const Instance& i) {
      return fmt::format("{{\"instance\":\"{}\",\"faults\":{}}}", i.name(),
                         FaultsToJson(i.faults()));
    });
  }
  if (path == "/sim/faults" && method == "POST") return ChangeAll(call, selected, call->Body());
  if (path == "/sim/faults" && method == "DELETE") {
    return ChangeAll(call, selected, R"({"clear":true})");
  }
  ReplyError(call, 405, "GET /sim/state; GET, POST and DELETE /sim/faults");
}

}  // namespace inference::sim
