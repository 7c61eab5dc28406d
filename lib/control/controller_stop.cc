#include <spdlog/spdlog.h>

#include "control/controller.h"
#include "control/endpoint_commands.h"

// Ending the daemon because somebody asks for it.
namespace inference::control {

std::vector<StopAnswer::Exposed> Controller::ExposedByStop() const {
  std::vector<StopAnswer::Exposed> exposed;
  const std::shared_ptr<const DrainRows> drains = drains_.rows();
  const std::shared_ptr<const picker::Runtime> runtime = runtime_.Get();
  for (const picker::PoolRuntime& pool : runtime->pools()) {
    const auto& picker_ref = pool.pool->spec().picker_ref;
    if (!picker_ref || picker_ref->failure_mode != "FailOpen") continue;
    for (const auto& endpoint : pool.pool->endpoints()) {
      const auto row = drains->find(KeyOf(*endpoint));
      if (row == drains->end() || row->second.leases.empty()) continue;
      StopAnswer::Exposed one{pool.pool->key(), endpoint->info().name, {}};
      for (const store::Lease& lease : row->second.leases) one.owners.push_back(lease.owner);
      exposed.push_back(std::move(one));
    }
  }
  return exposed;
}

StopAnswer Controller::MakeStop(const StopRequest& request) {
  StopAnswer answer{{}, ExposedByStop()};
  if (!answer.exposed.empty() && !request.force) {
    const StopAnswer::Exposed& first = answer.exposed.front();
    answer.status = Status(Code::kFailedPrecondition,
                           "pool " + first.pool + " fails open and " + first.endpoint +
                               " is drained: while no picker answers, the gateway may send it "
                               "requests");
  }
  if (!answer.status.ok() || request.dry_run) return answer;
  const store::Author& author = request.author;
  spdlog::info("stop by {}{}", author.who,
               author.reason.empty() ? "" : ", \"" + author.reason + "\"");
  KeepOperation(author, "the daemon", "running",
                answer.exposed.empty() ? "stopping" : "stopping, by force");
  options_.on_stop();
  return answer;
}

StopAnswer Controller::RequestStop(StopRequest request) {
  const auto answer =
      Ask<StopAnswer>([this, request = std::move(request)] { return MakeStop(request); });
  return answer ? *answer : StopAnswer{Status(Code::kUnavailable, "inferenced is stopping"), {}};
}

}  // namespace inference::control
