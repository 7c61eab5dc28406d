#include "inferencectl/help.h"

#include <string>
#include <vector>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {
namespace {

Answer UnknownTopic(const std::string& topic) {
  std::vector<std::string_view> known{"exit-codes", "environment", "formatting"};
  for (const VerbRow& verb : Verbs()) known.push_back(verb.name);
  const std::string_view meant = base::ClosestMatch(topic, known);
  std::string message = "no help for \"" + base::Printable(topic) + "\"";
  if (!meant.empty()) message += "; did you mean \"" + std::string(meant) + "\"?";
  return {ExitCode::kUsage, Status(Code::kInvalidArgument, std::move(message))};
}

}  // namespace

Answer RunHelp(Invocation& run) {
  const bool json = run.format() == "json";
  std::string topic;
  for (const std::string& word : run.args.operands()) topic += (topic.empty() ? "" : " ") + word;
  if (json && (topic.empty() || topic == "exit-codes")) {
    Json out = Envelope(topic.empty() ? "CommandLine" : "ExitCodeList", run.world.clock.WallNow());
    out[topic.empty() ? "item" : "items"] =
        topic.empty() ? DescribeCommandLine() : DescribeExitCodes();
    run.Print(ToText(out));
    return ExitCode::kOk;
  }
  std::string text;
  if (topic.empty()) {
    text = ProgramHelp(/*brief=*/false);
  } else if (const VerbRow* verb = FindVerb(topic)) {
    text = VerbHelp(*verb, /*brief=*/false);
  } else {
    text = TopicHelp(topic) + ParentHelp(topic);
  }
  if (text.empty()) return UnknownTopic(topic);
  if (json) {
    return {ExitCode::kUsage,
            Status(Code::kInvalidArgument,
                   "help has JSON for the whole command line and for exit-codes only")};
  }
  run.Print(text);
  return ExitCode::kOk;
}

}  // namespace inference::ctl
