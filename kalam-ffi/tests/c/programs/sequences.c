/* Calls in an order and with handles made at random: each gives a status that its error agrees
 * with, and none reads or frees what is not its own (AddressSanitizer looks on).
 * With FUZZ it is no program but a function, which takes every choice from the bytes that it is
 * given; the program does so with the files that it is given. */
#include "check.h"

#define SLOTS 4

static uint64_t state;
static const uint8_t *input;
static size_t input_left;

static uint32_t below(uint32_t limit) {
  if (input != NULL) {
    if (input_left == 0) return 0;
    input_left--;
    return *input++ % limit;
  }
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)((state >> 33) % limit);
}

static KalamDatabase *databases[SLOTS];
static KalamConnection *connections[SLOTS];
static KalamStatement *statements[SLOTS];
static KalamResult *results[SLOTS];
static KalamAppender *appenders[SLOTS];
static struct ArrowArrayStream streams[SLOTS];
static struct ArrowArray arrays[SLOTS];
static long calls, succeeded;

/* A handle of a slot, or what was one: copies outlive what they name. */
static void *copies[5][SLOTS];
static void *some(int type, void *handle, uint32_t slot) {
  if (handle != NULL) copies[type][slot] = handle;
  return below(12) == 0 ? copies[type][below(SLOTS)] : handle;
}

#define DATABASE(s) some(0, databases[s], s)
#define CONNECTION(s) some(1, connections[s], s)
#define STATEMENT(s) some(2, statements[s], s)
#define RESULT(s) some(3, results[s], s)
#define APPENDER(s) some(4, appenders[s], s)

static void seen(KalamStatus status) {
  calls++;
  succeeded += status == KALAM_STATUS_OK;
  CHECK((status == KALAM_STATUS_OK) == (err == NULL));
  CHECK(kalam_error_status(err) == status);
  CHECK(strlen(kalam_error_sqlstate(err)) == 5);
  /* What the engine says of itself is a bug. */
  CHECK(status != KALAM_STATUS_INTERNAL);
}

static const char *const SQL[] = {
    "CREATE TABLE IF NOT EXISTS t (k BIGINT PRIMARY KEY, v TEXT, d DOUBLE, e EMBEDDING(2))",
    "INSERT INTO t VALUES (1, 'a', 0.5, '[1, 2]'), (2, 'b', NULL, NULL)",
    "INSERT INTO t (k, v) SELECT x, 'x' FROM generate_series(10, 3000) a (x) ON CONFLICT DO NOTHING",
    "SELECT * FROM t",
    "SELECT k, v FROM t WHERE k = 1",
    "SELECT k, v FROM t WHERE k = ? OR v = ?",
    "SELECT d, e FROM t ORDER BY k DESC LIMIT 3",
    "UPDATE t SET v = ? WHERE k = ?",
    "DELETE FROM t WHERE k = ?",
    "DELETE FROM t WHERE k > 100",
    "SELECT 1 / 0",
    "SELECT nothing",
    "SELECT 1; SELECT 2",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "DROP TABLE IF EXISTS t",
    "STORAGE FLUSH ALL",
    "CREATE NAMESPACE IF NOT EXISTS n",
    "",
};
#define SQL_COUNT (sizeof SQL / sizeof SQL[0])

static const char *sql(void) { return SQL[below(SQL_COUNT)]; }

static void let_go_of_stream(uint32_t s) {
  if (streams[s].release != NULL) streams[s].release(&streams[s]);
}

static void with_database(uint32_t s) {
  switch (below(8)) {
    case 0:
    case 1:
      if (databases[s] == NULL) seen(kalam_open(":memory:", KALAM_NTS, NULL, &databases[s], &err));
      break;
    case 2:
      if (below(6) == 0) seen(kalam_close(&databases[s], &err));
      break;
    case 3:
      if (below(20) == 0) seen(kalam_shutdown(DATABASE(s), &err));
      break;
    default: {
      uint32_t to = below(SLOTS);
      if (connections[to] == NULL) {
        seen(kalam_connect(DATABASE(s), "u", 1, KALAM_ROLE_SYSTEM, &connections[to], &err));
      }
    }
  }
}

