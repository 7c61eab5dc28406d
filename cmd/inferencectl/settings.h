#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inferencectl/option_table.h"

// The configuration files of the command line. Kind InferencectlConfig; the fields are in
// manifest/schema/command_line_kinds.cc.
namespace inference::ctl {

/// Where the files are that are read when none is named.
struct SettingsPlaces {
  std::string project = ".inferencectl.yaml";
  std::string user;  // empty: none
  std::string system = "/etc/inferencectl/config.yaml";
};

struct Setting {
  std::vector<std::string> values;  // one; more of a list
  std::string origin;               // "file:line:column"
};

/// What the files say, each value from the strongest one that has it: the project's, the user's,
/// the host's.
class Settings {
 public:
  /// By its path in the file, "lint.failOn"; null when no file has it.
  const Setting* Find(std::string_view key) const;
  /// Those that were read, the strongest first.
  const std::vector<std::string>& files() const { return files_; }

 private:
  friend Result<Settings> ReadSettings(const std::string&, const SettingsPlaces&);
  std::map<std::string, Setting, std::less<>> settings_;
  std::vector<std::string> files_;
};

/// Reads `only_file` (/dev/null: none), or when that is empty the files of `places` that exist. A
/// project's file may hold lint settings only: a repository that was cloned must not redirect the
/// tool. The error has a line per mistake, with its position.
Result<Settings> ReadSettings(const std::string& only_file, const SettingsPlaces& places);

}  // namespace inference::ctl
