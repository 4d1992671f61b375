/* Every order of freeing what hangs on a database, with everything used after each of them. */
#include "check.h"

enum { CONNECTION, STATEMENT, RESULT, APPENDER, OPTIONS, DATABASE, COUNT };

static KalamDatabase *database;
static KalamConnection *connection;
static KalamStatement *statement;
static KalamResult *result;
static KalamAppender *appender;
static KalamOptions *options;
static struct ArrowArrayStream stream;

static void make(KalamDatabase *shared) {
  const char *columns[] = {"id"};
  OK(kalam_options_new(&options, &err));
  OK(kalam_connect(shared, NULL, 0, 0, &connection, &err));
  OK(kalam_prepare(connection, "SELECT id FROM t WHERE id = ?", KALAM_NTS, &statement, &err));
  OK(kalam_stmt_bind_int64(statement, 1, 7, &err));
  OK(kalam_stmt_execute_rows(statement, &result, &err));
  OK(kalam_query(connection, "SELECT id FROM t", KALAM_NTS, &stream, NULL, &err));
  OK(kalam_appender_new(connection, "t", 1, columns, 1, KALAM_UPSERT, &appender, &err));
}

/* One free, a second one of the variable, which does nothing, and one of a copy, which fails. */
#define FREE(function, variable) \
  do { \
    void *copy_ = variable; \
    OK(function(&variable, &err)); \
    CHECK(variable == NULL); \
    OK(function(&variable, &err)); \
    variable = copy_; \
    CHECK(function(&variable, &err) == KALAM_STATUS_INVALID_HANDLE && variable == NULL); \
    CHECK(strstr(kalam_error_message(err), "freed") != NULL); \
    variable = copy_; \
  } while (0)

static void end(int what) {
  switch (what) {
    case DATABASE: FREE(kalam_close, database); break;
    case CONNECTION: FREE(kalam_disconnect, connection); break;
    case STATEMENT: FREE(kalam_stmt_free, statement); break;
    case RESULT: FREE(kalam_result_free, result); break;
    case APPENDER: FREE(kalam_appender_free, appender); break;
    case OPTIONS: FREE(kalam_options_free, options); break;
  }
}

/* What is there works, or says that its connection is closed; what is freed says so. */
static void use(const bool *gone) {
  KalamConnection *other = NULL;
  KalamResult *rows = NULL;
  bool row;
  KalamStatus status = kalam_connect(database, NULL, 0, 0, &other, &err);
  CHECK(status == (gone[DATABASE] ? KALAM_STATUS_INVALID_HANDLE : KALAM_STATUS_OK));
  OK(kalam_disconnect(&other, &err));
  status = kalam_query(connection, "SELECT 1", KALAM_NTS, NULL, NULL, &err);
  CHECK(status == (gone[CONNECTION] ? KALAM_STATUS_INVALID_HANDLE : KALAM_STATUS_OK));
  status = kalam_stmt_execute_rows(statement, &rows, &err);
  CHECK(status == (gone[STATEMENT]    ? KALAM_STATUS_INVALID_HANDLE
                   : gone[CONNECTION] ? KALAM_STATUS_CLOSED
                                      : KALAM_STATUS_OK));
  OK(kalam_result_free(&rows, &err));
  status = kalam_result_next(result, &row, &err);
  CHECK(status == (gone[RESULT] ? KALAM_STATUS_INVALID_HANDLE : KALAM_STATUS_OK));
  if (!gone[APPENDER]) {
    OK(kalam_appender_int64(appender, 7, &err));
    OK(kalam_appender_end_row(appender, &err));
  }
  status = kalam_appender_flush(appender, NULL, &err);
  CHECK(status == (gone[APPENDER]     ? KALAM_STATUS_INVALID_HANDLE
                   : gone[CONNECTION] ? KALAM_STATUS_CLOSED
                                      : KALAM_STATUS_OK));
  status = kalam_options_set(options, "threads", KALAM_NTS, "2", KALAM_NTS, &err);
  CHECK(status == (gone[OPTIONS] ? KALAM_STATUS_INVALID_HANDLE : KALAM_STATUS_OK));
}

static void run_order(const int *order, KalamDatabase *shared) {
  bool gone[COUNT] = {0};
  database = shared;
  make(database);
  use(gone);
  for (int step = 0; step < DATABASE; step++) {
    end(order[step]);
    gone[order[step]] = true;
    use(gone);
  }
  struct ArrowArray batch;
  CHECK(stream.get_next(&stream, &batch) == 0 && batch.length == 1);
  batch.release(&batch);
  stream.release(&stream);
}

static void orders(int *order, int from, int *runs, KalamDatabase *shared) {
  if (from == DATABASE) {
    run_order(order, shared);
    ++*runs;
    return;
  }
  for (int other = from; other < DATABASE; other++) {
    int kept = order[from];
    order[from] = order[other], order[other] = kept;
    orders(order, from + 1, runs, shared);
    kept = order[from];
    order[from] = order[other], order[other] = kept;
  }
}

/* The same with the database among what is freed; opening one takes longer. */
static void closes_first(void) {
  for (int first = 0; first < COUNT; first++) {
    bool gone[COUNT] = {0};
    OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
    OK(kalam_connect(database, NULL, 0, 0, &connection, &err));
    run(connection, "CREATE TABLE t (id BIGINT PRIMARY KEY)");
    run(connection, "INSERT INTO t VALUES (7)");
    OK(kalam_disconnect(&connection, &err));
    make(database);
    for (int step = 0; step < COUNT; step++) {
      int what = (first + step * 5) % COUNT;
      end(what);
      gone[what] = true;
      use(gone);
    }
    struct ArrowArray batch;
    CHECK(stream.get_next(&stream, &batch) == 0 && batch.length == 1);
    batch.release(&batch);
    stream.release(&stream);
  }
}

int main(void) {
  KalamDatabase *shared = NULL;
  KalamConnection *owner = NULL;
  int order[] = {CONNECTION, STATEMENT, RESULT, APPENDER, OPTIONS}, runs = 0;
  OK(kalam_open(":memory:", KALAM_NTS, NULL, &shared, &err));
  OK(kalam_connect(shared, NULL, 0, 0, &owner, &err));
  run(owner, "CREATE TABLE t (id BIGINT PRIMARY KEY)");
  run(owner, "INSERT INTO t VALUES (7)");
  orders(order, 0, &runs, shared);
  CHECK(runs == 120);
  closes_first();
  OK(kalam_disconnect(&owner, &err));
  OK(kalam_close(&shared, &err));
  OK(kalam_error_free(&err));
  return 0;
}
