#include "net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "support/temp_dir.h"

namespace inference::net {
namespace {

using testing::TempDir;

TEST_CASE("addresses are taken apart") {
  CHECK(ParseAddress("unix:///run/x.sock")->path == "/run/x.sock");
  CHECK(ParseAddress("unix:/run/x.sock")->path == "/run/x.sock");
  CHECK(ParseAddress("127.0.0.1:9090")->host == "127.0.0.1");
  CHECK(ParseAddress("127.0.0.1:9090")->port == 9090);
  CHECK(ParseAddress("[::1]:0")->host == "::1");
  CHECK(ParseAddress(":9090")->host.empty());
  for (const char* wrong : {"", "9090", "::1:9090", "localhost:", "localhost:http", "a:65536",
                            "a:-1", "a:80x", "unix:x", "/run/x.sock"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ParseAddress(wrong).ok());
  }
}

TEST_CASE("TCP: a second one is refused, unless it takes over") {
  const auto first = Listener::Open("127.0.0.1:0", InUse::kRefuse);
  REQUIRE(first.ok());
  const auto refused = Listener::Open(first->address(), InUse::kRefuse);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kAlreadyExists);
  CHECK(refused.status().message().find(first->address()) != std::string::npos);
  CHECK(refused.status().message().find("--take-over") != std::string::npos);
  const auto beside = Listener::Open(first->address(), InUse::kTakeOver);
  REQUIRE(beside.ok());
  CHECK(beside->address() == first->address());
}

TEST_CASE("bug: an address that isn't ours was said to be in use by another process") {
  const auto listener = Listener::Open("192.0.2.1:9002", InUse::kRefuse);
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.status().code() == Code::kUnavailable);
  CHECK(listener.status().message() ==
        "cannot listen on 192.0.2.1:9002: bind: Cannot assign requested address");
}

TEST_CASE("TCP: a port held without SO_REUSEPORT is busy as well") {
  const FileDescriptor other(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  auto* address = reinterpret_cast<sockaddr*>(&name);
  REQUIRE(bind(other.get(), address, size) == 0);
  REQUIRE(listen(other.get(), 1) == 0);
  REQUIRE(getsockname(other.get(), address, &size) == 0);
  const auto refused =
      Listener::Open("127.0.0.1:" + std::to_string(ntohs(name.sin_port)), InUse::kRefuse);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().message().find("another process listens there") != std::string::npos);
}

TEST_CASE("Unix: a folder that cannot be made is named as the reason") {
  const TempDir dir;
  const auto listener = Listener::Open("unix://" + (dir / "a/b/x.sock"), InUse::kRefuse);
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.status().message().find("the folder cannot be made: No such file") !=
        std::string::npos);
}

TEST_CASE("TCP: IPv6 and every address") {
  const auto v6 = Listener::Open("[::1]:0", InUse::kRefuse);
  REQUIRE(v6.ok());
  CHECK(v6->address().starts_with("[::1]:"));
  const auto all = Listener::Open(":0", InUse::kRefuse);
  REQUIRE(all.ok());
  const std::string port = all->address().substr(all->address().rfind(':') + 1);
  CHECK(SomebodyListens({{}, "127.0.0.1", std::stoi(port)}));
}

TEST_CASE("Unix: mode before anyone can connect, file gone at the end, folder made") {
  const TempDir dir;
  const std::string path = dir / "deep/x.sock";
  {
    const auto listener = Listener::Open("unix://" + path, InUse::kRefuse);
    REQUIRE(listener.ok());
    struct stat info{};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0660);
    CHECK(ConnectUnix(path).ok());
  }
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK(ConnectUnix(path).status().message().find("is inferenced running?") != std::string::npos);
}

TEST_CASE("Unix: the mode and the group that are asked for") {
  const TempDir dir;
  const std::string path = dir / "s";
  const auto listener = Listener::Open("unix://" + path, InUse::kRefuse,
                                       {.mode = 0666, .group = static_cast<uint32_t>(getegid())});
  REQUIRE(listener.ok());
  struct stat info{};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0666);
  CHECK(info.st_gid == getegid());
  if (geteuid() == 0) {
    const auto other = Listener::Open("unix://" + (dir / "t"), InUse::kRefuse, {.group = 12345});
    REQUIRE(other.ok());
    REQUIRE(stat((dir / "t").c_str(), &info) == 0);
    CHECK(info.st_gid == 12345);
    CHECK((info.st_mode & 0777) == 0660);
  } else {
    const auto other = Listener::Open("unix://" + (dir / "t"), InUse::kRefuse, {.group = 12345});
    CHECK(other.status().message().find("give it to group 12345") != std::string::npos);
    CHECK(access((dir / "t").c_str(), F_OK) != 0);
  }
}

TEST_CASE("Unix: a socket that somebody answers on is left alone, unless taken over") {
  const TempDir dir;
  const std::string path = dir / "x.sock";
  auto first = std::make_unique<Result<Listener>>(Listener::Open("unix://" + path, InUse::kRefuse));
  REQUIRE(first->ok());
  CHECK(Listener::Open("unix://" + path, InUse::kRefuse).status().code() == Code::kAlreadyExists);
  const auto second = Listener::Open("unix://" + path, InUse::kTakeOver);
  REQUIRE(second.ok());
  first.reset();  // the one before must not remove its successor's file
  REQUIRE(access(path.c_str(), F_OK) == 0);
  const auto client = ConnectUnix(path);
  REQUIRE(client.ok());
  CHECK(accept(second->fd(), nullptr, nullptr) >= 0);
}

TEST_CASE("Unix: what a killed process left is replaced, any other file is not") {
  const TempDir dir;
  const std::string path = dir / "x.sock";
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strcpy(name.sun_path, path.c_str());
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  close(fd);
  CHECK(ConnectUnix(path).status().message().find("nobody answers") != std::string::npos);
  CHECK(Listener::Open("unix://" + path, InUse::kRefuse).ok());

  std::ofstream(path) << "a file";
  for (const InUse in_use : {InUse::kRefuse, InUse::kTakeOver}) {
    CHECK(Listener::Open("unix://" + path, in_use).status().message().find("no socket") !=
          std::string::npos);
  }
  CHECK(Listener::Open("unix:///tmp/" + std::string(120, 'x'), InUse::kRefuse).status().code() ==
        Code::kInvalidArgument);
}

TEST_CASE("socket activation: a listening socket is adopted, another file is not") {
  auto made = Listener::Open("127.0.0.1:0", InUse::kRefuse);
  REQUIRE(made.ok());
  const auto adopted = Listener::Adopt(dup(made->fd()));
  REQUIRE(adopted.ok());
  CHECK(adopted->address() == made->address());
  CHECK_FALSE(Listener::Adopt(dup(STDERR_FILENO)).ok());
}

}  // namespace
}  // namespace inference::net
