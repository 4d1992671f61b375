/* KalamDB from C: create, ingest, query hot and cold rows, read them by Arrow and one by one.
 *
 *     cc -std=c11 chat.c $(pkg-config --cflags --libs kalamdb) -o chat && ./chat chat.kalam
 */
#include <inttypes.h>
#include <kalamdb.h>
#include <stdio.h>
#include <stdlib.h>

static KalamError *err = NULL;

/* Ends the program with what went wrong, if something did. */
static void check(KalamStatus status) {
  if (status == KALAM_STATUS_OK) {
    return;
  }
  fprintf(stderr, "[%s] %s\n", kalam_error_sqlstate(err), kalam_error_message(err));
  if (kalam_error_hint(err) != NULL) {
    fprintf(stderr, "hint: %s\n", kalam_error_hint(err));
  }
  exit(1);
}

static void run(KalamConnection *connection, const char *sql) {
  check(kalam_query(connection, sql, KALAM_NTS, NULL, NULL, &err));
}

/* A thousand messages, in one commit. */
static void fill(KalamConnection *connection) {
  const char *columns[] = {"id", "role", "body"};
  KalamAppender *rows = NULL;
  check(kalam_appender_new(connection, "messages", KALAM_NTS, columns, 3, KALAM_APPEND, &rows, &err));
  for (int64_t id = 0; id < 1000; id++) {
    char body[32];
    snprintf(body, sizeof body, "message %" PRId64, id);
    check(kalam_appender_int64(rows, id, &err));
    check(kalam_appender_text(rows, id % 2 == 0 ? "user" : "assistant", KALAM_NTS, &err));
    check(kalam_appender_text(rows, body, KALAM_NTS, &err));
    check(kalam_appender_end_row(rows, &err));
  }
  int64_t written = 0;
  check(kalam_appender_flush(rows, &written, &err));
  check(kalam_appender_free(&rows, &err));
  printf("appended %" PRId64 " rows\n", written);
}

/* Whole columns, as any Arrow library takes them. */
static void count_by_arrow(KalamConnection *connection, const char *sql) {
  struct ArrowArrayStream stream;
  check(kalam_query(connection, sql, KALAM_NTS, &stream, NULL, &err));
  int64_t rows = 0, batches = 0;
  for (;;) {
    struct ArrowArray batch;
    if (stream.get_next(&stream, &batch) != 0) {
      check(kalam_stream_error(&stream, &err));
    }
    if (batch.release == NULL) {
      break;
    }
    rows += batch.length;
    batches += 1;
    batch.release(&batch);
  }
  stream.release(&stream);
  printf("%" PRId64 " rows by Arrow%s\n", rows, batches > 0 ? "" : ", in no batch");
}

/* Row by row. */
static void print_newest(KalamConnection *connection) {
  KalamResult *rows = NULL;
  bool more = false;
  check(kalam_query_rows(connection, "SELECT id, role, body FROM messages ORDER BY id DESC LIMIT 3",
                         KALAM_NTS, &rows, &err));
  for (check(kalam_result_next(rows, &more, &err)); more; check(kalam_result_next(rows, &more, &err))) {
    int64_t id = 0;
    const char *role = NULL, *body = NULL;
    check(kalam_result_int64(rows, 0, &id, &err));
    check(kalam_result_text(rows, 1, &role, NULL, &err));
    check(kalam_result_text(rows, 2, &body, NULL, &err));
    printf("%" PRId64 " %s: %s\n", id, role, body);
  }
  check(kalam_result_free(&rows, &err));
}

/* One statement, parsed once, with other values. */
static void read_some(KalamConnection *connection) {
  KalamStatement *statement = NULL;
  check(kalam_prepare(connection, "SELECT body FROM messages WHERE id = ?", KALAM_NTS, &statement, &err));
  for (int64_t id = 1; id <= 1000; id *= 10) {
    KalamResult *rows = NULL;
    bool found = false;
    const char *body = NULL;
    check(kalam_stmt_bind_int64(statement, 1, id, &err));
    check(kalam_stmt_execute_rows(statement, &rows, &err));
    check(kalam_result_next(rows, &found, &err));
    if (found) {
      check(kalam_result_text(rows, 0, &body, NULL, &err));
    }
    printf("%" PRId64 ": %s\n", id, found ? body : "not there");
    check(kalam_result_free(&rows, &err));
  }
  check(kalam_stmt_free(&statement, &err));
}

/* The rows of one query into another table, without a copy in between. */
static void archive(KalamConnection *connection) {
  struct ArrowArrayStream stream;
  int64_t rows = 0;
  run(connection, "CREATE USER TABLE archive (id BIGINT PRIMARY KEY, body TEXT)");
  check(kalam_query(connection, "SELECT id, body FROM messages WHERE role = 'user'", KALAM_NTS, &stream,
                    NULL, &err));
  check(kalam_ingest(connection, "archive", KALAM_NTS, KALAM_UPSERT, &stream, &rows, &err));
  printf("archived %" PRId64 " rows\n", rows);
}

int main(int argc, char **argv) {
  KalamDatabase *database = NULL;
  KalamConnection *owner = NULL, *alice = NULL, *bob = NULL;
  check(kalam_open(argc > 1 ? argv[1] : ":memory:", KALAM_NTS, NULL, &database, &err));
  check(kalam_connect(database, NULL, 0, KALAM_ROLE_DEFAULT, &owner, &err));
  run(owner, "CREATE USER TABLE messages (id BIGINT PRIMARY KEY, role TEXT NOT NULL, body TEXT NOT NULL)");

  check(kalam_connect(database, "alice", KALAM_NTS, KALAM_ROLE_DBA, &alice, &err));
  fill(alice);
  check(kalam_flush(alice, "messages", KALAM_NTS, NULL, &err)); /* hot rows become Parquet; no answer changes */
  run(alice, "INSERT INTO messages VALUES (1000, 'user', 'still hot')");
  count_by_arrow(alice, "SELECT * FROM messages");
  print_newest(alice);
  read_some(alice);
  archive(alice);

  check(kalam_as_user(owner, "bob", KALAM_NTS, &bob, &err));
  printf("bob sees: ");
  count_by_arrow(bob, "SELECT * FROM messages");

  check(kalam_disconnect(&bob, &err));
  check(kalam_disconnect(&alice, &err));
  check(kalam_disconnect(&owner, &err));
  check(kalam_close(&database, &err));
  return 0;
}
