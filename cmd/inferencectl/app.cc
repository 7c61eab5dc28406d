#include "inferencectl/app.h"

#include <exception>
#include <string>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/completion.h"
#include "inferencectl/envelope.h"
#include "inferencectl/help.h"

namespace inference::ctl {
namespace {

bool WantsColor(const Arguments& args, const World& world) {
  const std::string& when = args.Text("color");
  if (args.Given("color") && when != "auto") return when == "always";
  auto is_set = [&](const char* name) {
    const char* value = world.environment(name);
    return value != nullptr && *value != '\0';
  };
  if (is_set("NO_COLOR")) return false;
  const char* force = world.environment("CLICOLOR_FORCE");
  if (force != nullptr && *force != '\0' && std::string_view(force) != "0") return true;
  if (when != "auto") return when == "always";
  const char* terminal = world.environment("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return world.out_is_terminal && !dumb;
}

bool IsMachineFormat(std::string_view format) {
  return format == "json" || format == "jsonl" || format == "yaml";
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
    const Json error = ErrorDocument(answer.failure, answer.exit, world.clock.WallNow());
    world.out << (format == "yaml" ? ToYaml(error) : ToText(error, format == "jsonl"));
  }
  return static_cast<int>(answer.exit);
}

int Finish(int code, World& world) {
  if (world.out.flush().good()) return code;
  world.err << "inferencectl: cannot write the output\n";
  return static_cast<int>(FirstOf(static_cast<ExitCode>(code), ExitCode::kUnreachable));
}

/// The file named by --config or its variable; empty: those of the usual places.
std::string OnlyConfigFile(const Arguments& args, const World& world) {
  if (args.Given("config")) return args.Text("config");
  const char* variable = world.environment("INFERENCECTL_CONFIG");
  return variable == nullptr ? "" : variable;
}

/// Takes in configuration files and environment.
Answer FillIn(Arguments& args, const World& world) {
  Settings settings;
  if (!args.verb().bare) {
    auto read = ReadSettings(OnlyConfigFile(args, world), world.places);
    if (!read) return {ExitCode::kBadInput, read.status()};
    settings = std::move(*read);
  }
  if (Status status = args.Fill(world.environment, settings); !status.ok()) {
    return {ExitCode::kUsage, std::move(status)};
  }
  if (!args.Switch("verbose")) return ExitCode::kOk;
  for (const std::string& file : settings.files()) world.err << "configuration: " << file << "\n";
  return ExitCode::kOk;
}

int Run(int argc, const char* const* argv, World& world) {
  if (argc > 1 && std::string_view(argv[1]) == kCompleteVerb) {
    PrintCompletions(argc - 2, argv + 2, world);
    return Finish(0, world);
  }
  auto args = ParseArguments(argc, argv);
  if (!args) {
    const std::string format = RequestedFormat(argc, argv, world.environment);
    return Finish(Fail({ExitCode::kUsage, args.status()}, format, world), world);
  }
  if (!args->Switch("help")) {
    if (const Answer answer = FillIn(*args, world); !answer.failure.ok()) {
      const std::string format = RequestedFormat(argc, argv, world.environment);
      return Finish(Fail(answer, format, world), world);
    }
  }
  Invocation invocation{world, *args, WantsColor(*args, world)};
  if (args->Switch("help")) {
    if (args->verb().name == "help" && !args->operands().empty()) {
      return Finish(static_cast<int>(RunHelp(invocation).exit), world);
    }
    invocation.Print(args->verb().name == "help"
                         ? ProgramHelp(args->short_help, world.program)
                         : VerbHelp(args->verb(), args->short_help, world.program));
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
