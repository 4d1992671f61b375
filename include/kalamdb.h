/*
 * KalamDB for C: an embedded SQL database for applications that keep data for many users.
 * This file is made from kalam-ffi/src by `make header`, and is the manual.
 *
 *     KalamDatabase *database = NULL;
 *     KalamConnection *connection = NULL;
 *     KalamError *err = NULL;
 *     struct ArrowArrayStream rows;
 *     if (kalam_open("chat.kalam", KALAM_NTS, NULL, &database, &err) != KALAM_STATUS_OK ||
 *         kalam_connect(database, NULL, 0, KALAM_ROLE_DEFAULT, &connection, &err) != KALAM_STATUS_OK ||
 *         kalam_query(connection, "SELECT 1", KALAM_NTS, &rows, NULL, &err) != KALAM_STATUS_OK) {
 *         fprintf(stderr, "[%s] %s\n", kalam_error_sqlstate(err), kalam_error_message(err));
 *     }
 *
 * Rules that hold for every function:
 *
 * - It returns a KalamStatus, and says more in `err`, which may be NULL (see KalamError).
 *   If it fails it has done nothing, and its outputs are NULL, 0 or released.
 * - Outputs go last, before `err`. Where NULL is allowed for an argument, its text says so.
 * - Texts are UTF-8 with a length in bytes; KALAM_NTS as the length is for texts that end
 *   with a NUL byte. They are borrowed for the call, as everything is that is not said to
 *   be taken over.
 * - What a function makes belongs to the caller, who frees it by the function that the
 *   text names. Those take a pointer to the variable, make it NULL, and accept NULL, so
 *   that cleaning up needs no conditions. The order in which things are freed is free.
 * - A handle (KalamDatabase * and the like) is a number, not an address. One that was
 *   freed, is of another type or is NULL gives KALAM_STATUS_INVALID_HANDLE. Databases and
 *   connections may be used by several threads at once; statements, results and appenders
 *   by one at a time, any thread, and give KALAM_STATUS_BUSY to a second one.
 * - After fork() every handle and stream of the parent gives an error in the child, and it
 *   opens none. Use the library in a child after exec().
 * - Rows come as Arrow C streams (https://arrow.apache.org/docs/format/CStreamInterface.html),
 *   or one after another as a KalamResult. SQL does the rest: SET
 *   statement_timeout = '5s', STORAGE COMPACT TABLE t, BACKUP DATABASE TO, CREATE USER.
 */

#ifndef KALAMDB_H
#define KALAMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* As the length of a text: it ends at its first NUL byte. */
#define KALAM_NTS SIZE_MAX

