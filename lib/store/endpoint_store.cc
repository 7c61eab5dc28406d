#include "store/endpoint_store.h"

#include <chrono>
#include <utility>

#include "store/schema.h"

namespace inference::store {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

int64_t Millis(base::WallTime time) {
  return duration_cast<milliseconds>(time.time_since_epoch()).count();
}
int64_t Millis(base::Duration duration) {
  return duration_cast<milliseconds>(duration).count();
}

}  // namespace

std::string EndpointKey::ToString() const {
  const bool v6 = address.find(':') != std::string::npos;
  return ns + "/" + name + " (" + (v6 ? "[" + address + "]" : address) + ":" +
         std::to_string(port) + ")";
}

Result<std::unique_ptr<EndpointStore>> EndpointStore::Open(const std::string& path, int64_t keep) {
  Result<Database> database = Database::Open(path);
  if (!database.ok()) return database.status();
  if (const Status made = MakeSchema(*database); !made.ok()) return made;
  return std::unique_ptr<EndpointStore>(new EndpointStore(*std::move(database), keep));
}

Status EndpointStore::Commit(const Change& change) {
  const std::lock_guard lock(mutex_);
  return database_.InTransaction([&]() -> Status {
    for (const std::string& id : change.removals) {
      if (const Status done = Remove(id); !done.ok()) return done;
    }
    for (const Lease& lease : change.puts) {
      if (const Status done = Put(lease); !done.ok()) return done;
    }
    for (const EndpointKey& endpoint : change.unweighted) {
      if (const Status done = RemoveWeight(endpoint); !done.ok()) return done;
    }
    for (const Weight& weight : change.weights) {
      if (const Status done = Put(weight); !done.ok()) return done;
    }
    for (const Operation& operation : change.operations) {
      if (const Status done = Add(operation); !done.ok()) return done;
    }
    return change.operations.empty() ? Status::Ok() : Prune();
  });
}

Status EndpointStore::Put(const Lease& lease) {
  Result<Statement> put = database_.Prepare(
      "INSERT OR REPLACE INTO lease VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
      "?14)");
  if (!put.ok()) return put.status();
  const EndpointKey& endpoint = lease.endpoint;
  put->Bind(1, lease.id).Bind(2, endpoint.ns).Bind(3, endpoint.name).Bind(4, endpoint.address);
  put->Bind(5, int64_t{endpoint.port}).Bind(6, lease.owner).Bind(7, lease.peer);
  put->Bind(8, lease.reason).Bind(9, Millis(lease.soft_for)).Bind(10, Millis(lease.created));
  put->Bind(11, Millis(lease.timeout));
  if (lease.deadline) {
    put->Bind(12, Millis(*lease.deadline));
  } else {
    put->BindNull(12);
  }
  return put->Bind(13, static_cast<int64_t>(lease.on_deadline))
      .Bind(14, Millis(lease.settle))
      .Run();
}

Status EndpointStore::Remove(const std::string& id) {
  Result<Statement> remove = database_.Prepare("DELETE FROM lease WHERE id = ?1");
  if (!remove.ok()) return remove.status();
  return remove->Bind(1, id).Run();
}

