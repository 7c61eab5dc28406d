#pragma once

#include <span>
#include <string_view>

// The command line, declared once: parsing, help, completions, man pages and the JSON description
// (`inferencectl help -o json`) are made from these rows or tested against them.
namespace inference::ctl {

struct Invocation;
struct Answer;

struct OptionRow {
  std::string_view verbs = {};     // that take it, separated by spaces; empty: every verb
  std::string_view name = {};      // without dashes
  char letter = 0;                 // 0: none
  std::string_view argument = {};  // what follows, in capitals; empty: a switch
  std::string_view fallback = {};  // the default, as text; empty: none
  std::string_view env = {};       // a variable that replaces the default; empty: none
  std::string_view choices = {};   // "a|b|c"; empty: free
  bool repeatable = false;
  std::string_view doc = {};
};

struct VerbRow {
  std::string_view name;
  std::string_view operands;  // "[NAME...]"
  int min_operands = 0;
  int max_operands = 0;  // -1: any number
  std::string_view summary;
  std::string_view description;
  std::string_view examples;  // one per line
  Answer (*run)(Invocation&);
};

std::span<const OptionRow> Options();
std::span<const VerbRow> Verbs();

/// Null when there is none.
const VerbRow* FindVerb(std::string_view name);
/// Does this verb take the option?
bool Takes(const VerbRow& verb, const OptionRow& option);
/// The verb's option of that name, or null.
const OptionRow* FindOption(const VerbRow& verb, std::string_view name);

}  // namespace inference::ctl
