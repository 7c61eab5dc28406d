#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {

/// The value of an environment variable, or null.
using Environment = std::function<const char*(const char*)>;

/// What was asked for, checked against the option table. Values come from the command line, else
/// from the environment, else from the table.
class Arguments {
 public:
  const VerbRow& verb() const { return *verb_; }
  const std::vector<std::string>& operands() const { return operands_; }
  /// Given on the command line?
  bool Given(std::string_view option) const { return values_.count(option) > 0; }
  bool Switch(std::string_view option) const { return Given(option); }
  const std::string& Text(std::string_view option) const;
  const std::vector<std::string>& List(std::string_view option) const;
  /// REQUIRES: the option was declared with a DURATION; checked while parsing.
  std::chrono::milliseconds Duration(std::string_view option) const;
  /// "-h" asks for less than "--help".
  bool short_help = false;

 private:
  friend Result<Arguments> ParseArguments(int, const char* const*, const Environment&);
  const VerbRow* verb_ = nullptr;
  std::vector<std::string> operands_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;  // given
  std::map<std::string, std::string, std::less<>> fallbacks_;            // environment or table
};

/// Errors are for one line: what is wrong, and what was probably meant.
Result<Arguments> ParseArguments(int argc, const char* const* argv, const Environment& environment);

/// "500ms", "10s", "2m", "1h".
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// The output format that the words ask for, read before anything is checked, so that a usage error
/// can be told in it. Empty: none asked for.
std::string RequestedFormat(int argc, const char* const* argv, const Environment& environment);

}  // namespace inference::ctl
