#include "inferencectl/option_table.h"

#include <algorithm>
#include <array>

namespace inference::ctl {
namespace {

bool Lists(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const size_t bar = std::min(names.find('|'), names.size());
    if (names.substr(0, bar) == name) return true;
    names.remove_prefix(std::min(bar + 1, names.size()));
  }
  return false;
}

}  // namespace

std::span<const VerbGroup> Groups() {
  static const std::array kGroups{
      InspectGroup(), ValidateGroup(), EditGroup(),    ChangeGroup(),  TrafficGroup(),
      DrainGroup(),   TestGroup(),     ExplainGroup(), GeneralGroup(), EveryVerbGroup(),
  };
  return kGroups;
}

std::span<const OptionRow> Options() {
  static const std::vector<OptionRow> kAll = [] {
    std::vector<OptionRow> all;
    for (const VerbGroup& group : Groups()) {
      all.insert(all.end(), group.options.begin(), group.options.end());
    }
    return all;
  }();
  return kAll;
}

std::span<const VerbRow> Verbs() {
  static const std::vector<VerbRow> kAll = [] {
    std::vector<VerbRow> all;
    for (const VerbGroup& group : Groups()) {
      all.insert(all.end(), group.verbs.begin(), group.verbs.end());
    }
    return all;
  }();
  return kAll;
}

const VerbRow* FindVerb(std::string_view name) {
  for (const VerbRow& verb : Verbs()) {
    if (verb.name == name || Lists(verb.aliases, name)) return &verb;
  }
  return nullptr;
}

std::vector<const VerbRow*> VerbsUnder(std::string_view parent) {
  std::vector<const VerbRow*> out;
  for (const VerbRow& verb : Verbs()) {
    const size_t space = verb.name.find(' ');
    if (space != std::string_view::npos && verb.name.substr(0, space) == parent) {
      out.push_back(&verb);
    }
  }
  return out;
}

bool Takes(const VerbRow& verb, const OptionRow& option) {
  return option.verbs.empty() || Lists(option.verbs, verb.name);
}

const OptionRow* FindOption(const VerbRow& verb, std::string_view name) {
  for (const OptionRow& option : Options()) {
    if (option.name == name && Takes(verb, option)) return &option;
  }
  return nullptr;
}

}  // namespace inference::ctl
