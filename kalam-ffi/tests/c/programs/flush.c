/* A flush moves rows and changes no answer; a plan says how they are found. */
#include "check.h"

int main(void) {
  KalamDatabase *database = NULL;
  KalamConnection *connection = NULL;
  KalamResult *rows = NULL;
  bool more = false;
  int64_t moved = -1;
  const char *text = NULL;
  OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
  OK(kalam_connect(database, NULL, 0, 0, &connection, &err));
  run(connection, "CREATE TABLE t (id BIGINT PRIMARY KEY)");
  run(connection, "INSERT INTO t VALUES (1), (2)");
  OK(kalam_flush(connection, "t", 1, &moved, &err));
  CHECK(moved == 2);
  OK(kalam_flush(connection, NULL, 0, &moved, &err));
  CHECK(moved == 0);
  FAILS(kalam_flush(connection, "no_such", KALAM_NTS, NULL, &err), KALAM_STATUS_NOT_FOUND, NULL);
  FAILS(kalam_flush(connection, "t; DROP TABLE t", KALAM_NTS, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);
  OK(kalam_explain(connection, "SELECT * FROM t WHERE id = 1", KALAM_NTS, true, &rows, &err));
  OK(kalam_result_next(rows, &more, &err));
  OK(kalam_result_text(rows, 0, &text, NULL, &err));
  CHECK(more && strcmp(text, "Access path: point") == 0);
  OK(kalam_result_free(&rows, &err));
  FAILS(kalam_explain(connection, "SELECT\n nothing FROM t", KALAM_NTS, false, &rows, &err),
        KALAM_STATUS_NOT_FOUND, NULL);
  CHECK(kalam_error_line(err) == 2 && kalam_error_column(err) == 2);
  FAILS(kalam_explain(connection, "DELETE FROM t", KALAM_NTS, true, &rows, &err), KALAM_STATUS_NOT_IMPLEMENTED, NULL);
  FAILS(kalam_explain(connection, "SELECT * FROM t WHERE id = ?", KALAM_NTS, false, &rows, &err),
        KALAM_STATUS_INVALID_ARGUMENT, NULL);
  OK(kalam_query_rows(connection, "SELECT id FROM t WHERE id > 1", KALAM_NTS, &rows, &err));
  OK(kalam_result_next(rows, &more, &err));
  OK(kalam_result_int64(rows, 0, &moved, &err));
  CHECK(more && moved == 2);
  OK(kalam_result_free(&rows, &err));
  OK(kalam_disconnect(&connection, &err));
  OK(kalam_close(&database, &err));
  OK(kalam_error_free(&err));
  return 0;
}
