/* How far a statement is can be asked while its result is read. */
#include "check.h"

#define ROWS 100000

int main(void) {
  KalamDatabase *database = NULL;
  KalamConnection *connection = NULL;
  KalamResult *rows = NULL;
  bool more = false;
  int64_t done = 0, total = 0;
  OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
  OK(kalam_connect(database, NULL, 0, 0, &connection, &err));
  OK(kalam_progress(connection, &done, &total, &err));
  CHECK(done == -1 && total == -1);
  run(connection, "CREATE TABLE t (id BIGINT PRIMARY KEY)");
  run(connection, "INSERT INTO t SELECT value FROM generate_series(1, 100000)");
  OK(kalam_query_rows(connection, "SELECT id FROM t", KALAM_NTS, &rows, &err));
  OK(kalam_progress(connection, &done, &total, &err));
  CHECK(done >= 0 && done <= ROWS && total == ROWS);
  for (int64_t row = 0; row < ROWS; row++) {
    OK(kalam_result_next(rows, &more, &err));
    CHECK(more);
  }
  OK(kalam_progress(connection, &done, NULL, &err));
  CHECK(done == ROWS);
  OK(kalam_progress(connection, NULL, &total, &err));
  CHECK(total == ROWS);
  OK(kalam_result_free(&rows, &err));
  OK(kalam_progress(connection, &done, &total, &err));
  CHECK(done == -1 && total == -1);
  FAILS(kalam_progress(NULL, &done, &total, &err), KALAM_STATUS_INVALID_HANDLE, "connection");
  OK(kalam_disconnect(&connection, &err));
  OK(kalam_close(&database, &err));
  OK(kalam_error_free(&err));
  return 0;
}
