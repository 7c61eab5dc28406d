#pragma once

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "inferencectl/app.h"

namespace inference::ctl {

/// What a run of the program gave.
struct Outcome {
  int code;
  std::string out, err;
};

/// Runs the program in this process, at a fixed time.
inline Outcome RunWith(const std::vector<std::string>& arguments,
                       const std::map<std::string, std::string>& environment = {},
                       const std::string& input = "") {
  class FixedClock final : public base::Clock {
   public:
    base::Time Now() const override { return base::FromNanos(1); }
    base::WallTime WallNow() const override {
      return base::WallTime(std::chrono::seconds(1'768'209'243));
    }
  };
  std::ostringstream out, err;
  std::istringstream in(input);
  const FixedClock clock;
  World world{out, err, in,
              [&](const char* name) -> const char* {
                const auto found = environment.find(name);
                return found == environment.end() ? nullptr : found->second.c_str();
              },
              clock};
  std::vector<const char*> words{"inferencectl"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  const int code = RunApp(static_cast<int>(words.size()), words.data(), world);
  return {code, out.str(), err.str()};
}

}  // namespace inference::ctl
