#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "admin/client.h"
#include "base/clock.h"
#include "inference/result.h"
#include "inferencectl/arguments.h"
#include "inferencectl/envelope.h"
#include "inferencectl/exit_code.h"
#include "inferencectl/settings.h"

namespace inference::ctl {

/// How a verb ended. A failure is told by the caller, on standard error and, in a machine format,
/// as an Error document.
struct Answer {
  ExitCode exit = ExitCode::kOk;
  Status failure;

  Answer() = default;
  Answer(ExitCode code) : exit(code) {}  // NOLINT: implicit
  Answer(Status status)                  // NOLINT: implicit
      : exit(ExitCodeOf(status.code())), failure(std::move(status)) {}
  Answer(ExitCode code, Status status) : exit(code), failure(std::move(status)) {}
};

/// The daemon's address where nobody says otherwise.
std::string UsualServer(const Environment& environment);

/// The world of one run; tests give their own.
struct World {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  Environment environment;
  const base::Clock& clock;
  bool out_is_terminal = false;
  SettingsPlaces places = {};
  std::string program = "inferencectl";  // as it was called
};

/// One run of a verb.
struct Invocation {
  World& world;
  const Arguments& args;
  bool color = false;

  /// What standard output is to hold; empty when all goes to files.
  std::string format() const;
  void Print(std::string_view text) const { world.out << text; }
  bool WantsDocument() const { return format() == "json" || format() == "yaml"; }
  /// As JSON, or as YAML when that was asked for.
  void PrintDocument(const Json& document) const;
  /// For people; silent with --quiet.
  void Remark(std::string_view text) const;
  /// For people who asked for it with --verbose.
  void Detail(std::string_view text) const;
  /// The daemon's address: option, environment, or where it is usually.
  std::string Server() const;
  Result<std::unique_ptr<admin::AdminClient>> Connect() const;
};

}  // namespace inference::ctl