/* The structures of the Arrow C data and stream interfaces, unless another header has them. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

#endif



// The version of the functions in this header. It grows when one of them changes or goes,
// and the name of the shared library with it; functions that are new leave it as it is.
#define KALAM_ABI_VERSION 1

// Role of kalam_connect(): "user" if a user is named, "system" otherwise.
#define KALAM_ROLE_DEFAULT 0

// Reads SHARED PUBLIC tables.
#define KALAM_ROLE_ANONYMOUS 1

// Owns rows of USER and STREAM tables, reads SHARED PUBLIC tables.
#define KALAM_ROLE_USER 2

// Writes SHARED tables, acts for users, flushes.
#define KALAM_ROLE_SERVICE 3

// Defines tables and storages, reads the namespace `system`.
#define KALAM_ROLE_DBA 4

// May do everything.
#define KALAM_ROLE_SYSTEM 5

// Isolation of kalam_begin(): the snapshot of the transaction's first statement holds for all
// of it; whoever commits first wins.
#define KALAM_REPEATABLE_READ 0

// Each statement has a snapshot of its own.
#define KALAM_READ_COMMITTED 1

// As if transactions had run one after another.
#define KALAM_SERIALIZABLE 2

// Mode of kalam_ingest() and kalam_appender_new(): a row whose key exists refuses all rows.
#define KALAM_APPEND 0

// A row whose key exists is replaced.
#define KALAM_UPSERT 1

// How a call ended. `KALAM_STATUS_OK` is 0; 1 to 14 are the codes of ADBC, from 100 on they are
// KalamDB's. Which code an error has depends on what the caller can do about it; the
// SQLSTATE of the error says more (kalam_error_sqlstate()).
typedef enum {
  // The call did what it says.
  KALAM_STATUS_OK = 0,
  // It failed in a way that no other code names.
  KALAM_STATUS_UNKNOWN = 1,
  // The feature is not there; the hint says what is.
  KALAM_STATUS_NOT_IMPLEMENTED = 2,
  // A table, namespace, column or other named object is not there, or is not yours.
  KALAM_STATUS_NOT_FOUND = 3,
  // A named object is there already.
  KALAM_STATUS_ALREADY_EXISTS = 4,
  // The SQL, a value or an argument is wrong. Fix it.
  KALAM_STATUS_INVALID_ARGUMENT = 5,
  // The transaction is not in the state for this.
  KALAM_STATUS_INVALID_STATE = 6,
  // A value does not fit its type.
  KALAM_STATUS_INVALID_DATA = 7,
  // The data breaks a constraint.
  KALAM_STATUS_INTEGRITY = 8,
  // A bug of the engine. Report it.
  KALAM_STATUS_INTERNAL = 9,
  // Input or output failed.
  KALAM_STATUS_IO = 10,
  // The statement was stopped by kalam_interrupt() or by its timeout.
  KALAM_STATUS_CANCELLED = 11,
  // Kept for ADBC's code 12; a timeout is KALAM_STATUS_CANCELLED.
  KALAM_STATUS_TIMEOUT = 12,
  // The user name or the password is wrong.
  KALAM_STATUS_UNAUTHENTICATED = 13,
  // The session may not do this.
  KALAM_STATUS_UNAUTHORIZED = 14,
  // Another commit changed the same rows first. Run the transaction again.
  KALAM_STATUS_CONFLICT = 100,
  // A limit was reached. Ask for less, or raise it.
  KALAM_STATUS_LIMIT_EXCEEDED = 101,
  // The directory or another resource is in use. Retry later.
  KALAM_STATUS_UNAVAILABLE = 102,
  // Stored bytes are damaged. Stop, restore, report.
  KALAM_STATUS_CORRUPTED = 103,
  // The database or the connection is closed, or was opened before fork().
  KALAM_STATUS_CLOSED = 104,
  // A handle is NULL, was freed, is of another type, or is none.
  KALAM_STATUS_INVALID_HANDLE = 105,
  // Another thread is in a call with this statement, result or appender.
  KALAM_STATUS_BUSY = 106,
} KalamStatus;

// Collects rows value by value and writes them in one commit, far faster than a statement
// for each. One thread uses it at a time.
//
//     const char *columns[] = {"id", "body"};
//     kalam_appender_new(connection, "chat", KALAM_NTS, columns, 2, KALAM_APPEND, &rows, &err);
//     for (int64_t id = 0; id < 1000; id++) {
//         kalam_appender_int64(rows, id, &err);
//         kalam_appender_text(rows, "hello", KALAM_NTS, &err);
//         kalam_appender_end_row(rows, &err);
//     }
//     kalam_appender_flush(rows, NULL, &err);
//     kalam_appender_free(&rows, &err);
//
// The rows are held in memory until they are flushed; a program that has many flushes every
// 100,000 or so. The values of a column are of one kind: integers, doubles, texts ..; they
// become values of the column's type as with INSERT.
typedef struct KalamAppender KalamAppender;

// What one user does with a database. It sees the rows of that user in USER and STREAM
// tables, and nothing of others.
//
// Any number of threads may use it at once. A transaction is open for all of them: its
// statements run one after another. For transactions side by side open several.
typedef struct KalamConnection KalamConnection;

// An open database. Any number of threads may use it at once.
typedef struct KalamDatabase KalamDatabase;

// What went wrong.
//
// Functions that can fail take a `KalamError **err` last. It may be NULL. Otherwise `*err`
// must be NULL or an error of an earlier call, which is freed: one variable does for many
// calls. After a call it is NULL, or an error if the status is not KALAM_STATUS_OK; the last one
// is freed by kalam_error_free(). There is no "last error" of a thread.
//
// The texts of an error live until it is freed. The functions below take NULL, and what
// was freed, and say then that there is nothing.
typedef struct KalamError KalamError;

// How a database is opened: keys and values, the same as in every language and in
// `SELECT * FROM system.settings`. Use by one thread at a time.
typedef struct KalamOptions KalamOptions;

// The rows of a statement, one after another. It outlives statement, connection and
// database. One thread uses it at a time; another may call kalam_result_cancel().
//
//     KalamResult *rows = NULL;
//     bool more = false;
//     kalam_query_rows(connection, "SELECT id, body FROM t", KALAM_NTS, &rows, &err);
//     while (kalam_result_next(rows, &more, &err) == KALAM_STATUS_OK && more) {
//         int64_t id;
//         const char *body;
//         kalam_result_int64(rows, 0, &id, &err);
//         kalam_result_text(rows, 1, &body, NULL, &err);
//     }
//     kalam_result_free(&rows, &err);
//
// Columns count from 0. A value that is NULL reads as 0, 0.0, false, or a NULL pointer of
// length 0; kalam_result_is_null() tells it from those.
typedef struct KalamResult KalamResult;

// A statement that is parsed once, and run many times with other parameters: `?`, `$1` or
// `:name` in its text. One thread uses it at a time. It needs its connection; what it
// returned does not need it.
typedef struct KalamStatement KalamStatement;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// KALAM_ABI_VERSION of the library that was loaded. A program that loads it by name
// compares it with the header's.
uint32_t kalam_abi_version(void);

// The version of the library, such as "0.1.0". Lives as long as the process.
const char *kalam_library_version(void);

// The sentence that says what happened, in lower case; "" if there is no error.
const char *kalam_error_message(const KalamError *error);

// The five characters of the SQLSTATE; "00000" if there is no error.
const char *kalam_error_sqlstate(const KalamError *error);

// The status that the call returned.
KalamStatus kalam_error_status(const KalamError *error);

// What can be done about it, or NULL.
const char *kalam_error_hint(const KalamError *error);

// The particulars, or NULL.
const char *kalam_error_detail(const KalamError *error);

// The name of the argument that is wrong, as it stands in this header, or NULL if none is.
const char *kalam_error_argument(const KalamError *error);

// The line of the SQL text that the error is in, from 1; 0 if it has no place.
uint64_t kalam_error_line(const KalamError *error);

// The character of that line, from 1; 0 if it has no place.
uint64_t kalam_error_column(const KalamError *error);

// Frees an error, its texts with it, and makes `*error` NULL. NULL is fine.
//
// KALAM_STATUS_INVALID_HANDLE: it was freed, or is no error.
KalamStatus kalam_error_free(KalamError **error);

// Makes options that are the default of each key. Free them with kalam_options_free();
// a database that was opened with them does not need them any more.
KalamStatus kalam_options_new(KalamOptions **out_options,
                              KalamError **err);

// Sets one key: `auto_maintenance`, `cache_bytes`, `durability` ("full", "normal", "off"),
// `hot_budget`, `max_result_bytes`, `memory_limit`, `progress`, `statement_timeout`,
// `storage_path`, `temp_directory` or `threads`. Values are texts, such as "512MiB", "5s" or "4".
//
// KALAM_STATUS_INVALID_ARGUMENT: the key is unknown, or the value not allowed.
KalamStatus kalam_options_set(KalamOptions *options,
                              const char *key,
                              size_t key_len,
                              const char *value,
                              size_t value_len,
                              KalamError **err);

// Frees options and makes `*options` NULL. NULL is fine.
KalamStatus kalam_options_free(KalamOptions **options,
                               KalamError **err);

// Opens a database directory, creating it if it is missing, or with ":memory:" a database
// that ends with its last connection and stream. `options` may be NULL.
//
// One process has a directory open at a time; a second kalam_open() of it in the same
// process shares the first, with its options. A child after fork() can open none.
//
// `path` is UTF-8 of `path_len` bytes, or ends at its first NUL byte (KALAM_NTS). Close
// with kalam_close().
//
// KALAM_STATUS_UNAVAILABLE: another process holds the directory. KALAM_STATUS_CORRUPTED: it is damaged,
// or is something else. KALAM_STATUS_IO: it cannot be read or made. KALAM_STATUS_NOT_IMPLEMENTED: a
// newer version wrote it. KALAM_STATUS_CLOSED: in a child after fork().
KalamStatus kalam_open(const char *path,
                       size_t path_len,
                       const KalamOptions *options,
                       KalamDatabase **out_database,
                       KalamError **err);

// Lets go of a database and makes `*database` NULL. NULL is fine. Connections, statements
// and streams go on; the directory is released when the last of them is gone.
KalamStatus kalam_close(KalamDatabase **database,
                        KalamError **err);

// Ends a database for everybody: later calls through any connection of it fail with
// KALAM_STATUS_CLOSED, commits that run are waited for, and everything acknowledged is made
// durable. Streams and results that were handed out stay readable. Close it after that
// as well.
//
// KALAM_STATUS_IO: the log cannot be synced.
KalamStatus kalam_shutdown(KalamDatabase *database,
                           KalamError **err);

// Connects for a user, for whose identity the program vouches: no account is needed. With
// `user` NULL it is the user "root". Unqualified names resolve in the namespace "default"
// (kalam_use() and USE change that). Close with kalam_disconnect().
//
// KALAM_STATUS_INVALID_ARGUMENT: the user id or the role is none. KALAM_STATUS_CLOSED: after
// kalam_shutdown().
KalamStatus kalam_connect(const KalamDatabase *database,
                          const char *user,
                          size_t user_len,
                          int32_t role,
                          KalamConnection **out_connection,
                          KalamError **err);

// Connects as a user who has an account (CREATE USER), by password, with the role of the
// account. Takes tens of milliseconds. Close with kalam_disconnect().
//
// KALAM_STATUS_UNAUTHENTICATED: the one answer for a wrong password and a user who does not exist.
KalamStatus kalam_login(const KalamDatabase *database,
                        const char *user,
                        size_t user_len,
                        const char *password,
                        size_t password_len,
                        KalamConnection **out_connection,
                        KalamError **err);

// Connects for another user, with role "user" or that of `connection` if it is lower, in
// the same namespace. Close with kalam_disconnect().
//
// KALAM_STATUS_UNAUTHORIZED: the role of `connection` is below "service", or below the role that
// the user holds.
KalamStatus kalam_as_user(const KalamConnection *connection,
                          const char *user,
                          size_t user_len,
                          KalamConnection **out_connection,
                          KalamError **err);

// Closes a connection, rolls its open transaction back, and makes `*connection` NULL. NULL
// is fine. Its statements and appenders can only be freed then; its streams and results
// stay readable.
KalamStatus kalam_disconnect(KalamConnection **connection,
                             KalamError **err);

// Makes unqualified names resolve in a namespace.
//
// KALAM_STATUS_NOT_FOUND: there is no such namespace.
KalamStatus kalam_use(const KalamConnection *connection,
                      const char *namespace_,
                      size_t namespace_len,
                      KalamError **err);

// Stops every statement of the connection that is at work in another thread, and every
// stream and result of it that is still read: each fails with KALAM_STATUS_CANCELLED within
// 100 ms. A commit that has begun is not taken back. The connection goes on. Does nothing
// if nothing is at work. Not for signal handlers.
KalamStatus kalam_interrupt(const KalamConnection *connection,
                            KalamError **err);

// Tells how far the statements of the connection are that are at work in other threads, with
// the results of them that are still read. `out_rows_done` is set to the rows that queries
// scanned and flushes moved, -1 if nothing is at work. `out_rows_total` is set to an estimate
// of how many there are, -1 if that is not known; as filters skip rows, work may end before
// all are done. Each may be NULL. Asked of a query for the first time it counts recent rows,
// up to a million: some hundred milliseconds.
KalamStatus kalam_progress(const KalamConnection *connection,
                           int64_t *out_rows_done,
                           int64_t *out_rows_total,
                           KalamError **err);

// Opens a transaction; without one each statement commits by itself.
//
// KALAM_STATUS_INVALID_STATE: one is open.
KalamStatus kalam_begin(const KalamConnection *connection,
                        int32_t isolation,
                        KalamError **err);

// Commits the open transaction, which is over whether this succeeds or not.
//
// KALAM_STATUS_CONFLICT: another commit was first; run the transaction again. KALAM_STATUS_INVALID_STATE:
// none is open, or a statement of it had failed. Nothing of it is kept then.
KalamStatus kalam_commit(const KalamConnection *connection,
                         KalamError **err);

// Forgets everything that the open transaction wrote, and ends it.
//
// KALAM_STATUS_INVALID_STATE: none is open.
KalamStatus kalam_rollback(const KalamConnection *connection,
                           KalamError **err);

// Says whether a transaction is open. After a statement of it failed it is, and can only be
// rolled back.
KalamStatus kalam_in_transaction(const KalamConnection *connection,
                                 bool *out_open,
                                 KalamError **err);

// Runs SQL and returns its rows as an Arrow C stream. Several statements are separated by
// semicolons; they stop at the first failure, and the rows are those of the last one. For
// parameters see kalam_prepare(); for rows without an Arrow library, kalam_query_rows().
//
// A write is committed when this returns, unless a transaction is open. A query runs while
// its stream is read, on a snapshot taken now.
//
// `sql` is UTF-8 of `sql_len` bytes, or ends at its first NUL byte (KALAM_NTS).
//
// `out_stream` is room for a stream, whose content is not looked at. The caller releases
// it (`out_stream->release(out_stream)`), before or after statement, connection and
// database are closed: it owns what it needs. It may be read in any thread, by one at a
// time. A statement without rows gives a stream without columns. NULL: the rows are not
// wanted; a query is checked, and not run.
//
// `out_rows_affected` is set to the rows that an INSERT, UPDATE, DELETE or MERGE changed,
// -1 for everything else. NULL is fine.
//
// If the status is not KALAM_STATUS_OK, `*out_stream` is a released stream.
//
// KALAM_STATUS_INVALID_ARGUMENT: the SQL is wrong; kalam_error_line() says where. Every other
// status of a statement.
KalamStatus kalam_query(const KalamConnection *connection,
                        const char *sql,
                        size_t sql_len,
                        struct ArrowArrayStream *out_stream,
                        int64_t *out_rows_affected,
                        KalamError **err);

// Says what the last call of a stream of kalam_query() or kalam_stmt_execute() failed
// with: `get_last_error` of the stream gives a text alone. Returns that status, KALAM_STATUS_OK
// if it did not fail.
//
// KALAM_STATUS_INVALID_ARGUMENT: the stream is released, or another library's.
KalamStatus kalam_stream_error(struct ArrowArrayStream *stream,
                               KalamError **err);

// Runs SQL as kalam_query() does, and returns its rows one after another. Free the result
// with kalam_result_free().
KalamStatus kalam_query_rows(const KalamConnection *connection,
                             const char *sql,
                             size_t sql_len,
                             KalamResult **out_result,
                             KalamError **err);

// Says how a statement would run, as EXPLAIN does: rows of one text. With `analyze` the
// query runs, and the rows say what it did. Free the result with kalam_result_free().
//
// KALAM_STATUS_NOT_IMPLEMENTED: `analyze` of a statement that writes, or another statement
// than a query, INSERT, UPDATE or DELETE.
KalamStatus kalam_explain(const KalamConnection *connection,
                          const char *sql,
                          size_t sql_len,
                          bool analyze,
                          KalamResult **out_result,
                          KalamError **err);

// Goes to the next row, the first one at first. `*out_row` says whether there is one.
// Pointers that were read of the row before are no longer valid.
//
// What the query raises while it runs; there are no more rows then. KALAM_STATUS_CANCELLED.
KalamStatus kalam_result_next(KalamResult *result,
                              bool *out_row,
                              KalamError **err);

// Stops the query, from any thread: whoever waits for its next row gets KALAM_STATUS_CANCELLED.
KalamStatus kalam_result_cancel(const KalamResult *result,
                                KalamError **err);

// The number of columns; 0 for a statement without rows.
KalamStatus kalam_result_columns(const KalamResult *result,
                                 size_t *out_columns,
                                 KalamError **err);

// The name of a column. The text lives as long as the result.
KalamStatus kalam_result_column_name(const KalamResult *result,
                                     size_t column,
                                     const char **out_name,
                                     KalamError **err);

// The SQL type of a column, such as "BIGINT" or "EMBEDDING(384)". The text lives as long
// as the result.
KalamStatus kalam_result_column_type(const KalamResult *result,
                                     size_t column,
                                     const char **out_type,
                                     KalamError **err);

// The rows that an INSERT, UPDATE, DELETE or MERGE changed; -1 for everything else.
KalamStatus kalam_result_rows_affected(const KalamResult *result,
                                       int64_t *out_rows,
                                       KalamError **err);

// Says whether a value is NULL.
KalamStatus kalam_result_is_null(const KalamResult *result,
                                 size_t column,
                                 bool *out_null,
                                 KalamError **err);

// Reads a BOOLEAN.
//
// KALAM_STATUS_INVALID_ARGUMENT: the result is at no row, or has no such column, or the column is
// of another type. So with all that read a value.
KalamStatus kalam_result_bool(const KalamResult *result,
                              size_t column,
                              bool *out_value,
                              KalamError **err);

// Reads a SMALLINT, INT, BIGINT or BOOLEAN; a DATE as days since 1970-01-01; a TIME as
// microseconds since midnight; a TIMESTAMP or DATETIME as microseconds since 1970-01-01.
KalamStatus kalam_result_int64(const KalamResult *result,
                               size_t column,
                               int64_t *out_value,
                               KalamError **err);

// Reads a number of any type as the nearest double.
KalamStatus kalam_result_double(const KalamResult *result,
                                size_t column,
                                double *out_value,
                                KalamError **err);

// Reads a value of any type but BYTES as text: UTF-8 of `*out_len` bytes, with a NUL byte
// behind it, and possibly more of them inside. `out_len` may be NULL. The text lives until
// the next row, the next call for this column, or the end of the result.
KalamStatus kalam_result_text(const KalamResult *result,
                              size_t column,
                              const char **out_text,
                              size_t *out_len,
                              KalamError **err);

// Reads BYTES, a UUID or the bytes of a text, which are not copied. They live until the
// next row or the end of the result.
KalamStatus kalam_result_blob(const KalamResult *result,
                              size_t column,
                              const uint8_t **out_bytes,
                              size_t *out_len,
                              KalamError **err);

// Reads the elements of an EMBEDDING, which are not copied. They live until the next row
// or the end of the result. `*out_len` is the number of elements.
KalamStatus kalam_result_f32_vector(const KalamResult *result,
                                    size_t column,
                                    const float **out_items,
                                    size_t *out_len,
                                    KalamError **err);

// Frees a result, stops its query, and makes `*result` NULL. NULL is fine.
KalamStatus kalam_result_free(KalamResult **result,
                              KalamError **err);

// Parses one statement and looks it up. It does not run. Free it with kalam_stmt_free().
//
// KALAM_STATUS_INVALID_ARGUMENT: the SQL is wrong, or several statements. KALAM_STATUS_UNAUTHORIZED: the
// connection may not run it.
KalamStatus kalam_prepare(const KalamConnection *connection,
                          const char *sql,
                          size_t sql_len,
                          KalamStatement **out_statement,
                          KalamError **err);

// The number of parameters.
KalamStatus kalam_stmt_parameters(const KalamStatement *statement,
                                  size_t *out_parameters,
                                  KalamError **err);

// The place of the parameter `:name`, for kalam_stmt_bind_int64() and the like; `parameter`
// is its name without the colon.
//
// KALAM_STATUS_NOT_FOUND: the statement has no such parameter.
KalamStatus kalam_stmt_parameter_index(const KalamStatement *statement,
                                       const char *parameter,
                                       size_t parameter_len,
                                       uint32_t *out_index,
                                       KalamError **err);

// The columns that the statement returns, as an Arrow C schema that the caller releases; no
// columns for a statement without rows.
KalamStatus kalam_stmt_schema(const KalamStatement *statement,
                              struct ArrowSchema *out_schema,
                              KalamError **err);

// The types of the parameters, as an Arrow C schema that the caller releases: one column
// for each, of type null where a value of any type will do.
KalamStatus kalam_stmt_parameter_schema(const KalamStatement *statement,
                                        struct ArrowSchema *out_schema,
                                        KalamError **err);

// Runs the statement with what is bound, which stays bound, and returns its rows as an
// Arrow C stream. The outputs are those of kalam_query(). With several sets of values
// (kalam_stmt_bind_stream()) an INSERT, UPDATE, DELETE or MERGE runs for each, each on
// what the earlier ones left, in one commit: all of them or none.
//
// KALAM_STATUS_INVALID_ARGUMENT: a parameter has no value, or one of a wrong type. KALAM_STATUS_CLOSED:
// the connection is closed. KALAM_STATUS_NOT_IMPLEMENTED: the columns of the result changed since
// it was prepared.
KalamStatus kalam_stmt_execute(KalamStatement *statement,
                               struct ArrowArrayStream *out_stream,
                               int64_t *out_rows_affected,
                               KalamError **err);

// As kalam_stmt_execute(), with the rows one after another. Free the result with
// kalam_result_free().
KalamStatus kalam_stmt_execute_rows(KalamStatement *statement,
                                    KalamResult **out_result,
                                    KalamError **err);

// Frees a statement and makes `*statement` NULL. NULL is fine. Its streams and results stay
// readable.
KalamStatus kalam_stmt_free(KalamStatement **statement,
                            KalamError **err);

// Binds NULL. Parameters count from 1, in the order of their first place in the text. A
// value stays bound until another takes its place or kalam_stmt_clear().
//
// KALAM_STATUS_INVALID_ARGUMENT: the statement has no such parameter. So with all that bind one.
KalamStatus kalam_stmt_bind_null(KalamStatement *statement,
                                 uint32_t index,
                                 KalamError **err);

// Binds a BOOLEAN.
KalamStatus kalam_stmt_bind_bool(KalamStatement *statement,
                                 uint32_t index,
                                 bool value,
                                 KalamError **err);

// Binds an integer; it becomes the integer type of the parameter, or a number of another
// type.
KalamStatus kalam_stmt_bind_int64(KalamStatement *statement,
                                  uint32_t index,
                                  int64_t value,
                                  KalamError **err);

// Binds a double.
KalamStatus kalam_stmt_bind_double(KalamStatement *statement,
                                   uint32_t index,
                                   double value,
                                   KalamError **err);

// Binds a text, which is copied: UTF-8 of `value_len` bytes, which may be NUL bytes, or up
// to the first NUL byte (KALAM_NTS). It is also how dates, times, decimals, UUIDs and JSON
// are bound.
//
// KALAM_STATUS_INVALID_DATA: it is not valid UTF-8. KALAM_STATUS_LIMIT_EXCEEDED: 2^31 bytes or more.
KalamStatus kalam_stmt_bind_text(KalamStatement *statement,
                                 uint32_t index,
                                 const char *value,
                                 size_t value_len,
                                 KalamError **err);

// Binds bytes, which are copied.
//
// KALAM_STATUS_LIMIT_EXCEEDED: 2^31 bytes or more.
KalamStatus kalam_stmt_bind_blob(KalamStatement *statement,
                                 uint32_t index,
                                 const uint8_t *value,
                                 size_t value_len,
                                 KalamError **err);

// Binds an EMBEDDING of `value_len` floats, which are copied.
//
// KALAM_STATUS_INVALID_ARGUMENT: no floats, or more than 8192.
KalamStatus kalam_stmt_bind_f32_vector(KalamStatement *statement,
                                       uint32_t index,
                                       const float *value,
                                       size_t value_len,
                                       KalamError **err);

// Binds a row of Arrow data for each set of values: an array of structs, whose fields stand
// for the parameters by their place, or by their name where parameters are `:name`. Takes
// `array` and `schema` over: both are released when this returns, whatever it returns,
// unless one of them is NULL.
//
// KALAM_STATUS_INVALID_ARGUMENT: the array is not what its schema says, or has other columns.
KalamStatus kalam_stmt_bind_arrow(KalamStatement *statement,
                                  struct ArrowArray *array,
                                  struct ArrowSchema *schema,
                                  KalamError **err);

// As kalam_stmt_bind_arrow(), for all rows of a stream, which is read to its end now. Takes
// the stream over: it is released when this returns, whatever it returns.
KalamStatus kalam_stmt_bind_stream(KalamStatement *statement,
                                   struct ArrowArrayStream *stream,
                                   KalamError **err);

// Forgets everything that is bound.
KalamStatus kalam_stmt_clear(KalamStatement *statement,
                             KalamError **err);

// Appends the rows of an Arrow stream to a table, in one commit or in the open transaction.
// Columns match by name; those that are missing take their default. Takes the stream over:
// it is released when this returns, whatever it returns.
//
// `table` is `table` or `namespace.table`. `out_rows` is set to the number of rows; NULL
// is fine.
//
// KALAM_STATUS_NOT_FOUND: there is no such table, or no such column. KALAM_STATUS_INTEGRITY: a key exists,
// or a value breaks a constraint; no row is kept. KALAM_STATUS_INVALID_ARGUMENT: the stream is
// released, or its data is not what its schema says.
KalamStatus kalam_ingest(const KalamConnection *connection,
                         const char *table,
                         size_t table_len,
                         int32_t mode,
                         struct ArrowArrayStream *stream,
                         int64_t *out_rows,
                         KalamError **err);

// Makes an appender for `column_count` columns of a table; the others take their default.
// `columns` are texts that end with a NUL byte. Table and columns are looked up when rows
// are flushed.
KalamStatus kalam_appender_new(const KalamConnection *connection,
                               const char *table,
                               size_t table_len,
                               const char *const *columns,
                               size_t column_count,
                               int32_t mode,
                               KalamAppender **out_appender,
                               KalamError **err);

// Appends NULL to the row, in its next column.
//
// KALAM_STATUS_INVALID_STATE: the row has a value for each column. KALAM_STATUS_INVALID_ARGUMENT: the
// column holds values of another kind. So with all that append one; the row goes on.
KalamStatus kalam_appender_null(KalamAppender *appender,
                                KalamError **err);

// Appends a BOOLEAN.
KalamStatus kalam_appender_bool(KalamAppender *appender,
                                bool value,
                                KalamError **err);

// Appends an integer.
KalamStatus kalam_appender_int64(KalamAppender *appender,
                                 int64_t value,
                                 KalamError **err);

// Appends a double.
KalamStatus kalam_appender_double(KalamAppender *appender,
                                  double value,
                                  KalamError **err);

// Appends a text, which is copied; also a date, time, decimal, UUID or JSON.
//
// KALAM_STATUS_INVALID_DATA: it is not valid UTF-8.
KalamStatus kalam_appender_text(KalamAppender *appender,
                                const char *value,
                                size_t value_len,
                                KalamError **err);

// Appends bytes, which are copied.
KalamStatus kalam_appender_blob(KalamAppender *appender,
                                const uint8_t *value,
                                size_t value_len,
                                KalamError **err);

// Appends an EMBEDDING of `value_len` floats, which are copied. All of a column have the
// same length.
KalamStatus kalam_appender_f32_vector(KalamAppender *appender,
                                      const float *value,
                                      size_t value_len,
                                      KalamError **err);

// Ends the row.
//
// KALAM_STATUS_INVALID_STATE: it has fewer values than there are columns; it goes on.
KalamStatus kalam_appender_end_row(KalamAppender *appender,
                                   KalamError **err);

// Writes the rows that were ended, in one commit or in the open transaction. The appender is
// empty afterwards, also if this fails: none of the rows is written then. `out_rows` is set
// to the number of rows; NULL is fine.
//
// KALAM_STATUS_INVALID_STATE: a row has begun; end it. Otherwise as kalam_ingest().
KalamStatus kalam_appender_flush(KalamAppender *appender,
                                 int64_t *out_rows,
                                 KalamError **err);

// Frees an appender and makes `*appender` NULL. NULL is fine. Rows that were not flushed are
// forgotten.
KalamStatus kalam_appender_free(KalamAppender **appender,
                                KalamError **err);

// Moves the recent rows of a table, of all its users, to Parquet segments, as STORAGE FLUSH
// does; no answer changes. `table` is `table` or `namespace.table`; NULL: every table.
// `out_rows` is set to the number of rows that were moved; NULL is fine.
//
// KALAM_STATUS_NOT_FOUND: there is no such table. KALAM_STATUS_NOT_IMPLEMENTED: it is a STREAM
// table, or a transaction is open. KALAM_STATUS_UNAUTHORIZED: the role is below "service".
// KALAM_STATUS_IO: a file cannot be written.
KalamStatus kalam_flush(const KalamConnection *connection,
                        const char *table,
                        size_t table_len,
                        int64_t *out_rows,
                        KalamError **err);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KALAMDB_H */
