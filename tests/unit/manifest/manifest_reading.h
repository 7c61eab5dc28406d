#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/reader.h"

namespace inference::manifest {

/// What reading a text gave, for the tables of the tests.
struct Reading {
  ManifestSet set;
  api::Diagnostics diagnostics;

  std::string All() const {
    std::string out;
    for (const api::Diagnostic& d : diagnostics) out += d.ToString() + "\n";
    return out;
  }
};

inline Reading ReadText(std::string_view text) {
  Reading reading;
  ReadManifests("f.yaml", text, reading.set, reading.diagnostics);
  return reading;
}

/// A good text with one place exchanged, and the one finding that this must give.
struct BadEdit {
  std::string from, to;
  std::string at;       // "line:column"
  std::string message;  // a part of the text
};

inline std::string Edited(std::string text, const BadEdit& edit) {
  const size_t at = text.find(edit.from);
  if (at == std::string::npos) FAIL("no '" << edit.from << "' in the text");
  return text.replace(at, edit.from.size(), edit.to);
}

inline void CheckFinding(const api::Diagnostics& diagnostics, const BadEdit& edit) {
  std::string all;
  for (const api::Diagnostic& d : diagnostics) all += d.ToString() + "\n";
  INFO("'" << edit.from << "' -> '" << edit.to << "' gave:\n" << all);
  CHECK(diagnostics.size() == 1);
  CHECK_THAT(all, Catch::Contains("f.yaml:" + edit.at + ": "));
  CHECK_THAT(all, Catch::Contains(edit.message));
}

}  // namespace inference::manifest
