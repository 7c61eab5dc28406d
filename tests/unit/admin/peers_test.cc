#include "admin/peers.h"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "net/accounts.h"
#include "net/file_descriptor.h"

namespace inference::admin {
namespace {

api::AdminConfig Operators(std::vector<std::string> users, std::vector<std::string> groups) {
  api::AdminConfig config;
  config.operators = api::AdminOperators();
  for (std::string& user : users) config.operators->users.emplace_back(std::move(user));
  for (std::string& group : groups) config.operators->groups.emplace_back(std::move(group));
  return config;
}

// Nobody that runs this test.
Peer Stranger() {
  return {true, 4'000'000, {4'000'001, 4'000'002}, "stranger (uid 4000000)"};
}

TEST_CASE("without operators everyone may operate; with some, only they, root and the daemon") {
  CHECK(MayOperate(Stranger(), {}).ok());
  CHECK(MayOperate({}, {}).ok());
  const api::AdminConfig config = Operators({"root"}, {});
  CHECK(MayOperate(Stranger(), config).code() == Code::kPermissionDenied);
  CHECK(MayOperate({true, 0, {0}, "root"}, config).ok());
  CHECK(MayOperate({true, geteuid(), {}, "me"}, config).ok());
  CHECK(MayOperate({true, geteuid(), {}, "me"}, Operators({}, {})).ok());
  CHECK(!MayOperate(Stranger(), Operators({}, {})).ok());
}

TEST_CASE("operators are named by name or number, by their groups too") {
  CHECK(MayOperate(Stranger(), Operators({"4000000"}, {})).ok());
  CHECK(MayOperate(Stranger(), Operators({}, {"4000001"})).ok());
  CHECK(MayOperate(Stranger(), Operators({}, {"4000002"})).ok());
  CHECK(!MayOperate(Stranger(), Operators({"4000001"}, {"4000000"})).ok());
  Peer daemon = Stranger();
  daemon.uid = *net::UserId("daemon");
  daemon.groups = {*net::GroupId("daemon")};
  CHECK(MayOperate(daemon, Operators({"daemon"}, {})).ok());
  CHECK(MayOperate(daemon, Operators({}, {"daemon"})).ok());
  CHECK(!MayOperate(daemon, Operators({"no-such-user"}, {"no-such-group"})).ok());
}

TEST_CASE("a peer that the kernel doesn't tell of is nobody") {
  Peer unknown;
  CHECK(!MayOperate(unknown, Operators({"0"}, {"0"})).ok());
}

TEST_CASE("a refusal says who was refused, and who would not be") {
  const Status status = MayOperate(Stranger(), Operators({"ci"}, {"sre"}));
  CHECK(status.message() ==
        "stranger (uid 4000000) may look here, not change anything; operators are user ci, group "
        "sre (admin.operators of the daemon)");
}

TEST_CASE("the peer of a connection is who the kernel says") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const net::FileDescriptor a(pair[0]), b(pair[1]);
  const Peer peer = PeerOf("fd:" + std::to_string(a.get()));
  CHECK(peer.known);
  CHECK(peer.uid == geteuid());
  REQUIRE(!peer.groups.empty());
  CHECK(peer.groups.front() == getegid());
  CHECK(peer.name.find("uid " + std::to_string(geteuid())) != std::string::npos);
  for (const char* other : {"", "fd:", "fd:x", "fd:1x", "fd:-1", "fd:999999", "ipv4:127.0.0.1:1"}) {
    CAPTURE(other);
    CHECK(!PeerOf(other).known);
  }
}

// The groups behind the primary one, of a connection that is made now.
std::vector<uint32_t> GroupsOfAPeer() {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const net::FileDescriptor a(pair[0]), b(pair[1]);
  const Peer peer = PeerOf("fd:" + std::to_string(a.get()));
  REQUIRE(!peer.groups.empty());
  return {peer.groups.begin() + 1, peer.groups.end()};
}

TEST_CASE("a peer has all its groups, be they hundreds") {
  std::vector<gid_t> own(static_cast<size_t>(getgroups(0, nullptr)));
  REQUIRE(getgroups(static_cast<int>(own.size()), own.data()) >= 0);
  CHECK(GroupsOfAPeer() == std::vector<uint32_t>(own.begin(), own.end()));
  if (geteuid() != 0) return;  // may not take others
  for (const size_t count : {size_t{3}, size_t{64}, size_t{65}, size_t{300}}) {
    CAPTURE(count);
    std::vector<gid_t> many;
    for (size_t i = 0; i < count; ++i) many.push_back(static_cast<gid_t>(5000 + i));
    REQUIRE(setgroups(many.size(), many.data()) == 0);
    const std::vector<uint32_t> seen = GroupsOfAPeer();
    REQUIRE(setgroups(own.size(), own.data()) == 0);
    CHECK(seen == std::vector<uint32_t>(many.begin(), many.end()));
  }
}

}  // namespace
}  // namespace inference::admin
