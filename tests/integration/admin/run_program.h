#pragma once

#include <map>
#include <string>
#include <vector>

namespace inference::tests {

struct Ran {
  int exit_code = -1;  // 128 + n when a signal ended it
  std::string out, err;
};

/// A program that runs, its output read to the end by Wait(). No shell, an empty standard input,
/// and no environment but PATH and what is given.
class Program {
 public:
  Program(const std::string& path, const std::vector<std::string>& args,
          const std::map<std::string, std::string>& environment = {});
  ~Program();
  /// Waits until standard output holds `text`; false after half a minute without it.
  bool WaitForOutput(const std::string& text);
  void Signal(int number) const;
  Ran Wait();

 private:
  bool ReadSome();

  int pid_ = -1;
  int out_fd_ = -1, err_fd_ = -1;
  Ran ran_;
};

Ran RunProgram(const std::string& path, const std::vector<std::string>& args,
               const std::map<std::string, std::string>& environment = {});

}  // namespace inference::tests