static void with_connection(uint32_t s) {
  uint32_t to = below(SLOTS);
  int64_t number;
  bool flag;
  switch (below(16)) {
    case 0:
      if (below(8) == 0) seen(kalam_disconnect(&connections[s], &err));
      break;
    case 1:
      seen(kalam_begin(CONNECTION(s), (int32_t)below(5), &err));
      break;
    case 2:
      seen(kalam_commit(CONNECTION(s), &err));
      break;
    case 3:
      seen(kalam_rollback(CONNECTION(s), &err));
      break;
    case 4:
      seen(kalam_in_transaction(CONNECTION(s), &flag, &err));
      break;
    case 5:
      seen(kalam_interrupt(CONNECTION(s), &err));
      break;
    case 6:
      seen(kalam_use(CONNECTION(s), below(2) ? "n" : "default", KALAM_NTS, &err));
      break;
    case 7:
      if (statements[to] == NULL) {
        seen(kalam_prepare(CONNECTION(s), sql(), KALAM_NTS, &statements[to], &err));
      }
      break;
    case 8:
      let_go_of_stream(to);
      seen(kalam_query(CONNECTION(s), sql(), KALAM_NTS, &streams[to], NULL, &err));
      if (err != NULL) streams[to].release = NULL;
      break;
    case 9:
      if (appenders[to] == NULL) {
        static const char *columns[] = {"k", "v"};
        uint32_t mode = below(3);
        seen(kalam_appender_new(CONNECTION(s), "t", 1, columns, 2, (int32_t)mode, &appenders[to], &err));
      }
      break;
    case 10:
      if (streams[to].release != NULL) {
        seen(kalam_ingest(CONNECTION(s), "t", 1, (int32_t)below(3), &streams[to], NULL, &err));
      }
      break;
    case 11:
      seen(kalam_flush(CONNECTION(s), below(2) ? "t" : NULL, KALAM_NTS, &number, &err));
      break;
    case 12:
      seen(kalam_explain(CONNECTION(s), sql(), KALAM_NTS, below(2), &results[to], &err));
      break;
    case 13:
      if (results[to] == NULL) {
        seen(kalam_query_rows(CONNECTION(s), sql(), KALAM_NTS, &results[to], &err));
      }
      break;
    default:
      seen(kalam_query(CONNECTION(s), sql(), KALAM_NTS, NULL, &number, &err));
  }
}

static void with_statement(uint32_t s) {
  uint32_t to = below(SLOTS), index = below(4);
  size_t count;
  struct ArrowSchema schema;
  const float vector[] = {1, 2};
  switch (below(13)) {
    case 0:
      if (below(3) == 0) seen(kalam_stmt_free(&statements[s], &err));
      break;
    case 1:
      seen(kalam_stmt_bind_int64(STATEMENT(s), index, below(3), &err));
      break;
    case 2:
      seen(kalam_stmt_bind_text(STATEMENT(s), index, "a\0b", 3, &err));
      break;
    case 3:
      seen(kalam_stmt_bind_null(STATEMENT(s), index, &err));
      break;
    case 4:
      seen(kalam_stmt_bind_f32_vector(STATEMENT(s), index, vector, 2, &err));
      break;
    case 5:
      seen(kalam_stmt_clear(STATEMENT(s), &err));
      break;
    case 6:
      seen(kalam_stmt_schema(STATEMENT(s), &schema, &err));
      if (err == NULL) schema.release(&schema);
      break;
    case 7:
      seen(kalam_stmt_parameters(STATEMENT(s), &count, &err));
      break;
    case 8:
      if (streams[to].release != NULL) seen(kalam_stmt_bind_stream(STATEMENT(s), &streams[to], &err));
      break;
    case 9:
      let_go_of_stream(to);
      seen(kalam_stmt_execute(STATEMENT(s), &streams[to], NULL, &err));
      if (err != NULL) streams[to].release = NULL;
      break;
    default:
      if (results[to] == NULL) seen(kalam_stmt_execute_rows(STATEMENT(s), &results[to], &err));
  }
}

/* Reads every byte of a text or blob: it must be there. */
static unsigned sum(const void *bytes, size_t length) {
  unsigned total = 0;
  for (size_t i = 0; i < length; i++) total += ((const unsigned char *)bytes)[i];
  return total;
}

static void with_result(uint32_t s) {
  static volatile unsigned sums;
  size_t column = below(5), length = 0;
  const char *text = NULL;
  const uint8_t *bytes = NULL;
  const float *items = NULL;
  int64_t number;
  bool flag;
  switch (below(12)) {
    case 0:
      if (below(3) == 0) seen(kalam_result_free(&results[s], &err));
      break;
    case 1:
      seen(kalam_result_cancel(RESULT(s), &err));
      break;
    case 2:
      seen(kalam_result_columns(RESULT(s), &length, &err));
      break;
    case 3:
      seen(kalam_result_column_name(RESULT(s), column, &text, &err));
      if (err == NULL) sums += sum(text, strlen(text));
      break;
    case 4:
      seen(kalam_result_text(RESULT(s), column, &text, &length, &err));
      if (err == NULL) sums += sum(text, length);
      break;
    case 5:
      seen(kalam_result_blob(RESULT(s), column, &bytes, &length, &err));
      if (err == NULL) sums += sum(bytes, length);
      break;
    case 6:
      seen(kalam_result_f32_vector(RESULT(s), column, &items, &length, &err));
      if (err == NULL) sums += sum(items, length * sizeof *items);
      break;
    case 7:
      seen(kalam_result_int64(RESULT(s), column, &number, &err));
      break;
    case 8:
      seen(kalam_result_is_null(RESULT(s), column, &flag, &err));
      break;
    default:
      seen(kalam_result_next(RESULT(s), &flag, &err));
  }
}

