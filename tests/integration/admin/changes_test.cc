#include <catch2/catch.hpp>

#include <unistd.h>

#include "admin/client.h"
#include "integration/admin/fake_daemon.h"

using namespace inference;
using namespace std::chrono_literals;

TEST_CASE("a change reaches control as it was asked, with who asked") {
  tests::FakeDaemon daemon;
  auto client = admin::AdminClient::Connect(daemon.address(), 5s);
  REQUIRE(client.ok());
  admin::v1::ChangeRequest request;
  request.add_manifests()->set_file("pool.yaml");
  request.mutable_manifests(0)->set_text("a: \xFF");  // bytes as they are: the reader complains
  request.add_deletions()->set_kind("InferencePool");
  request.mutable_deletions(0)->set_name("gone");
  request.set_ignore_missing(true);
  (*request.mutable_prune()->mutable_match_labels())["team"] = "x";
  request.set_rollback_to(3);
  request.set_expected_applied_generation(0);
  request.set_dry_run(true);
  request.set_verb("apply");
  request.set_reason("why not");
  daemon.actions.With([](auto& a) {
    a.answer.applied_generation = 7;
    a.answer.objects = {{{"g", "InferencePool", "llm", "new"}, std::nullopt, "text"},
                        {{"g", "InferencePool", "llm", "gone"}, "text", std::nullopt},
                        {{"g", "InferencePool", "llm", "other"}, "a", "b"},
                        {{"g", "InferencePool", "llm", "same"}, "a", "a"}};
  });
  const auto response = (*client)->Change(request);
  REQUIRE(response.ok());
  const auto asked = daemon.actions.With([](auto& a) { return a.asked; });
  REQUIRE(asked.manifests.size() == 1);
  CHECK(asked.manifests[0].file == "pool.yaml");
  CHECK(asked.manifests[0].text == "a: \xFF");
  REQUIRE(asked.deletions.size() == 1);
  CHECK(asked.deletions[0].name == "gone");
  CHECK(asked.ignore_missing);
  CHECK(asked.prune == api::Labels{{"team", "x"}});
  CHECK(asked.rollback_to == 3);
  CHECK(asked.expected == 0);
  CHECK(asked.dry_run);
  CHECK(asked.author.verb == "apply");
  CHECK(asked.author.reason == "why not");
  CHECK_THAT(asked.author.who, Catch::Contains("uid " + std::to_string(getuid())));
  CHECK(response->applied_generation() == 7);
  using admin::v1::ObjectChange;
  REQUIRE(response->objects_size() == 4);
  CHECK(response->objects(0).what() == ObjectChange::CREATED);
  CHECK(response->objects(1).what() == ObjectChange::DELETED);
  CHECK(response->objects(2).what() == ObjectChange::CHANGED);
  CHECK(response->objects(3).what() == ObjectChange::UNCHANGED);
  CHECK_FALSE(response->objects(0).has_before());
}

TEST_CASE("a refused change is an answer with its reason; a daemon that can't is an error") {
  tests::FakeDaemon daemon;
  auto client = admin::AdminClient::Connect(daemon.address(), 5s);
  REQUIRE(client.ok());
  using admin::v1::ChangeResponse;
  const auto refusal = [&](Code code) {
    daemon.actions.With([&](auto& a) { a.answer.status = Status(code, "no"); });
    const auto response = (*client)->Change({});
    REQUIRE(response.ok());
    CHECK(response->message() == "no");
    return response->refusal();
  };
  CHECK(refusal(Code::kInvalidArgument) == ChangeResponse::INVALID);
  CHECK(refusal(Code::kFailedPrecondition) == ChangeResponse::GUARDED);
  CHECK(refusal(Code::kNotFound) == ChangeResponse::NOT_FOUND);
  daemon.actions.With(
      [](auto& a) { a.answer.status = Status(Code::kResourceExhausted, "disk full"); });
  const auto failed = (*client)->Change({});
  CHECK(failed.status().code() == Code::kResourceExhausted);
}

TEST_CASE("a stop is asked for as it was said, with who asks; a guard's word is an answer") {
  tests::FakeDaemon daemon;
  auto client = admin::AdminClient::Connect(daemon.address(), 5s);
  REQUIRE(client.ok());
  admin::v1::StopRequest request;
  request.set_reason("moving");
  request.set_force(true);
  daemon.actions.With([](auto& a) { a.stop_answer.exposed = {{"llm/a", "gpu-1", {"alice"}}}; });
  auto response = (*client)->Stop(request);
  REQUIRE(response.ok());
  CHECK_FALSE(response->refused());
  CHECK(response->pid() == 4242);
  REQUIRE(response->exposed_size() == 1);
  CHECK(response->exposed(0).owners(0) == "alice");
  const auto asked = daemon.actions.With([](auto& a) { return a.stop_asked; });
  CHECK(asked.force);
  CHECK_FALSE(asked.dry_run);
  CHECK(asked.author.verb == "stop");
  CHECK(asked.author.reason == "moving");
  CHECK_THAT(asked.author.who, Catch::Contains("uid " + std::to_string(getuid())));
  daemon.actions.With(
      [](auto& a) { a.stop_answer.status = Status(Code::kFailedPrecondition, "exposed"); });
  response = (*client)->Stop({});
  REQUIRE(response.ok());
  CHECK(response->refused());
  CHECK(response->message() == "exposed");
  daemon.actions.With([](auto& a) { a.stop_answer.status = Status(Code::kUnavailable, "no"); });
  CHECK((*client)->Stop({}).status().code() == Code::kUnavailable);
}

TEST_CASE("the history of one generation has its texts, of all has none") {
  tests::FakeDaemon daemon;
  auto client = admin::AdminClient::Connect(daemon.address(), 5s);
  REQUIRE(client.ok());
  store::Revision revision;
  revision.generation = 2;
  revision.author = {"alice (uid 1)", "apply", ""};
  revision.items = {{{"g", "InferencePool", "llm", "a"}, store::Revision::Item::What::kCreated}};
  daemon.actions.With([&](auto& a) {
    a.history = {revision};
    a.answer.objects = {{{"g", "InferencePool", "llm", "a"}, std::nullopt, "text"}};
  });
  admin::v1::ListHistoryRequest request;
  auto all = (*client)->ListHistory(request);
  REQUIRE(all.ok());
  REQUIRE(all->revisions_size() == 1);
  CHECK_FALSE(all->revisions(0).objects(0).has_after());
  request.set_generation(2);
  auto one = (*client)->ListHistory(request);
  REQUIRE(one.ok());
  CHECK(one->revisions(0).objects(0).after() == "text");
  request.set_generation(1);
  CHECK((*client)->ListHistory(request).status().code() == Code::kNotFound);
}