Status EndpointStore::Put(const Weight& weight) {
  Result<Statement> put =
      database_.Prepare("INSERT OR REPLACE INTO weight VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  if (!put.ok()) return put.status();
  const EndpointKey& endpoint = weight.endpoint;
  put->Bind(1, endpoint.ns).Bind(2, endpoint.name).Bind(3, endpoint.address);
  put->Bind(4, int64_t{endpoint.port}).Bind(5, int64_t{weight.permille}).Bind(6, weight.who);
  return put->Bind(7, weight.reason).Bind(8, Millis(weight.at)).Run();
}

Status EndpointStore::RemoveWeight(const EndpointKey& endpoint) {
  Result<Statement> remove = database_.Prepare(
      "DELETE FROM weight WHERE ns = ?1 AND name = ?2 AND address = ?3 AND port = ?4");
  if (!remove.ok()) return remove.status();
  remove->Bind(1, endpoint.ns).Bind(2, endpoint.name).Bind(3, endpoint.address);
  return remove->Bind(4, int64_t{endpoint.port}).Run();
}

Status EndpointStore::Add(const Operation& operation) {
  Result<Statement> add = database_.Prepare(
      "INSERT INTO operation(at_ms, who, verb, reason, subject, before, after) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  if (!add.ok()) return add.status();
  add->Bind(1, Millis(operation.at)).Bind(2, operation.who).Bind(3, operation.verb);
  add->Bind(4, operation.reason).Bind(5, operation.subject).Bind(6, operation.before);
  return add->Bind(7, operation.after).Run();
}

Status EndpointStore::Prune() {
  Result<Statement> prune =
      database_.Prepare("DELETE FROM operation WHERE id <= (SELECT max(id) FROM operation) - ?1");
  if (!prune.ok()) return prune.status();
  return prune->Bind(1, keep_).Run();
}

Result<std::vector<Lease>> EndpointStore::Leases() const {
  const std::lock_guard lock(mutex_);
  Result<Statement> rows = database_.Prepare(
      "SELECT id, ns, name, address, port, owner, peer, reason, soft_ms, created_ms, timeout_ms, "
      "deadline_ms, on_deadline, settle_ms FROM lease ORDER BY created_ms, id");
  if (!rows.ok()) return rows.status();
  std::vector<Lease> out;
  while (true) {
    const Result<bool> row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    Lease lease;
    lease.id = rows->Text(0);
    lease.endpoint = {rows->Text(1), rows->Text(2), rows->Text(3), static_cast<int>(rows->Int(4))};
    lease.owner = rows->Text(5);
    lease.peer = rows->Text(6);
    lease.reason = rows->Text(7);
    lease.soft_for = milliseconds(rows->Int(8));
    lease.created = base::WallTime(milliseconds(rows->Int(9)));
    lease.timeout = milliseconds(rows->Int(10));
    if (!rows->IsNull(11)) lease.deadline = base::WallTime(milliseconds(rows->Int(11)));
    const int64_t action = rows->Int(12);
    lease.on_deadline = action == 1   ? OnDeadline::kUndo
                        : action == 2 ? OnDeadline::kForce
                                      : OnDeadline::kLeave;
    lease.settle = milliseconds(rows->Int(13));
    out.push_back(std::move(lease));
  }
}

Result<std::vector<Weight>> EndpointStore::Weights() const {
  const std::lock_guard lock(mutex_);
  Result<Statement> rows = database_.Prepare(
      "SELECT ns, name, address, port, permille, who, reason, at_ms FROM weight ORDER BY 1, 2, 3, "
      "4");
  if (!rows.ok()) return rows.status();
  std::vector<Weight> out;
  while (true) {
    const Result<bool> row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    Weight weight;
    weight.endpoint = {rows->Text(0), rows->Text(1), rows->Text(2), static_cast<int>(rows->Int(3))};
    weight.permille = static_cast<uint32_t>(rows->Int(4));
    weight.who = rows->Text(5);
    weight.reason = rows->Text(6);
    weight.at = base::WallTime(milliseconds(rows->Int(7)));
    out.push_back(std::move(weight));
  }
}

Result<std::vector<Operation>> EndpointStore::Operations(int64_t limit) const {
  const std::lock_guard lock(mutex_);
  Result<Statement> rows = database_.Prepare(
      "SELECT id, at_ms, who, verb, reason, subject, before, after FROM operation "
      "ORDER BY id DESC LIMIT ?1");
  if (!rows.ok()) return rows.status();
  rows->Bind(1, limit);
  std::vector<Operation> out;
  while (true) {
    const Result<bool> row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    Operation operation;
    operation.id = rows->Int(0);
    operation.at = base::WallTime(milliseconds(rows->Int(1)));
    operation.who = rows->Text(2);
    operation.verb = rows->Text(3);
    operation.reason = rows->Text(4);
    operation.subject = rows->Text(5);
    operation.before = rows->Text(6);
    operation.after = rows->Text(7);
    out.push_back(std::move(operation));
  }
}

}  // namespace inference::store
