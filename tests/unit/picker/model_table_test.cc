#include "picker/model_table.h"

#include <catch2/catch.hpp>

#include <set>

namespace inference::picker {
namespace {

api::ModelRewrite Rewrite(const std::string& name, std::vector<api::ModelRewrite::Rule> rules,
                          const std::string& created = {}) {
  api::ModelRewrite rewrite;
  rewrite.kind = "InferenceModelRewrite";
  rewrite.meta.ns = "llm";
  rewrite.meta.name = name;
  rewrite.meta.created = created;
  rewrite.pool = {std::string("a"), {}};
  rewrite.rules = std::move(rules);
  return rewrite;
}

api::ModelRewrite::Rule Rule(std::vector<std::string> models, const std::string& target) {
  return {std::move(models), {{target, std::nullopt, {}}}, {}};
}

api::ModelRewrite Model(const std::string& name, const std::string& model,
                        api::Criticality criticality, const std::string& created = {}) {
  api::ModelRewrite rewrite = Rewrite(name, {{{model}, {}, {}}}, created);
  rewrite.kind = "InferenceModel";
  rewrite.criticality = criticality;
  return rewrite;
}

api::Objective Objective(const std::string& name, int priority, const std::string& pool = "a") {
  api::Objective objective;
  objective.meta.ns = "llm";
  objective.meta.name = name;
  objective.pool = {pool, {}};
  objective.priority = priority;
  return objective;
}

ModelTable Table(const std::vector<api::ModelRewrite>& rewrites,
                 const std::vector<api::Objective>& objectives = {}) {
  ShareBook shares;
  return ModelTable(rewrites, objectives, "llm/a", shares, {});
}

// The model that a request for `model` becomes; empty: no rule.
std::string Target(const ModelTable& table, std::string_view model) {
  const ModelRule* rule = table.FindRule(model);
  return rule == nullptr ? "" : rule->choice.targets().front().name;
}

TEST_CASE("a rule that names the model wins over one that takes all") {
  const ModelTable table =
      Table({Rewrite("old", {Rule({}, "any")}, "2024-01-01T00:00:00Z"),
             Rewrite("new", {Rule({"chat", "talk"}, "v1")}, "2025-01-01T00:00:00Z")});
  CHECK(Target(table, "chat") == "v1");
  CHECK(Target(table, "talk") == "v1");
  CHECK(Target(table, "Chat") == "any");
  CHECK(Target(table, "") == "any");
}

TEST_CASE("the oldest object wins, one of unknown age last, then the name, then the order") {
  const auto by_age = Table({Rewrite("a", {Rule({"m"}, "no-age")}),
                             Rewrite("c", {Rule({"m"}, "young")}, "2025-06-01T00:00:00Z"),
                             Rewrite("b", {Rule({"m"}, "old")}, "2024-12-31T23:59:59Z")});
  CHECK(Target(by_age, "m") == "old");
  const auto by_name = Table({Rewrite("b", {Rule({}, "b")}), Rewrite("a", {Rule({}, "a")})});
  CHECK(Target(by_name, "m") == "a");
  const auto by_order = Table({Rewrite("a", {Rule({"m"}, "first"), Rule({"m"}, "second")})});
  CHECK(Target(by_order, "m") == "first");
}

TEST_CASE("the order in which objects are given says nothing") {
  std::vector<api::ModelRewrite> objects;
  for (const char* name : {"d", "b", "a", "c"})
    objects.push_back(Rewrite(name, {Rule({"m"}, name)}));
  for (int turn = 0; turn < 4; ++turn) {
    CHECK(Target(Table(objects), "m") == "a");
    std::rotate(objects.begin(), objects.begin() + 1, objects.end());
  }
}

TEST_CASE("only rules for the pool count") {
  api::ModelRewrite other_pool = Rewrite("x", {Rule({"m"}, "x")});
  other_pool.pool = {std::string("b"), {}};
  api::ModelRewrite other_ns = Rewrite("y", {Rule({"m"}, "y")});
  other_ns.meta.ns = "else";
  const ModelTable table = Table({other_pool, other_ns}, {Objective("high", 5, "b")});
  CHECK(table.FindRule("m") == nullptr);
  CHECK(table.rules().empty());
  CHECK(table.PriorityOf("high", "m") == Priority{0, false});
}

TEST_CASE("objectives give the priority, else the model's criticality") {
  const ModelTable table =
      Table({Model("m1", "critical", api::Criticality::kCritical),
             Model("m2", "standard", api::Criticality::kStandard),
             Model("m3", "sheddable", api::Criticality::kSheddable)},
            {Objective("high", 10), Objective("zero", 0), Objective("low", -1)});
  CHECK(table.PriorityOf("high", "sheddable") == Priority{10, false});
  CHECK(table.PriorityOf("zero", "") == Priority{0, false});
  CHECK(table.PriorityOf("low", "critical") == Priority{-1, true});
  CHECK(table.PriorityOf("", "critical") == Priority{2, false});
  CHECK(table.PriorityOf("unknown", "standard") == Priority{1, true});
  CHECK(table.PriorityOf("", "sheddable") == Priority{-1, true});
  CHECK(table.PriorityOf("", "nobody knows") == Priority{0, false});
}

TEST_CASE("a model without targets has a criticality and no rule") {
  const ModelTable table = Table({Model("m", "m", api::Criticality::kCritical)});
  CHECK(table.FindRule("m") == nullptr);
  CHECK(table.PriorityOf("", "m").value == 2);
}

TEST_CASE("of two models of one name the older one counts") {
  const ModelTable table =
      Table({Model("a", "m", api::Criticality::kSheddable, "2025-01-01T00:00:00Z"),
             Model("b", "m", api::Criticality::kCritical, "2024-01-01T00:00:00Z")});
  CHECK(table.PriorityOf("", "m").value == 2);
}

}  // namespace
}  // namespace inference::picker
