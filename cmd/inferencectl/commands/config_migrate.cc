#include <fmt/format.h>

#include <algorithm>

#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/format.h"
#include "inferencectl/invocation.h"
#include "inferencectl/migrate/reference_flags.h"

namespace inference::ctl {

Answer RunConfigMigrate(Invocation& run) {
  const auto migration = MigrateFlags(run.args.operands());
  if (!migration) return {ExitCode::kBadInput, migration.status()};
  if (run.WantsDocument()) {
    Json out = Envelope("ConfigMigration", run.world.clock.WallNow());
    out["config"] = migration->yaml;
    out["remarks"] = Json::array();
    for (const auto& remark : migration->remarks) {
      out["remarks"].push_back(
          {{"flag", remark.flag}, {"message", remark.text}, {"lost", remark.lost}});
    }
    run.PrintDocument(out);
  } else {
    run.Print(migration->yaml);
  }
  for (const auto& remark : migration->remarks) {
    const std::string line = fmt::format("{}{}: {}", remark.lost ? "warning: " : "", remark.flag,
                                         SafeForTerminal(remark.text));
    if (remark.lost) {
      run.world.err << "inferencectl: " << line << "\n";
    } else {
      run.Remark(line);
    }
  }
  if (!migration->picker_config.empty()) {
    run.Remark("check the plugins too: inferencectl config check " +
               SafeForTerminal(migration->picker_config));
  }
  const bool lost = std::any_of(migration->remarks.begin(), migration->remarks.end(),
                                [](const auto& remark) { return remark.lost; });
  return lost ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace inference::ctl
