#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

// The command line, declared once: parsing, help, completions, the man page and the JSON
// description (`inferencectl help -o json`) are made from these rows or tested against them. The
// rows stand in options/, a file per group of verbs.
namespace inference::ctl {

struct Invocation;
struct Answer;

/// What a shell may offer in the place of a word, beside the choices.
enum class Words {
  kNothing,
  kFiles,             // files and folders
  kServers,           // admin addresses of daemons on this host
  kPools,             // "namespace/name" of the daemon's pools
  kEndpoints,         // names of the daemon's endpoints
  kModels,            // model names that the daemon's rules match or give
  kRules,             // the daemon's rules that choose by weight, as rewrite/llm/chat
  kRuleTargets,       // the same with a space and one of its targets behind it
  kRuleAndWeights,    // a rule, then its targets, each with = behind it
  kResourceAndNames,  // what the verb's operands begin with, then their names
  kKinds,             // kinds of manifests
  kExplained,         // kinds, their fields, codes
  kTopics,            // verbs and help topics
  kShells,            // that there is a completion for
};

struct OptionRow {
  std::string_view verbs = {};     // that take it, separated by '|'; empty: every verb
  std::string_view name = {};      // without dashes
  char letter = 0;                 // 0: none
  std::string_view argument = {};  // what follows, in capitals; empty: a switch
  std::string_view fallback = {};  // the default, as text; empty: none
  std::string_view env = {};       // a variable that replaces the default; empty: none
  std::string_view config = {};    // its place in configuration files, "lint.failOn"; empty: none
  std::string_view choices = {};   // "a|b|c"; empty: free
  bool repeatable = false;
  Words words = Words::kNothing;  // that the argument may be
  std::string_view doc = {};
};

/// Of verbs that ask all daemons of the same pools.
constexpr OptionRow ReplicasOption(std::string_view verbs) {
  return {.verbs = verbs,
          .name = "replicas",
          .argument = "ADDRESS",
          .config = "replicas",
          .repeatable = true,
          .words = Words::kServers,
          .doc =
              "all daemons that serve the same pools; --server, given once or more, is "
              "stronger"};
}

struct VerbRow {
  std::string_view name = {};      // two words when it is nested, as "config show"
  std::string_view operands = {};  // "[NAME...]"
  int min_operands = 0;
  int max_operands = 0;           // -1: any number
  Words words = Words::kNothing;  // that the operands may be
  std::string_view summary = {};
  std::string_view description = {};
  std::string_view examples = {};  // one per line
  /// What exit codes other than 0 mean here, a line each, as "1 the files differ". Usage, internal
  /// errors and signals go without saying.
  std::string_view exits = {};
  std::string_view aliases = {};  // other names, separated by '|'
  bool bare = false;              // works whatever the configuration files say, and reads none
  Answer (*run)(Invocation&) = nullptr;
};

/// Verbs that belong together, with their options. Neighbours of one title are shown together.
struct VerbGroup {
  std::string_view title = {};
  std::span<const VerbRow> verbs = {};
  std::span<const OptionRow> options = {};
};

// options/*.cc, one each.
VerbGroup EveryVerbGroup();  // no verbs
VerbGroup InspectGroup();
VerbGroup ValidateGroup();
VerbGroup EditGroup();
VerbGroup ChangeGroup();
VerbGroup DrainGroup();
VerbGroup TrafficGroup();
VerbGroup TestGroup();
VerbGroup ExplainGroup();
VerbGroup GeneralGroup();

/// In the order of help.
std::span<const VerbGroup> Groups();
/// Of all groups.
std::span<const OptionRow> Options();
std::span<const VerbRow> Verbs();

/// By its name or an alias; null when there is none.
const VerbRow* FindVerb(std::string_view name);
/// The verbs whose first word is `parent`, when that is not a verb itself.
std::vector<const VerbRow*> VerbsUnder(std::string_view parent);
/// Does this verb take the option?
bool Takes(const VerbRow& verb, const OptionRow& option);
/// "[=HOW]": the value is behind an equals sign or left out, then it is the first of the choices.
inline bool IsValueOptional(const OptionRow& option) {
  return option.argument.starts_with("[=");
}
/// The verb's option of that name, or null.
const OptionRow* FindOption(const VerbRow& verb, std::string_view name);

}  // namespace inference::ctl
