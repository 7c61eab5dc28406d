#pragma once

#include <span>
#include <string>
#include <string_view>

#include "inferencectl/envelope.h"

// What `inferencectl help` tells beside the verbs.
namespace inference::ctl {

struct Topic {
  std::string_view name;
  std::string_view summary;
  std::string (*text)();
  std::string_view json_kind;  // of its list
  Json (*json)();
};

std::span<const Topic> Topics();
/// Null when there is none.
const Topic* FindTopic(std::string_view name);

/// A variable that changes what the program does.
struct Variable {
  std::string_view name;
  std::string effect;
};
/// Those of options, then the others.
std::span<const Variable> Variables();

Json DescribeExitCodes();

}  // namespace inference::ctl
