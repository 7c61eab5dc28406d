#include "sources/dns_resolver.h"

#include <catch2/catch.hpp>
#include <future>

#include "recording_sink.h"

namespace inference::sources {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<std::string>;
using Errors = std::map<std::string, std::string>;

// A name server of the test's making; shared with lookups that outlive the resolver.
struct FakeDns {
  std::mutex mutex;
  std::map<std::string, Result<Addresses>> answers;
  std::map<std::string, int> asked;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();

  void Set(const std::string& name, Result<Addresses> answer) {
    const std::lock_guard lock(mutex);
    answers.insert_or_assign(name, std::move(answer));
  }
  int Asked(const std::string& name) {
    const std::lock_guard lock(mutex);
    return asked[name];
  }
};

DnsResolver::Options Asking(const std::shared_ptr<FakeDns>& dns) {
  DnsResolver::Options options;
  options.refresh = 5ms;
  options.look_up = [dns](const std::string& name) -> Result<Addresses> {
    if (name.starts_with("hang")) dns->released.wait();
    const std::lock_guard lock(dns->mutex);
    ++dns->asked[name];
    const auto it = dns->answers.find(name);
    if (it == dns->answers.end()) return Status(Code::kUnavailable, "no such name");
    return it->second;
  };
  return options;
}

TEST_CASE("names are looked up and looked up again") {
  const auto dns = std::make_shared<FakeDns>();
  dns->Set("a", Addresses{"10.0.0.1", "2001:db8::1"});
  dns->Set("b", Addresses{"10.0.0.2"});
  RecordingSink sink;
  DnsResolver resolver(Asking(dns), sink);
  resolver.SetNames({"a", "b", "a"});
  resolver.Start();
  CHECK(sink.WaitDns([](const auto& d) {
    return d.addresses.size() == 2 && d.addresses.at("a").size() == 2 && d.errors.empty();
  }));
  dns->Set("b", Addresses{"10.0.0.3"});
  CHECK(sink.WaitDns([](const auto& d) { return d.addresses.at("b") == Addresses{"10.0.0.3"}; }));
}

TEST_CASE("the same answer is told once") {
  const auto dns = std::make_shared<FakeDns>();
  dns->Set("a", Addresses{"10.0.0.1"});
  RecordingSink sink;
  DnsResolver resolver(Asking(dns), sink);
  resolver.Start();
  resolver.SetNames({"a"});
  REQUIRE(sink.WaitDns([](const auto& d) { return d.addresses.count("a") == 1; }));
  while (dns->Asked("a") < 20) std::this_thread::yield();
  CHECK(sink.dns_told() == 1);
}

TEST_CASE("a name that fails keeps its last addresses, and says why") {
  const auto dns = std::make_shared<FakeDns>();
  dns->Set("a", Addresses{"10.0.0.1"});
  RecordingSink sink;
  DnsResolver resolver(Asking(dns), sink);
  resolver.Start();
  resolver.SetNames({"a"});
  REQUIRE(sink.WaitDns([](const auto& d) { return d.addresses.count("a") == 1; }));
  dns->Set("a", Status(Code::kUnavailable, "server failure"));
  CHECK(sink.WaitDns([](const auto& d) {
    return d.addresses.count("a") == 1 && d.errors == Errors{{"a", "server failure"}};
  }));
  dns->Set("a", Addresses{"10.0.0.1"});
  CHECK(sink.WaitDns([](const auto& d) { return d.errors.empty(); }));
}

TEST_CASE("a name that never resolved has an error and no addresses") {
  const auto dns = std::make_shared<FakeDns>();
  RecordingSink sink;
  DnsResolver resolver(Asking(dns), sink);
  resolver.Start();
  resolver.SetNames({"nope"});
  CHECK(sink.WaitDns([](const auto& d) {
    return d.addresses.empty() && d.errors == Errors{{"nope", "no such name"}};
  }));
}

TEST_CASE("a lookup that hangs delays neither the others nor the end") {
  const auto dns = std::make_shared<FakeDns>();
  dns->Set("a", Addresses{"10.0.0.1"});
  RecordingSink sink;
  {
    DnsResolver resolver(Asking(dns), sink);
    resolver.Start();
    resolver.SetNames({"hang-1", "hang-2", "a"});
    CHECK(sink.WaitDns([](const auto& d) { return d.addresses.count("a") == 1; }));
    dns->Set("a", Addresses{"10.0.0.9"});
    CHECK(sink.WaitDns([](const auto& d) { return d.addresses.at("a") == Addresses{"10.0.0.9"}; }));
  }  // ends while two lookups hang
  const size_t told = sink.dns_told();
  dns->release.set_value();
  while (dns->Asked("hang-1") < 1 || dns->Asked("hang-2") < 1) std::this_thread::yield();
  CHECK(sink.dns_told() == told);
}

TEST_CASE("names that are left out are forgotten") {
  const auto dns = std::make_shared<FakeDns>();
  dns->Set("a", Addresses{"10.0.0.1"});
  dns->Set("b", Addresses{"10.0.0.2"});
  RecordingSink sink;
  DnsResolver resolver(Asking(dns), sink);
  resolver.Start();
  resolver.SetNames({"a"});
  REQUIRE(sink.WaitDns([](const auto& d) { return d.addresses.count("a") == 1; }));
  resolver.SetNames({"b"});
  CHECK(sink.WaitDns(
      [](const auto& d) { return d.addresses.count("b") == 1 && d.addresses.count("a") == 0; }));
}

TEST_CASE("the machine's resolver knows localhost and addresses") {
  const auto local = LookUp("localhost");
  REQUIRE(local.ok());
  CHECK((local->front() == "127.0.0.1" || local->front() == "::1"));
  CHECK(*LookUp("2001:DB8::7") == Addresses{"2001:db8::7"});
  const auto bad = LookUp("no such name at all");
  REQUIRE_FALSE(bad.ok());
  CHECK_FALSE(bad.status().message().empty());
}

}  // namespace
}  // namespace inference::sources
