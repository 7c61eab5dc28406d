#include "store/schema.h"

#include <array>
#include <string>

namespace inference::store {
namespace {

// What each version added. An object's row holds from generation `since` up to, not including,
// `until`.
constexpr std::array kSteps{
    R"sql(
CREATE TABLE IF NOT EXISTS revision(
  generation INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,
  who TEXT NOT NULL, verb TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS object(
  id INTEGER PRIMARY KEY,
  api_group TEXT NOT NULL, kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL,
  text TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS object_now ON object(api_group, kind, ns, name)
  WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS object_since ON object(since);
CREATE INDEX IF NOT EXISTS object_until ON object(until) WHERE until IS NOT NULL;
)sql",
    R"sql(
CREATE TABLE lease(
  id TEXT PRIMARY KEY,
  ns TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL,
  owner TEXT NOT NULL, peer TEXT NOT NULL, reason TEXT NOT NULL, soft_ms INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, timeout_ms INTEGER NOT NULL, deadline_ms INTEGER,
  on_deadline INTEGER NOT NULL, settle_ms INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX lease_owner ON lease(ns, name, address, port, owner);
CREATE TABLE operation(
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,
  who TEXT NOT NULL, verb TEXT NOT NULL, reason TEXT NOT NULL,
  subject TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL) STRICT;
)sql",
    R"sql(
CREATE TABLE weight(
  ns TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL,
  permille INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY(ns, name, address, port)) STRICT;
)sql"};

}  // namespace

Status MakeSchema(Database& database) {
  Result<Statement> version = database.Prepare("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const Result<bool> row = version->Step();
  if (!row.ok()) return row.status();
  const int64_t found = version->Int(0);
  if (found > static_cast<int64_t>(kSteps.size())) {
    return {Code::kFailedPrecondition,
            database.path() + " was written by a newer release; use that one"};
  }
  version = Status(Code::kCancelled, "");  // an open statement would hold the lock
  if (found == static_cast<int64_t>(kSteps.size())) return Status::Ok();
  return database.InTransaction([&]() -> Status {
    for (size_t step = static_cast<size_t>(found); step < kSteps.size(); ++step) {
      if (const Status made = database.Execute(kSteps[step]); !made.ok()) return made;
    }
    const std::string mark = "PRAGMA user_version=" + std::to_string(kSteps.size());
    return database.Execute(mark.c_str());
  });
}

}  // namespace inference::store
