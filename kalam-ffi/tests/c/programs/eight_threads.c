/* Eight threads write, read, prepare and define through one connection. */
#include <pthread.h>

#include "check.h"

#define THREADS 8
#define ROUNDS 25

static KalamDatabase *database;
static KalamConnection *connection;

/* A check that may fail in a thread: each has an error of its own. */
#define FINE(call) \
  do { \
    if ((call) != KALAM_STATUS_OK) { \
      fprintf(stderr, "%s:%d: %s\n  [%s] %s\n", __FILE__, __LINE__, #call, kalam_error_sqlstate(mine), \
              kalam_error_message(mine)); \
      abort(); \
    } \
  } while (0)

static void *work(void *argument) {
  int thread = (int)(intptr_t)argument;
  KalamError *mine = NULL;
  KalamStatement *statement = NULL;
  char sql[128];
  FINE(kalam_prepare(connection, "SELECT v FROM t WHERE k = ?", KALAM_NTS, &statement, &mine));
  for (int round = 0; round < ROUNDS; round++) {
    int key = thread * ROUNDS + round;
    KalamResult *rows = NULL;
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    bool more = false;
    int64_t value = 0;
    snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, %d)", key, key * 3);
    FINE(kalam_query(connection, sql, KALAM_NTS, NULL, NULL, &mine));
    FINE(kalam_stmt_bind_int64(statement, 1, key, &mine));
    FINE(kalam_stmt_execute_rows(statement, &rows, &mine));
    FINE(kalam_result_next(rows, &more, &mine));
    CHECK(more);
    FINE(kalam_result_int64(rows, 0, &value, &mine));
    CHECK(value == key * 3);
    FINE(kalam_result_free(&rows, &mine));
    FINE(kalam_query(connection, "SELECT COUNT(*) FROM t", KALAM_NTS, &stream, NULL, &mine));
    CHECK(stream.get_next(&stream, &array) == 0 && array.release != NULL);
    array.release(&array);
    stream.release(&stream);
    if (round % 10 == 5) {
      snprintf(sql, sizeof sql, "CREATE TABLE made_%d_%d (k INT)", thread, round);
      FINE(kalam_query(connection, sql, KALAM_NTS, NULL, NULL, &mine));
      FINE(kalam_flush(connection, "t", 1, NULL, &mine));
    }
  }
  FINE(kalam_stmt_free(&statement, &mine));
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  KalamResult *rows = NULL;
  bool more;
  int64_t count = 0;
  OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
  OK(kalam_connect(database, "root", 4, KALAM_ROLE_SYSTEM, &connection, &err));
  run(connection, "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT)");
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  OK(kalam_query_rows(connection, "SELECT COUNT(DISTINCT k) FROM t", KALAM_NTS, &rows, &err));
  OK(kalam_result_next(rows, &more, &err));
  OK(kalam_result_int64(rows, 0, &count, &err));
  CHECK(count == THREADS * ROUNDS);
  OK(kalam_result_free(&rows, &err));
  OK(kalam_disconnect(&connection, &err));
  OK(kalam_close(&database, &err));
  return 0;
}
