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

class Settings;

/// What was asked for, checked against the option table. Values come from the command line, else
/// from the environment, else from a configuration file, else from the table.
class Arguments {
 public:
  const VerbRow& verb() const { return *verb_; }
  const std::vector<std::string>& operands() const { return operands_; }
  /// Given on the command line?
  bool Given(std::string_view option) const { return values_.count(option) > 0; }
  bool Switch(std::string_view option) const { return Given(option); }
  const std::string& Text(std::string_view option) const;
  /// Of the command line, else of a configuration file.
  const std::vector<std::string>& List(std::string_view option) const;
  /// Where its value comes from: "--server", "INFERENCECTL_SERVER", "config.yaml:3:9", "default".
  std::string Origin(std::string_view option) const;
  /// Takes in what the command line doesn't say; the table's defaults are there without it. The
  /// error is one of the environment.
  Status Fill(const Environment& environment, const Settings& settings);
  /// REQUIRES: the option was declared with a DURATION; checked while parsing.
  std::chrono::milliseconds Duration(std::string_view option) const;
  /// "-h" asks for less than "--help".
  bool short_help = false;

 private:
  /// Of an option that may be repeated the file's values come first: what is given adds to them.
  void AddSettings(const OptionRow& option, const Settings& settings);

  friend Result<Arguments> ParseArguments(int, const char* const*);
  const VerbRow* verb_ = nullptr;
  std::vector<std::string> operands_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;  // given
  struct Fallback {
    std::vector<std::string> values;
    std::string origin;
    bool from_file = false;
  };
  std::map<std::string, Fallback, std::less<>> fallbacks_;  // not given
};

/// Errors are for one line: what is wrong, and what was probably meant.
Result<Arguments> ParseArguments(int argc, const char* const* argv);

/// Is that a value for the option? The error names the option.
Status CheckValue(const OptionRow& option, const std::string& value);

/// "500ms", "10s", "2m", "1h".
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// The output format that the words ask for, read before anything is checked, so that a usage error
/// can be told in it. Empty: none asked for.
std::string RequestedFormat(int argc, const char* const* argv, const Environment& environment);

}  // namespace inference::ctl
