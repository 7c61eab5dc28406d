#include "inference/version.h"

#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {

Answer RunVersion(Invocation& run) {
  if (run.WantsDocument()) {
    Json out = Envelope("Version", run.world.clock.WallNow());
    out["item"] = {{"version", INFERENCE_VERSION}, {"adminApi", "inference.admin.v1"}};
    run.PrintDocument(out);
  } else {
    run.Print("inferencectl " INFERENCE_VERSION "\n");
  }
  return ExitCode::kOk;
}

}  // namespace inference::ctl
