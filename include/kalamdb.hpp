// KalamDB for C++17: kalamdb.h with owners, exceptions and strings. Header only.
//
//     kalamdb::Database database("chat.kalam");
//     kalamdb::Connection connection = database.connect();
//     connection.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, body TEXT)");
//     kalamdb::Statement insert = connection.prepare("INSERT INTO t VALUES (?, ?)");
//     insert.bind(1, 7).bind(2, "hello").execute();
//     for (kalamdb::Result rows = connection.query("SELECT id, body FROM t"); rows.next();) {
//       std::cout << rows.int64(0) << ' ' << rows.text(1).value_or("NULL") << '\n';
//     }
//
// Everything owns its handle, can be moved and not copied, and may be destroyed in any order.
// What kalamdb.h says of threads and lifetimes holds here. Every call that fails throws
// kalamdb::Error; destructors throw nothing.
#ifndef KALAMDB_HPP
#define KALAMDB_HPP

#include <kalamdb.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kalamdb {

// What went wrong; what() is the message.
class Error : public std::runtime_error {
 public:
  // Takes the error over.
  Error(KalamStatus status, KalamError *error)
      : std::runtime_error(kalam_error_message(error)),
        status_(status),
        sqlstate_(kalam_error_sqlstate(error)),
        hint_(text(kalam_error_hint(error))),
        detail_(text(kalam_error_detail(error))),
        argument_(text(kalam_error_argument(error))),
        line_(kalam_error_line(error)),
        column_(kalam_error_column(error)) {
    kalam_error_free(&error);
  }

  KalamStatus status() const noexcept { return status_; }
  const std::string &sqlstate() const noexcept { return sqlstate_; }
  // The next three are empty if there is nothing to say.
  const std::string &hint() const noexcept { return hint_; }
  const std::string &detail() const noexcept { return detail_; }
  const std::string &argument() const noexcept { return argument_; }
  // Where in the SQL text, from 1; 0 if nowhere.
  std::uint64_t line() const noexcept { return line_; }
  std::uint64_t column() const noexcept { return column_; }
  // Whether the same transaction can succeed when it is run again.
  bool is_retryable() const noexcept {
    return status_ == KALAM_STATUS_CONFLICT || status_ == KALAM_STATUS_UNAVAILABLE;
  }

 private:
  static std::string text(const char *text) { return text == nullptr ? std::string() : text; }

  KalamStatus status_;
  std::string sqlstate_, hint_, detail_, argument_;
  std::uint64_t line_, column_;
};

namespace detail {

// Calls a function of kalamdb.h, whose last argument is the error, and throws it.
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
  KalamError *error = nullptr;
  const KalamStatus status = function(arguments..., &error);
  if (status != KALAM_STATUS_OK) {
    throw Error(status, error);
  }
}

