#include <array>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/completion_scripts.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {

Answer RunCompletion(Invocation& run) {
  const std::string& shell = run.args.operands().front();
  const std::string_view script = CompletionScript(shell);
  if (script.empty()) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument, "no completion for \"" + base::Printable(shell) +
                                               "\"; there are bash, zsh and fish")};
  }
  run.Print(script);
  return ExitCode::kOk;
}

}  // namespace inference::ctl
