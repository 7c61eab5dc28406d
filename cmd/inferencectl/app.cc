#include "inferencectl/app.h"

#include <exception>
#include <string>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/envelope.h"
#include "inferencectl/help.h"

namespace inference::ctl {
namespace {

bool WantsColor(const Arguments& args, const World& world) {
  const std::string& when = args.Text("color");
  if (when != "auto") return when == "always";
  auto is_set = [&](const char* name) {
    const char* value = world.environment(name);
    return value != nullptr && *value != '\0';
  };
  if (is_set("NO_COLOR")) return false;
  const char* force = world.environment("CLICOLOR_FORCE");
  if (force != nullptr && *force != '\0' && std::string_view(force) != "0") return true;
  const char* terminal = world.environment("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return world.out_is_terminal && !dumb;
}

bool IsMachineFormat(std::string_view format) {
  return format == "json" || format == "jsonl";
}

int Fail(const Answer& answer, std::string_view format, World& world) {
  world.err << "inferencectl: " << answer.failure.message();
  if (answer.exit == ExitCode::kUsage) world.err << " (exit 2)";
  world.err << "\n";
  if (answer.exit == ExitCode::kInternal) {
    world.err << "this is a bug: please report it with the command, the message above, and what "
                 "`inferencectl version` and `inferencectl status -o json` print\n";
  }
  if (IsMachineFormat(format)) {
    world.out << ToText(ErrorDocument(answer.failure, answer.exit, world.clock.WallNow()),
                        format == "jsonl");
  }
  return static_cast<int>(answer.exit);
}

int Finish(int code, World& world) {
  if (world.out.flush().good()) return code;
  world.err << "inferencectl: cannot write the output\n";
  return static_cast<int>(FirstOf(static_cast<ExitCode>(code), ExitCode::kUnreachable));
}

int Run(int argc, const char* const* argv, World& world) {
  auto args = ParseArguments(argc, argv, world.environment);
  if (!args) {
    const std::string format = RequestedFormat(argc, argv, world.environment);
    return Finish(Fail({ExitCode::kUsage, args.status()}, format, world), world);
  }
  Invocation invocation{world, *args, WantsColor(*args, world)};
  if (args->Switch("help")) {
    if (args->verb().name == "help" && !args->operands().empty()) {
      return Finish(static_cast<int>(RunHelp(invocation).exit), world);
    }
    invocation.Print(args->verb().name == "help" ? ProgramHelp(args->short_help)
                                                 : VerbHelp(args->verb(), args->short_help));
    return Finish(0, world);
  }
  const Answer answer = args->verb().run(invocation);
  if (answer.failure.ok()) return Finish(static_cast<int>(answer.exit), world);
  return Finish(Fail(answer, invocation.format(), world), world);
}

}  // namespace

int RunApp(int argc, const char* const* argv, World& world) {
  try {
    return Run(argc, argv, world);
  } catch (const std::exception& error) {  // of a library, or memory is out
    return Finish(
        Fail({ExitCode::kInternal, Status(Code::kInternal, base::Printable(error.what()))},
             RequestedFormat(argc, argv, world.environment), world),
        world);
  }
}

}  // namespace inference::ctl
