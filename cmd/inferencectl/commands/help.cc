#include "inferencectl/help.h"

#include <string>
#include <vector>

#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/invocation.h"
#include "inferencectl/topics.h"

namespace inference::ctl {
namespace {

Status Wrong(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

Status UnknownTopic(const std::string& topic) {
  std::vector<std::string_view> known;
  for (const Topic& each : Topics()) known.push_back(each.name);
  for (const VerbRow& verb : Verbs()) known.push_back(verb.name);
  const std::string_view meant = base::ClosestMatch(topic, known);
  std::string message = "no help for \"" + base::Printable(topic) + "\"";
  if (!meant.empty()) message += "; did you mean \"" + std::string(meant) + "\"?";
  return Wrong(std::move(message));
}

Answer PrintJson(Invocation& run, const std::string& name) {
  if (name.empty()) {
    Json out = Envelope("CommandLine", run.world.clock.WallNow());
    out["item"] = DescribeCommandLine();
    run.PrintDocument(out);
    return ExitCode::kOk;
  }
  const Topic* topic = FindTopic(name);
  if (topic == nullptr) {
    const bool is_verb = FindVerb(name) != nullptr || !VerbsUnder(name).empty();
    return {ExitCode::kUsage,
            is_verb ? Wrong("help has JSON for topics and for the whole command line, not for one "
                            "verb; leave out " +
                            name)
                    : UnknownTopic(name)};
  }
  Json out = Envelope(topic->json_kind, run.world.clock.WallNow());
  out["items"] = topic->json();
  run.PrintDocument(out);
  return ExitCode::kOk;
}

}  // namespace

Answer RunHelp(Invocation& run) {
  std::string name;
  for (const std::string& word : run.args.operands()) name += (name.empty() ? "" : " ") + word;
  if (run.WantsDocument()) return PrintJson(run, name);
  if (name.empty()) {
    run.Print(ProgramHelp(/*brief=*/false, run.world.program));
  } else if (const VerbRow* verb = FindVerb(name)) {
    run.Print(VerbHelp(*verb, /*brief=*/false, run.world.program));
  } else if (const Topic* topic = FindTopic(name)) {
    run.Print(topic->text());
  } else if (const std::string text = ParentHelp(name, run.world.program); !text.empty()) {
    run.Print(text);
  } else {
    return {ExitCode::kUsage, UnknownTopic(name)};
  }
  return ExitCode::kOk;
}

}  // namespace inference::ctl
