#include "store/manifest_store.h"

#include <chrono>
#include <map>
#include <utility>

#include "store/schema.h"

namespace inference::store {
namespace {

constexpr std::string_view kColumns = "SELECT api_group, kind, ns, name, text, since FROM object ";

Statement& BindKey(Statement& statement, const ObjectKey& key) {
  return statement.Bind(1, key.group).Bind(2, key.kind).Bind(3, key.ns).Bind(4, key.name);
}

ObjectKey KeyOf(const Statement& row) {
  return {row.Text(0), row.Text(1), row.Text(2), row.Text(3)};
}

Result<std::vector<StoredObject>> ReadObjects(Result<Statement> statement,
                                              std::optional<int64_t> generation) {
  if (!statement.ok()) return statement.status();
  if (generation) statement->Bind(1, *generation);
  std::vector<StoredObject> out;
  while (true) {
    const Result<bool> row = statement->Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back({KeyOf(*statement), statement->Text(4), statement->Int(5)});
  }
}

}  // namespace

ManifestStore::ManifestStore(Database database, int64_t keep)
    : database_(std::move(database)), keep_(keep) {}

Result<std::unique_ptr<ManifestStore>> ManifestStore::Open(const std::string& path, int64_t keep) {
  Result<Database> database = Database::Open(path);
  if (!database.ok()) return database.status();
  std::unique_ptr<ManifestStore> store(new ManifestStore(std::move(*database), keep));
  if (const Status made = MakeSchema(store->database_); !made.ok()) return made;
  return store;
}

Result<int64_t> ManifestStore::Newest() const {
  Result<Statement> statement =
      database_.Prepare("SELECT coalesce(max(generation), 0) FROM revision");
  if (!statement.ok()) return statement.status();
  const Result<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return statement->Int(0);
}

Status ManifestStore::FindRevision(int64_t generation) const {
  Result<Statement> known = database_.Prepare("SELECT 1 FROM revision WHERE generation = ?1");
  if (!known.ok()) return known.status();
  const Result<bool> row = known->Bind(1, generation).Step();
  if (!row.ok()) return row.status();
  if (*row) return Status::Ok();
  return {Code::kNotFound,
          "there is no generation " + std::to_string(generation) + " in the history"};
}

Result<int64_t> ManifestStore::generation() const {
  const std::lock_guard lock(mutex_);
  return Newest();
}

Result<std::vector<StoredObject>> ManifestStore::Objects() const {
  const std::lock_guard lock(mutex_);
  return ReadObjects(database_.Prepare(std::string(kColumns) +
                                       "WHERE until IS NULL ORDER BY api_group, kind, ns, name"),
                     std::nullopt);
}

Result<std::vector<StoredObject>> ManifestStore::ObjectsAt(int64_t generation) const {
  const std::lock_guard lock(mutex_);
  if (generation != 0) {  // 0: before anything was applied
    if (const Status found = FindRevision(generation); !found.ok()) return found;
  }
  return ReadObjects(database_.Prepare(std::string(kColumns) +
                                       "WHERE since <= ?1 AND (until IS NULL OR until > ?1) "
                                       "ORDER BY api_group, kind, ns, name"),
                     generation);
}

Result<int64_t> ManifestStore::Commit(const std::vector<Change>& changes, const Author& author,
                                      base::WallTime now, std::optional<int64_t> expected) {
  const std::lock_guard lock(mutex_);
  int64_t committed = 0;
  const Status status = database_.InTransaction([&]() -> Status {
    const Result<int64_t> present = Newest();
    if (!present.ok()) return present.status();
    if (expected && *expected != *present) {
      return {Code::kFailedPrecondition,
              "the applied state is generation " + std::to_string(*present) + ", not " +
                  std::to_string(*expected) + " as expected; look at it again"};
    }
    std::map<ObjectKey, std::string> now_there;
    Result<std::vector<StoredObject>> objects =
        ReadObjects(database_.Prepare(std::string(kColumns) + "WHERE until IS NULL"), std::nullopt);
    if (!objects.ok()) return objects.status();
    for (StoredObject& object : *objects) now_there[object.key] = std::move(object.text);

    committed = *present;
    for (const Change& change : changes) {
      const auto old = now_there.find(change.key);
      const bool same = change.text ? old != now_there.end() && old->second == *change.text
                                    : old == now_there.end();
      if (same) continue;
      committed = *present + 1;
      if (const Status written = Write(change, committed); !written.ok()) return written;
      if (change.text) {
        now_there[change.key] = *change.text;
      } else {
        now_there.erase(change.key);
      }
    }
    if (committed == *present) return Status::Ok();
    Result<Statement> revision =
        database_.Prepare("INSERT INTO revision VALUES(?1, ?2, ?3, ?4, ?5)");
    if (!revision.ok()) return revision.status();
    const int64_t millis =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    revision->Bind(1, committed).Bind(2, millis).Bind(3, author.who).Bind(4, author.verb);
    if (const Status added = revision->Bind(5, author.reason).Run(); !added.ok()) return added;
    return Prune(committed);
  });
  if (!status.ok()) return status;
  return committed;
}

Status ManifestStore::Write(const Change& change, int64_t generation) {
  // A row that this same generation brought has no past to keep.
  Result<Statement> drop = database_.Prepare(
      "DELETE FROM object WHERE api_group = ?1 AND kind = ?2 AND ns = ?3 AND name = ?4 AND until "
      "IS "
      "NULL AND since = ?5");
  if (!drop.ok()) return drop.status();
  if (const Status done = BindKey(*drop, change.key).Bind(5, generation).Run(); !done.ok()) {
    return done;
  }
  Result<Statement> end = database_.Prepare(
      "UPDATE object SET until = ?5 WHERE api_group = ?1 AND kind = ?2 AND ns = ?3 AND name = ?4 "
      "AND until IS NULL");
  if (!end.ok()) return end.status();
  if (const Status done = BindKey(*end, change.key).Bind(5, generation).Run(); !done.ok()) {
    return done;
  }
  if (!change.text) return Status::Ok();
  Result<Statement> add = database_.Prepare(
      "INSERT INTO object(api_group, kind, ns, name, text, since) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  if (!add.ok()) return add.status();
  return BindKey(*add, change.key).Bind(5, *change.text).Bind(6, generation).Run();
}

Status ManifestStore::Prune(int64_t newest) {
  const int64_t oldest = newest - keep_ + 1;
  if (oldest <= 1) return Status::Ok();
  for (const char* sql : {"DELETE FROM revision WHERE generation < ?1",
                          "DELETE FROM object WHERE until IS NOT NULL AND until < ?1"}) {
    Result<Statement> statement = database_.Prepare(sql);
    if (!statement.ok()) return statement.status();
    if (const Status done = statement->Bind(1, oldest).Run(); !done.ok()) return done;
  }
  return Status::Ok();
}

Result<std::vector<Change>> ManifestStore::ChangesTo(int64_t generation) const {
  Result<std::vector<StoredObject>> then = ObjectsAt(generation);
  if (!then.ok()) return then.status();
  Result<std::vector<StoredObject>> now = Objects();
  if (!now.ok()) return now.status();
  std::map<ObjectKey, std::string> present;
  for (StoredObject& object : *now) present[object.key] = std::move(object.text);
  std::vector<Change> changes;
  for (StoredObject& object : *then) {
    const auto old = present.find(object.key);
    const bool same = old != present.end() && old->second == object.text;
    if (old != present.end()) present.erase(old);
    if (!same) changes.push_back({std::move(object.key), std::move(object.text)});
  }
  for (auto& [key, text] : present) changes.push_back({key, std::nullopt});
  return changes;
}

Result<std::vector<Revision>> ManifestStore::History(int64_t limit) const {
  const std::lock_guard lock(mutex_);
  Result<Statement> rows = database_.Prepare(
      "SELECT generation, at_ms, who, verb, reason FROM revision ORDER BY generation DESC LIMIT "
      "?1");
  if (!rows.ok()) return rows.status();
  rows->Bind(1, limit);
  std::vector<Revision> out;
  while (true) {
    const Result<bool> row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    Revision revision;
    revision.generation = rows->Int(0);
    revision.at = base::WallTime(std::chrono::milliseconds(rows->Int(1)));
    revision.author = {rows->Text(2), rows->Text(3), rows->Text(4)};
    out.push_back(std::move(revision));
  }
  for (Revision& revision : out) {
    // Begun in this generation and ended by none before: created; a row that ended at the same
    // time: changed; one that only ended: deleted.
    Result<Statement> items = database_.Prepare(
        "SELECT api_group, kind, ns, name, max(since = ?1), max(until IS ?1) FROM object "
        "WHERE since = ?1 OR until IS ?1 GROUP BY api_group, kind, ns, name "
        "ORDER BY api_group, kind, ns, name");
    if (!items.ok()) return items.status();
    items->Bind(1, revision.generation);
    while (true) {
      const Result<bool> row = items->Step();
      if (!row.ok()) return row.status();
      if (!*row) break;
      const bool began = items->Int(4) != 0, ended = items->Int(5) != 0;
      using What = Revision::Item::What;
      revision.items.push_back({KeyOf(*items), began && ended ? What::kChanged
                                               : began        ? What::kCreated
                                                              : What::kDeleted});
    }
  }
  return out;
}

Result<std::vector<ChangedObject>> ManifestStore::ChangesOf(int64_t generation) const {
  const std::lock_guard lock(mutex_);
  if (const Status found = FindRevision(generation); !found.ok()) return found;
  Result<Statement> rows = database_.Prepare(
      "SELECT api_group, kind, ns, name, text, since = ?1 FROM object "
      "WHERE since = ?1 OR until = ?1 ORDER BY api_group, kind, ns, name");
  if (!rows.ok()) return rows.status();
  rows->Bind(1, generation);
  std::map<ObjectKey, ChangedObject> changed;
  while (true) {
    const Result<bool> row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    ChangedObject& object = changed[KeyOf(*rows)];
    object.key = KeyOf(*rows);
    (rows->Int(5) != 0 ? object.after : object.before) = rows->Text(4);
  }
  std::vector<ChangedObject> out;
  for (auto& [key, object] : changed) out.push_back(std::move(object));
  return out;
}

}  // namespace inference::store
