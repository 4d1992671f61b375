/* Threads and processes: an interrupt, two calls at once, a free amid a call, a fork. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static KalamDatabase *database;
static KalamConnection *connection;
static KalamResult *rows;
static atomic_bool over;

#define ENDLESS "SELECT COUNT(*) FROM generate_series(1, 1000000000000) a (x) WHERE x % 7 = 8"

static void *read_endless(void *status) {
  bool more;
  KalamStatus *seen = status;
  /* The other thread asks for values meanwhile, and may be in the way. */
  do {
    *seen = kalam_result_next(rows, &more, NULL);
  } while (*seen == KALAM_STATUS_BUSY);
  atomic_store(&over, true);
  return NULL;
}

static void interrupted(void) {
  pthread_t thread;
  KalamStatus status = KALAM_STATUS_OK;
  bool more, busy = false;
  atomic_store(&over, false);
  OK(kalam_query_rows(connection, ENDLESS, KALAM_NTS, &rows, &err));
  CHECK(pthread_create(&thread, NULL, read_endless, &status) == 0);
  /* What does not wait says when the other thread is in its call. */
  while (!busy) {
    bool null;
    KalamStatus seen = kalam_result_is_null(rows, 0, &null, &err);
    busy = seen == KALAM_STATUS_BUSY;
    CHECK(busy || seen == KALAM_STATUS_INVALID_ARGUMENT);
  }
  FAILS(kalam_result_next(rows, &more, &err), KALAM_STATUS_BUSY, "result");
  while (!atomic_load(&over)) {
    OK(kalam_interrupt(connection, &err));
  }
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(status == KALAM_STATUS_CANCELLED);
  OK(kalam_result_free(&rows, &err));
}

/* What another thread is reading can be freed: it gets an error or its answer. */
static void freed_amid_a_call(void) {
  pthread_t thread;
  KalamStatus status = KALAM_STATUS_OK;
  atomic_store(&over, false);
  OK(kalam_query_rows(connection, ENDLESS, KALAM_NTS, &rows, &err));
  KalamResult *copy = rows;
  CHECK(pthread_create(&thread, NULL, read_endless, &status) == 0);
  bool null;
  while (kalam_result_is_null(copy, 0, &null, NULL) != KALAM_STATUS_BUSY) {
  }
  OK(kalam_result_cancel(copy, &err));
  OK(kalam_result_free(&copy, &err));
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(status == KALAM_STATUS_CANCELLED);
  CHECK(kalam_result_free(&rows, &err) == KALAM_STATUS_INVALID_HANDLE);
}

/* A child has errors for everything of its parent, and can exit. */
static void forked(void) {
  struct ArrowArrayStream stream;
  OK(kalam_query(connection, "SELECT 1", KALAM_NTS, &stream, NULL, &err));
  pid_t child = fork();
  if (child == 0) {
    struct ArrowArray batch;
    KalamConnection *copy = connection;
    KalamDatabase *own = NULL;
    CHECK(kalam_query(connection, "SELECT 1", KALAM_NTS, NULL, NULL, &err) == KALAM_STATUS_INVALID_HANDLE);
    CHECK(strcmp(kalam_error_sqlstate(err), "KD001") == 0);
    CHECK(kalam_disconnect(&copy, &err) == KALAM_STATUS_INVALID_HANDLE);
    CHECK(stream.get_next(&stream, &batch) != 0);
    CHECK(strncmp(stream.get_last_error(&stream), "[KD001] ", 8) == 0);
    stream.release(&stream);
    FAILS(kalam_open(":memory:", KALAM_NTS, NULL, &own, &err), KALAM_STATUS_CLOSED, NULL);
    exit(33);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 33);
  stream.release(&stream);
  run(connection, "SELECT 1");
}

int main(void) {
  OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
  OK(kalam_connect(database, NULL, 0, 0, &connection, &err));
  interrupted();
  freed_amid_a_call();
  forked();
  OK(kalam_disconnect(&connection, &err));
  OK(kalam_close(&database, &err));
  OK(kalam_error_free(&err));
  return 0;
}
