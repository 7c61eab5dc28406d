#include "net/accounts.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <optional>
#include <vector>

namespace inference::net {
namespace {

constexpr size_t kBufferBytes = 64 << 10;  // a group may list thousands of members

std::optional<uint32_t> Number(const std::string& text) {
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Result<uint32_t> UserId(const std::string& name) {
  if (const auto number = Number(name)) return *number;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(kBufferBytes);
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) {
    return Status(Code::kNotFound, "there is no user \"" + name + "\" on this machine");
  }
  return static_cast<uint32_t>(found->pw_uid);
}

Result<uint32_t> GroupId(const std::string& name) {
  if (const auto number = Number(name)) return *number;
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(kBufferBytes);
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) {
    return Status(Code::kNotFound, "there is no group \"" + name + "\" on this machine");
  }
  return static_cast<uint32_t>(found->gr_gid);
}

std::string UserName(uint32_t uid) {
  const std::string number = "uid " + std::to_string(uid);
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(kBufferBytes);
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return number;
  return std::string(found->pw_name) + " (" + number + ")";
}

}  // namespace inference::net