static void with_appender(uint32_t s) {
  switch (below(8)) {
    case 0:
      if (below(3) == 0) seen(kalam_appender_free(&appenders[s], &err));
      break;
    case 1:
      seen(kalam_appender_flush(APPENDER(s), NULL, &err));
      break;
    case 2:
      seen(kalam_appender_end_row(APPENDER(s), &err));
      break;
    case 3:
      seen(kalam_appender_text(APPENDER(s), "x", 1, &err));
      break;
    case 4:
      seen(kalam_appender_null(APPENDER(s), &err));
      break;
    case 5:
      seen(kalam_appender_double(APPENDER(s), 1e300, &err));
      break;
    default:
      seen(kalam_appender_int64(APPENDER(s), below(5000), &err));
  }
}

/* Streams and arrays live as long as whoever holds them likes, whatever becomes of the rest. */
static void with_stream(uint32_t s) {
  uint32_t to = below(SLOTS);
  struct ArrowSchema schema;
  if (streams[s].release == NULL) return;
  switch (below(6)) {
    case 0:
      let_go_of_stream(s);
      break;
    case 1:
      if (streams[s].get_schema(&streams[s], &schema) == 0) schema.release(&schema);
      break;
    case 2:
      seen(kalam_stream_error(&streams[s], &err));
      break;
    default:
      if (arrays[to].release != NULL) arrays[to].release(&arrays[to]);
      if (streams[s].get_next(&streams[s], &arrays[to]) != 0) {
        arrays[to].release = NULL;
        CHECK(streams[s].get_last_error(&streams[s]) != NULL);
      }
  }
}

static bool has_more(void) { return input == NULL || input_left > 0; }

static void sequence(void) {
  void (*const steps[])(uint32_t) = {with_database,  with_connection, with_connection, with_connection,
                                     with_statement, with_statement,  with_result,     with_result,
                                     with_appender,  with_stream};
  for (uint32_t s = 0; s < SLOTS; s++) {
    streams[s].release = NULL;
    arrays[s].release = NULL;
  }
  for (int i = 0; i < 400 && has_more(); i++) {
    steps[below(10)](below(SLOTS));
  }
  /* Freed in an order made at random too: databases first as often as last. */
  for (int i = 0; i < 200 && has_more(); i++) {
    uint32_t s = below(SLOTS);
    switch (below(7)) {
      case 0:
        seen(kalam_close(&databases[s], &err));
        break;
      case 1:
        seen(kalam_disconnect(&connections[s], &err));
        break;
      case 2:
        seen(kalam_stmt_free(&statements[s], &err));
        break;
      case 3:
        seen(kalam_result_free(&results[s], &err));
        break;
      case 4:
        seen(kalam_appender_free(&appenders[s], &err));
        break;
      case 5:
        let_go_of_stream(s);
        break;
      default:
        if (arrays[s].release != NULL) arrays[s].release(&arrays[s]);
    }
  }
  for (uint32_t s = 0; s < SLOTS; s++) {
    OK(kalam_close(&databases[s], &err));
    OK(kalam_disconnect(&connections[s], &err));
    OK(kalam_stmt_free(&statements[s], &err));
    OK(kalam_result_free(&results[s], &err));
    OK(kalam_appender_free(&appenders[s], &err));
    let_go_of_stream(s);
    if (arrays[s].release != NULL) arrays[s].release(&arrays[s]);
  }
}

void sequence_of(const uint8_t *bytes, size_t length) {
  input = length == 0 ? (const uint8_t *)"" : bytes;
  input_left = length;
  memset(copies, 0, sizeof copies);
  sequence();
}

#ifndef FUZZ
static void sequence_of_file(const char *path) {
  static uint8_t bytes[1 << 16];
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  size_t length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  fprintf(stderr, "%s\n", path);
  sequence_of(bytes, length);
}

/* Sequences and a seed, or files. */
int main(int argc, char **argv) {
  if (argc > 1 && strtol(argv[1], NULL, 10) == 0) {
    for (int i = 1; i < argc; i++) sequence_of_file(argv[i]);
    printf("%d files, %ld calls, %ld succeeded\n", argc - 1, calls, succeeded);
    return 0;
  }
  int sequences = argc > 1 ? atoi(argv[1]) : 20;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  for (int i = 0; i < sequences; i++) {
    state = (seed + (uint64_t)i) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    fprintf(stderr, "seed %" PRIu64 "\n", seed + (uint64_t)i);
    sequence();
  }
  printf("%d sequences, %ld calls, %ld succeeded\n", sequences, calls, succeeded);
  CHECK(succeeded * 4 > calls);
  return 0;
}
#endif
