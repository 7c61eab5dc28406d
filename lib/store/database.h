#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "inference/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace inference::store {

/// A prepared statement. Parameters count from 1, columns from 0. Not thread-safe.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, std::string_view text);
  Statement& BindNull(int parameter);

  /// True: there is a row. False: done. An error ends the statement as well.
  Result<bool> Step();
  /// Runs it to its end, throwing rows away.
  Status Run();

  int64_t Int(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement);
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A SQLite file in WAL mode with synchronous=FULL: what Commit answered for is on the disk. One
/// thread.
class Database {
 public:
  /// Makes the file (mode 0600) when it isn't there. RESOURCE_EXHAUSTED when the disk is full,
  /// UNAVAILABLE when another process holds it or the disk fails, PERMISSION_DENIED, INTERNAL when
  /// it is damaged.
  static Result<Database> Open(const std::string& path);

  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  Status Execute(const char* sql);
  Result<Statement> Prepare(std::string_view sql);
  /// All of `body` or nothing: committed when it returns OK, else rolled back.
  Status InTransaction(const std::function<Status()>& body);
  const std::string& path() const { return path_; }

 private:
  Database(sqlite3* handle, std::string path);
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace inference::store
