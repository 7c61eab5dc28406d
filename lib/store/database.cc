#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace inference::store {
namespace {

Code CodeOf(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return Code::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:  // of the disk, or of a limit on the file's size
      return Code::kUnavailable;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return Code::kPermissionDenied;
    default:
      return Code::kInternal;
  }
}

Status ErrorOf(sqlite3* handle, std::string_view path) {
  const int result = sqlite3_extended_errcode(handle);
  return {CodeOf(result), std::string(path) + ": " + sqlite3_errmsg(handle)};
}

Status ErrorOf(sqlite3_stmt* statement) {
  sqlite3* handle = sqlite3_db_handle(statement);
  const char* path = sqlite3_db_filename(handle, "main");
  return ErrorOf(handle, path == nullptr ? "" : path);
}

// SQLite would make the file with the umask's mode; what it holds is for its owner alone.
Status MakeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    const int error = errno;
    const Code code =
        error == ENOSPC || error == EDQUOT ? Code::kResourceExhausted : Code::kPermissionDenied;
    return {code, "cannot open " + path + ": " + std::strerror(error)};
  }
  close(fd);
  return Status::Ok();
}

}  // namespace

Statement::Statement(sqlite3_stmt* statement) : statement_(statement) {}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
  return *this;
}

Statement& Statement::Bind(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindNull(int parameter) {
  sqlite3_bind_null(statement_.get(), parameter);
  return *this;
}

Result<bool> Statement::Step() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return ErrorOf(statement_.get());
  }
}

Status Statement::Run() {
  while (true) {
    const Result<bool> row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return Status::Ok();
  }
}

int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Text(int column) const {
  const auto* text = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr
             ? std::string()
             : std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(size));
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Database::Database(sqlite3* handle, std::string path) : path_(std::move(path)), handle_(handle) {}

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Result<Database> Database::Open(const std::string& path) {
  if (const Status made = MakeFile(path); !made.ok()) return made;
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database(handle, path);
  if (result != SQLITE_OK) return ErrorOf(handle, path);
  // A second daemon on the same file must be told so, not wait for ever.
  sqlite3_busy_timeout(handle, 1000);
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                          "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF"}) {
    if (const Status status = database.Execute(sql); !status.ok()) return status;
  }
  return database;
}

Status Database::Execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return Status::Ok();
  return ErrorOf(handle_.get(), path_);
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        &statement, nullptr);
  if (result != SQLITE_OK) return ErrorOf(handle_.get(), path_);
  return Statement(statement);
}

Status Database::InTransaction(const std::function<Status()>& body) {
  // IMMEDIATE: the write lock first, so that what is read inside still holds at the end.
  if (const Status begun = Execute("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  Status status = body();
  if (status.ok()) status = Execute("COMMIT");
  if (status.ok()) return status;
  // Some errors end the transaction by themselves; there is nothing left to roll back then.
  if (sqlite3_get_autocommit(handle_.get()) == 0) {
    const Status undone = Execute("ROLLBACK");
    if (!undone.ok()) return undone;
  }
  return status;
}

}  // namespace inference::store
