#include "integration/admin/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

namespace inference::tests {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Program::Program(const std::string& path, const std::vector<std::string>& args,
                 const std::map<std::string, std::string>& environment) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  std::vector<std::string> words{path};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<std::string> variables{"PATH=/usr/bin:/bin"};
  // A program built with a sanitizer needs its options.
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) variables.push_back(std::string(name) + "=" + value);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  const int error = posix_spawn(&pid_, path.c_str(), &actions, nullptr, Pointers(words).data(),
                                Pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
  if (error != 0) throw std::runtime_error("cannot run " + path);
}

Program::~Program() {
  if (out_fd_ >= 0) close(out_fd_);
  if (err_fd_ >= 0) close(err_fd_);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

bool Program::ReadSome() {
  pollfd fds[2] = {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}};
  if (out_fd_ < 0 && err_fd_ < 0) return false;
  if (poll(fds, 2, 30'000) <= 0) return false;
  char piece[4096];
  for (int i = 0; i < 2; ++i) {
    if (fds[i].revents == 0) continue;
    const ssize_t size = read(fds[i].fd, piece, sizeof piece);
    if (size > 0) {
      (i == 0 ? ran_.out : ran_.err).append(piece, static_cast<size_t>(size));
    } else {
      int& fd = i == 0 ? out_fd_ : err_fd_;
      close(fd);
      fd = -1;
    }
  }
  return true;
}

bool Program::WaitForOutput(const std::string& text) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (ran_.out.find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > end || !ReadSome()) return false;
  }
  return true;
}

void Program::Signal(int number) const {
  kill(pid_, number);
}

Ran Program::Wait() {
  while (ReadSome()) {
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  ran_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran_;
}

Ran RunProgram(const std::string& path, const std::vector<std::string>& args,
               const std::map<std::string, std::string>& environment) {
  return Program(path, args, environment).Wait();
}

}  // namespace inference::tests