// Owns a handle.
template <typename Handle, KalamStatus (*free)(Handle **, KalamError **)>
class Owner {
 public:
  Owner() = default;
  Owner(Owner &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owner &operator=(Owner &&other) noexcept {
    if (this != &other) {
      free(&handle_, nullptr);
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Owner() { free(&handle_, nullptr); }

  // The handle for functions of kalamdb.h; it stays owned.
  Handle *get() const noexcept { return handle_; }
  // Frees it now; the destructor does it otherwise.
  void close() { call(free, &handle_); }

 protected:
  Handle *handle_ = nullptr;
};

}  // namespace detail

// Keys and values that a database is opened with.
class Options : public detail::Owner<KalamOptions, kalam_options_free> {
 public:
  Options() { detail::call(kalam_options_new, &handle_); }
  Options &set(std::string_view key, std::string_view value) {
    detail::call(kalam_options_set, handle_, key.data(), key.size(), value.data(), value.size());
    return *this;
  }
};

// Rows as an Arrow C stream, released at the end.
class Stream {
 public:
  Stream() = default;
  Stream(Stream &&other) noexcept : stream_(std::exchange(other.stream_, ArrowArrayStream{})) {}
  Stream &operator=(Stream &&other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~Stream() {
    if (stream_.release != nullptr) {
      stream_.release(&stream_);
    }
  }

  // The next batch, which the caller releases; its `release` is NULL at the end.
  ArrowArray next() {
    ArrowArray batch{};
    if (stream_.get_next(&stream_, &batch) != 0) {
      detail::call(kalam_stream_error, &stream_);
    }
    return batch;
  }
  // For an Arrow library that takes streams over, such as arrow::ImportRecordBatchReader().
  ArrowArrayStream *get() noexcept { return &stream_; }
  // Of an INSERT, UPDATE, DELETE or MERGE; -1 otherwise.
  std::int64_t rows_affected() const noexcept { return rows_affected_; }

 private:
  friend class Connection;
  friend class Statement;
  ArrowArrayStream stream_{};
  std::int64_t rows_affected_ = -1;
};

// Rows, one after another.
class Result : public detail::Owner<KalamResult, kalam_result_free> {
 public:
  // Goes to the next row, the first one at first; false at the end.
  bool next() {
    bool row = false;
    detail::call(kalam_result_next, handle_, &row);
    return row;
  }
  std::size_t columns() const {
    std::size_t columns = 0;
    detail::call(kalam_result_columns, handle_, &columns);
    return columns;
  }
  std::string_view column_name(std::size_t column) const {
    const char *name = nullptr;
    detail::call(kalam_result_column_name, handle_, column, &name);
    return name;
  }
  std::string_view column_type(std::size_t column) const {
    const char *type = nullptr;
    detail::call(kalam_result_column_type, handle_, column, &type);
    return type;
  }
  std::int64_t rows_affected() const {
    std::int64_t rows = -1;
    detail::call(kalam_result_rows_affected, handle_, &rows);
    return rows;
  }
  bool is_null(std::size_t column) const {
    bool null = false;
    detail::call(kalam_result_is_null, handle_, column, &null);
    return null;
  }
  // NULL reads as 0 and false here.
  bool boolean(std::size_t column) const { return read<bool>(kalam_result_bool, column); }
  std::int64_t int64(std::size_t column) const {
    return read<std::int64_t>(kalam_result_int64, column);
  }
  double real(std::size_t column) const { return read<double>(kalam_result_double, column); }
  // The value as text, of any type but BYTES, until the next row; nothing for NULL.
  std::optional<std::string_view> text(std::size_t column) const {
    const char *text = nullptr;
    std::size_t length = 0;
    detail::call(kalam_result_text, handle_, column, &text, &length);
    if (text == nullptr) {
      return std::nullopt;
    }
    return std::string_view(text, length);
  }
  std::optional<std::vector<std::uint8_t>> blob(std::size_t column) const {
    return items<std::uint8_t>(kalam_result_blob, column);
  }
  std::optional<std::vector<float>> vector(std::size_t column) const {
    return items<float>(kalam_result_f32_vector, column);
  }
  // Stops the query, from any thread.
  void cancel() const { detail::call(kalam_result_cancel, handle_); }

 private:
  friend class Connection;
  friend class Statement;

  template <typename Value, typename Function>
  Value read(Function function, std::size_t column) const {
    Value value{};
    detail::call(function, handle_, column, &value);
    return value;
  }
  template <typename Item, typename Function>
  std::optional<std::vector<Item>> items(Function function, std::size_t column) const {
    const Item *items = nullptr;
    std::size_t length = 0;
    detail::call(function, handle_, column, &items, &length);
    if (is_null(column)) {
      return std::nullopt;
    }
    return std::vector<Item>(items, items + length);
  }
};

// A statement that is parsed once and run many times. Parameters count from 1.
class Statement : public detail::Owner<KalamStatement, kalam_stmt_free> {
 public:
  Statement &bind(std::uint32_t index, std::nullptr_t) {
    detail::call(kalam_stmt_bind_null, handle_, index);
    return *this;
  }
  Statement &bind(std::uint32_t index, bool value) {
    detail::call(kalam_stmt_bind_bool, handle_, index, value);
    return *this;
  }
  Statement &bind(std::uint32_t index, int value) { return bind(index, std::int64_t{value}); }
  Statement &bind(std::uint32_t index, std::int64_t value) {
    detail::call(kalam_stmt_bind_int64, handle_, index, value);
    return *this;
  }
  Statement &bind(std::uint32_t index, double value) {
    detail::call(kalam_stmt_bind_double, handle_, index, value);
    return *this;
  }
  Statement &bind(std::uint32_t index, std::string_view value) {
    detail::call(kalam_stmt_bind_text, handle_, index, value.data(), value.size());
    return *this;
  }
  Statement &bind(std::uint32_t index, const char *value) {
    return bind(index, std::string_view(value));
  }
  Statement &bind(std::uint32_t index, const std::vector<std::uint8_t> &value) {
    detail::call(kalam_stmt_bind_blob, handle_, index, value.data(), value.size());
    return *this;
  }
  Statement &bind(std::uint32_t index, const std::vector<float> &value) {
    detail::call(kalam_stmt_bind_f32_vector, handle_, index, value.data(), value.size());
    return *this;
  }
  // Sets of values from a stream of Arrow rows, which is taken over.
  Statement &bind(ArrowArrayStream *rows) {
    detail::call(kalam_stmt_bind_stream, handle_, rows);
    return *this;
  }
  // The place of the parameter `:name`.
  std::uint32_t index(std::string_view name) const {
    std::uint32_t index = 0;
    detail::call(kalam_stmt_parameter_index, handle_, name.data(), name.size(), &index);
    return index;
  }
  Statement &clear() {
    detail::call(kalam_stmt_clear, handle_);
    return *this;
  }
  // Returns the rows affected, -1 if it is no INSERT, UPDATE, DELETE or MERGE.
  std::int64_t execute() {
    std::int64_t rows = -1;
    detail::call(kalam_stmt_execute, handle_, static_cast<ArrowArrayStream *>(nullptr), &rows);
    return rows;
  }
  Result query() {
    Result result;
    detail::call(kalam_stmt_execute_rows, handle_, &result.handle_);
    return result;
  }
  Stream stream() {
    Stream stream;
    detail::call(kalam_stmt_execute, handle_, &stream.stream_, &stream.rows_affected_);
    return stream;
  }

 private:
  friend class Connection;
};

// Rows that are collected and written in one commit by flush().
class Appender : public detail::Owner<KalamAppender, kalam_appender_free> {
 public:
  Appender &null() {
    detail::call(kalam_appender_null, handle_);
    return *this;
  }
  Appender &add(bool value) {
    detail::call(kalam_appender_bool, handle_, value);
    return *this;
  }
  Appender &add(int value) { return add(std::int64_t{value}); }
  Appender &add(std::int64_t value) {
    detail::call(kalam_appender_int64, handle_, value);
    return *this;
  }
  Appender &add(double value) {
    detail::call(kalam_appender_double, handle_, value);
    return *this;
  }
  Appender &add(std::string_view value) {
    detail::call(kalam_appender_text, handle_, value.data(), value.size());
    return *this;
  }
  Appender &add(const char *value) { return add(std::string_view(value)); }
  Appender &add(const std::vector<std::uint8_t> &value) {
    detail::call(kalam_appender_blob, handle_, value.data(), value.size());
    return *this;
  }
  Appender &add(const std::vector<float> &value) {
    detail::call(kalam_appender_f32_vector, handle_, value.data(), value.size());
    return *this;
  }
  Appender &end_row() {
    detail::call(kalam_appender_end_row, handle_);
    return *this;
  }
  std::int64_t flush() {
    std::int64_t rows = 0;
    detail::call(kalam_appender_flush, handle_, &rows);
    return rows;
  }

 private:
  friend class Connection;
};

// How far statements are.
struct Progress {
  // Rows that queries scanned and flushes moved.
  std::int64_t rows_done = 0;
  // An estimate of how many there are, if it is known.
  std::optional<std::int64_t> rows_total;
};

// What one user does with a database.
class Connection : public detail::Owner<KalamConnection, kalam_disconnect> {
 public:
  // Runs SQL whose rows are not wanted. Returns the rows affected, -1 if there are none.
  std::int64_t execute(std::string_view sql) {
    std::int64_t rows = -1;
    detail::call(kalam_query, handle_, sql.data(), sql.size(),
                 static_cast<ArrowArrayStream *>(nullptr), &rows);
    return rows;
  }
  Result query(std::string_view sql) {
    Result result;
    detail::call(kalam_query_rows, handle_, sql.data(), sql.size(), &result.handle_);
    return result;
  }
  Stream stream(std::string_view sql) {
    Stream stream;
    detail::call(kalam_query, handle_, sql.data(), sql.size(), &stream.stream_,
                 &stream.rows_affected_);
    return stream;
  }
  Statement prepare(std::string_view sql) {
    Statement statement;
    detail::call(kalam_prepare, handle_, sql.data(), sql.size(), &statement.handle_);
    return statement;
  }
  // Takes the stream over. `mode` is KALAM_APPEND or KALAM_UPSERT.
  std::int64_t ingest(std::string_view table, ArrowArrayStream *rows, std::int32_t mode = KALAM_APPEND) {
    std::int64_t count = 0;
    detail::call(kalam_ingest, handle_, table.data(), table.size(), mode, rows, &count);
    return count;
  }
  Appender appender(std::string_view table, std::initializer_list<const char *> columns,
                    std::int32_t mode = KALAM_APPEND) {
    Appender appender;
    detail::call(kalam_appender_new, handle_, table.data(), table.size(), columns.begin(),
                 columns.size(), mode, &appender.handle_);
    return appender;
  }
  // Moves the recent rows of a table, or of all, to segments. Returns how many.
  std::int64_t flush(std::string_view table) { return flush(table.data(), table.size()); }
  std::int64_t flush() { return flush(nullptr, 0); }
  // How a statement would run, a text in each row; with `analyze` it runs.
  Result explain(std::string_view sql, bool analyze = false) {
    Result result;
    detail::call(kalam_explain, handle_, sql.data(), sql.size(), analyze, &result.handle_);
    return result;
  }
  Connection as_user(std::string_view user) {
    Connection other;
    detail::call(kalam_as_user, handle_, user.data(), user.size(), &other.handle_);
    return other;
  }
  void use(std::string_view name) { detail::call(kalam_use, handle_, name.data(), name.size()); }
  void begin(std::int32_t isolation = KALAM_REPEATABLE_READ) {
    detail::call(kalam_begin, handle_, isolation);
  }
  void commit() { detail::call(kalam_commit, handle_); }
  void rollback() { detail::call(kalam_rollback, handle_); }
  bool in_transaction() const {
    bool open = false;
    detail::call(kalam_in_transaction, handle_, &open);
    return open;
  }
  // Stops what is at work, from any thread.
  void interrupt() const { detail::call(kalam_interrupt, handle_); }
  // How far that is, from any thread; nothing if nothing is at work.
  std::optional<Progress> progress() const {
    Progress progress{};
    std::int64_t total = -1;
    detail::call(kalam_progress, handle_, &progress.rows_done, &total);
    if (progress.rows_done < 0) return std::nullopt;
    if (total >= 0) progress.rows_total = total;
    return progress;
  }

 private:
  friend class Database;

  std::int64_t flush(const char *table, std::size_t length) {
    std::int64_t rows = 0;
    detail::call(kalam_flush, handle_, table, length, &rows);
    return rows;
  }
};

// An open database directory, or ":memory:".
class Database : public detail::Owner<KalamDatabase, kalam_close> {
 public:
  explicit Database(std::string_view path) : Database(path, nullptr) {}
  Database(std::string_view path, const Options &options) : Database(path, options.get()) {}

  // As the user "root", who may do everything.
  Connection connect() {
    Connection connection;
    detail::call(kalam_connect, handle_, static_cast<const char *>(nullptr), std::size_t{0},
                 KALAM_ROLE_DEFAULT, &connection.handle_);
    return connection;
  }
  Connection connect(std::string_view user, std::int32_t role = KALAM_ROLE_USER) {
    Connection connection;
    detail::call(kalam_connect, handle_, user.data(), user.size(), role, &connection.handle_);
    return connection;
  }
  Connection login(std::string_view user, std::string_view password) {
    Connection connection;
    detail::call(kalam_login, handle_, user.data(), user.size(), password.data(), password.size(),
                 &connection.handle_);
    return connection;
  }
  // Ends the database for every connection.
  void shutdown() { detail::call(kalam_shutdown, handle_); }

 private:
  Database(std::string_view path, const KalamOptions *options) {
    detail::call(kalam_open, path.data(), path.size(), options, &handle_);
  }
};

}  // namespace kalamdb

#endif
