/* Arguments that are wrong: each a status, and an error that names the argument. */
#include "check.h"

static KalamDatabase *database;
static KalamConnection *connection;

static const char invalid[] = {'S', 'E', (char)0xff, 'X', 0};
#define HUGE_LENGTH ((size_t)1 << 31)

static void texts(const char *file) {
  KalamDatabase *other = NULL;
  KalamConnection *user = NULL;
  KalamOptions *options = NULL;
  FAILS(kalam_open(NULL, KALAM_NTS, NULL, &other, &err), KALAM_STATUS_INVALID_ARGUMENT, "path");
  FAILS(kalam_open("", 0, NULL, &other, &err), KALAM_STATUS_INVALID_ARGUMENT, "path");
  FAILS(kalam_open(invalid, 4, NULL, &other, &err), KALAM_STATUS_INVALID_DATA, "path");
  FAILS(kalam_open("a\0b", 3, NULL, &other, &err), KALAM_STATUS_INVALID_ARGUMENT, "path");
  FAILS(kalam_open("x", HUGE_LENGTH, NULL, &other, &err), KALAM_STATUS_LIMIT_EXCEEDED, "path");
  FAILS(kalam_open(":memory:", KALAM_NTS, NULL, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "out_database");
  KalamStatus status = kalam_open(file, KALAM_NTS, NULL, &other, &err);
  CHECK(status != KALAM_STATUS_OK && other == NULL && strstr(kalam_error_message(err), file) != NULL);

  OK(kalam_options_new(&options, &err));
  FAILS(kalam_options_set(options, NULL, 3, "1", 1, &err), KALAM_STATUS_INVALID_ARGUMENT, "key");
  FAILS(kalam_options_set(options, "threads", KALAM_NTS, NULL, 1, &err), KALAM_STATUS_INVALID_ARGUMENT, "value");
  FAILS(kalam_options_set(options, "nothing", KALAM_NTS, "1", 1, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);
  FAILS(kalam_options_set(options, "threads", KALAM_NTS, invalid, 4, &err), KALAM_STATUS_INVALID_DATA, "value");
  OK(kalam_options_free(&options, &err));
  FAILS(kalam_options_new(NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "out_options");

  FAILS(kalam_connect(database, "", 0, KALAM_ROLE_USER, &user, &err), KALAM_STATUS_INVALID_ARGUMENT, "user");
  FAILS(kalam_connect(database, "a", 1, 99, &user, &err), KALAM_STATUS_INVALID_ARGUMENT, "role");
  FAILS(kalam_connect(database, "a", 1, -1, &user, &err), KALAM_STATUS_INVALID_ARGUMENT, "role");
  FAILS(kalam_connect(database, invalid, 4, 0, &user, &err), KALAM_STATUS_INVALID_DATA, "user");
  FAILS(kalam_connect(database, "a", 1, 0, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "out_connection");
  FAILS(kalam_login(database, NULL, 0, "x", 1, &user, &err), KALAM_STATUS_INVALID_ARGUMENT, "user");
  FAILS(kalam_login(database, "a", 1, NULL, 0, &user, &err), KALAM_STATUS_INVALID_ARGUMENT, "password");
  FAILS(kalam_login(database, "a", 1, "x", 1, &user, &err), KALAM_STATUS_UNAUTHENTICATED, NULL);
  FAILS(kalam_as_user(connection, "a", HUGE_LENGTH, &user, &err), KALAM_STATUS_LIMIT_EXCEEDED, "user");
  FAILS(kalam_use(connection, "no_such", KALAM_NTS, &err), KALAM_STATUS_NOT_FOUND, NULL);
  FAILS(kalam_begin(connection, 7, &err), KALAM_STATUS_INVALID_ARGUMENT, "isolation");
  FAILS(kalam_commit(connection, &err), KALAM_STATUS_INVALID_STATE, NULL);
}

static void statements(void) {
  struct ArrowArrayStream stream;
  KalamStatement *statement = NULL;
  KalamResult *rows = NULL;
  bool row;
  int64_t number;
  const char *text;
  size_t length;
  FAILS(kalam_query(connection, NULL, KALAM_NTS, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "sql");
  CHECK(stream.release == NULL);
  FAILS(kalam_query(connection, NULL, 0, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "sql");
  FAILS(kalam_query(connection, invalid, 4, &stream, NULL, &err), KALAM_STATUS_INVALID_DATA, "sql");
  FAILS(kalam_query(connection, "SELECT 1", HUGE_LENGTH, &stream, NULL, &err), KALAM_STATUS_LIMIT_EXCEEDED, "sql");
  FAILS(kalam_query(connection, "SELECT \0", 8, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);
  FAILS(kalam_query(connection, "SELECT\n  nothing", KALAM_NTS, &stream, NULL, &err), KALAM_STATUS_NOT_FOUND, NULL);
  CHECK(kalam_error_line(err) == 2 && kalam_error_column(err) == 3);
  FAILS(kalam_query(connection, "", 0, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);
  FAILS(kalam_query_rows(connection, "SELECT 1", KALAM_NTS, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "out_result");
  FAILS(kalam_prepare(connection, "SELECT 1", KALAM_NTS, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "out_statement");
  FAILS(kalam_prepare(connection, "SELECT 1; SELECT 2", KALAM_NTS, &statement, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);

  OK(kalam_prepare(connection, "SELECT ? + 1, ?", KALAM_NTS, &statement, &err));
  FAILS(kalam_stmt_execute_rows(statement, &rows, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);
  FAILS(kalam_stmt_bind_int64(statement, 0, 1, &err), KALAM_STATUS_INVALID_ARGUMENT, "index");
  FAILS(kalam_stmt_bind_int64(statement, 3, 1, &err), KALAM_STATUS_INVALID_ARGUMENT, "index");
  FAILS(kalam_stmt_bind_text(statement, 2, NULL, KALAM_NTS, &err), KALAM_STATUS_INVALID_ARGUMENT, "value");
  FAILS(kalam_stmt_bind_text(statement, 2, NULL, 1, &err), KALAM_STATUS_INVALID_ARGUMENT, "value");
  FAILS(kalam_stmt_bind_text(statement, 2, invalid, 4, &err), KALAM_STATUS_INVALID_DATA, "value");
  FAILS(kalam_stmt_bind_text(statement, 2, "x", HUGE_LENGTH, &err), KALAM_STATUS_LIMIT_EXCEEDED, "value");
  FAILS(kalam_stmt_bind_blob(statement, 2, NULL, 2, &err), KALAM_STATUS_INVALID_ARGUMENT, "value");
  FAILS(kalam_stmt_bind_f32_vector(statement, 2, NULL, 2, &err), KALAM_STATUS_INVALID_ARGUMENT, "value");
  FAILS(kalam_stmt_bind_f32_vector(statement, 2, NULL, 0, &err), KALAM_STATUS_INVALID_ARGUMENT, "value");
  FAILS(kalam_stmt_bind_f32_vector(statement, 2, NULL, HUGE_LENGTH, &err), KALAM_STATUS_INVALID_ARGUMENT, "value");
  FAILS(kalam_stmt_parameter_index(statement, "x", 1, &(uint32_t){0}, &err), KALAM_STATUS_NOT_FOUND, "parameter");
  OK(kalam_stmt_bind_int64(statement, 1, 41, &err));
  OK(kalam_stmt_bind_text(statement, 2, "a\0b", 3, &err));
  OK(kalam_stmt_execute_rows(statement, &rows, &err));
  FAILS(kalam_result_int64(rows, 0, &number, &err), KALAM_STATUS_INVALID_ARGUMENT, "result");
  FAILS(kalam_result_next(rows, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "out_row");
  OK(kalam_result_next(rows, &row, &err));
  CHECK(row);
  FAILS(kalam_result_int64(rows, 0, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "out_value");
  FAILS(kalam_result_int64(rows, 2, &number, &err), KALAM_STATUS_INVALID_ARGUMENT, "column");
  FAILS(kalam_result_int64(rows, (size_t)-1, &number, &err), KALAM_STATUS_INVALID_ARGUMENT, "column");
  FAILS(kalam_result_int64(rows, 1, &number, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);
  OK(kalam_result_int64(rows, 0, &number, &err));
  OK(kalam_result_text(rows, 1, &text, &length, &err));
  CHECK(number == 42 && length == 3 && memcmp(text, "a\0b", 4) == 0);
  OK(kalam_result_text(rows, 0, &text, NULL, &err));
  CHECK(strcmp(text, "42") == 0);
  FAILS(kalam_result_column_name(rows, 2, &text, &err), KALAM_STATUS_INVALID_ARGUMENT, "column");
  OK(kalam_result_next(rows, &row, &err));
  CHECK(!row);
  OK(kalam_result_free(&rows, &err));
  OK(kalam_stmt_free(&statement, &err));
}

static void rows(void) {
  const char *columns[] = {"id", "body"}, *none[] = {NULL};
  KalamAppender *appender = NULL;
  FAILS(kalam_appender_new(connection, "t", 1, NULL, 2, 0, &appender, &err), KALAM_STATUS_INVALID_ARGUMENT, "columns");
  FAILS(kalam_appender_new(connection, "t", 1, none, 1, 0, &appender, &err), KALAM_STATUS_INVALID_ARGUMENT, "columns");
  FAILS(kalam_appender_new(connection, "t", 1, columns, 0, 0, &appender, &err), KALAM_STATUS_INVALID_ARGUMENT, "column_count");
  FAILS(kalam_appender_new(connection, "t", 1, columns, HUGE_LENGTH, 0, &appender, &err), KALAM_STATUS_INVALID_ARGUMENT, "column_count");
  FAILS(kalam_appender_new(connection, "t", 1, columns, 2, 5, &appender, &err), KALAM_STATUS_INVALID_ARGUMENT, "mode");
  FAILS(kalam_appender_new(connection, NULL, 1, columns, 2, 0, &appender, &err), KALAM_STATUS_INVALID_ARGUMENT, "table");
  OK(kalam_appender_new(connection, "t", 1, columns, 2, 0, &appender, &err));
  FAILS(kalam_appender_end_row(appender, &err), KALAM_STATUS_INVALID_STATE, "appender");
  OK(kalam_appender_int64(appender, 1, &err));
  FAILS(kalam_appender_flush(appender, NULL, &err), KALAM_STATUS_INVALID_STATE, "appender");
  FAILS(kalam_appender_text(appender, invalid, 4, &err), KALAM_STATUS_INVALID_DATA, "value");
  OK(kalam_appender_text(appender, "one", KALAM_NTS, &err));
  FAILS(kalam_appender_null(appender, &err), KALAM_STATUS_INVALID_STATE, "appender");
  OK(kalam_appender_end_row(appender, &err));
  FAILS(kalam_appender_double(appender, 1.5, &err), KALAM_STATUS_INVALID_ARGUMENT, NULL);
  OK(kalam_appender_flush(appender, NULL, &err));
  OK(kalam_appender_int64(appender, 1, &err));
  OK(kalam_appender_null(appender, &err));
  OK(kalam_appender_end_row(appender, &err));
  FAILS(kalam_appender_flush(appender, NULL, &err), KALAM_STATUS_INTEGRITY, NULL);
  OK(kalam_appender_free(&appender, &err));
}

/* A stream of one batch, which each test spoils in another way. */
static struct ArrowArray columns[2], *children[2] = {&columns[0], &columns[1]}, batch;
static struct ArrowSchema fields[2], *types[2] = {&fields[0], &fields[1]}, type;
static int64_t ids[2];
static int32_t offsets[3];
static char data[8];
static const void *id_buffers[2], *body_buffers[3], *row_buffers[1];
static int sent, releases;

static void release_array(struct ArrowArray *array) { array->release = NULL; releases++; }
static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_stream(struct ArrowArrayStream *stream) { stream->release = NULL; releases++; }
static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  (void)stream;
  *out = type;
  return 0;
}
static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  (void)stream;
  memset(out, 0, sizeof *out);
  if (!sent++) *out = batch;
  return 0;
}
static int fails_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  (void)stream, (void)out;
  return 5;
}
static const char *last_error(struct ArrowArrayStream *stream) {
  (void)stream;
  return "the producer gave up";
}

static int fails_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  (void)stream, (void)out;
  return 22;
}

static struct ArrowArrayStream fresh(void) {
  children[0] = &columns[0], children[1] = &columns[1];
  types[0] = &fields[0], types[1] = &fields[1];
  ids[0] = 100, ids[1] = 101;
  offsets[0] = 0, offsets[1] = 1, offsets[2] = 2;
  memcpy(data, "ab", 2);
  id_buffers[0] = NULL, id_buffers[1] = ids;
  body_buffers[0] = NULL, body_buffers[1] = offsets, body_buffers[2] = data;
  row_buffers[0] = NULL;
  columns[0] = (struct ArrowArray){.length = 2, .n_buffers = 2, .buffers = id_buffers, .release = release_array};
  columns[1] = (struct ArrowArray){.length = 2, .n_buffers = 3, .buffers = body_buffers, .release = release_array};
  batch = (struct ArrowArray){.length = 2, .n_buffers = 1, .n_children = 2, .buffers = row_buffers,
                              .children = children, .release = release_array};
  fields[0] = (struct ArrowSchema){.format = "l", .name = "id", .flags = 2, .release = release_schema};
  fields[1] = (struct ArrowSchema){.format = "u", .name = "body", .flags = 2, .release = release_schema};
  type = (struct ArrowSchema){.format = "+s", .name = "", .n_children = 2, .children = types, .release = release_schema};
  sent = releases = 0;
  return (struct ArrowArrayStream){.get_schema = get_schema, .get_next = get_next,
                                   .get_last_error = last_error, .release = release_stream};
}

static int64_t count(void) {
  KalamResult *result = NULL;
  bool row;
  int64_t number = -1;
  OK(kalam_query_rows(connection, "SELECT COUNT(*) FROM t", KALAM_NTS, &result, &err));
  OK(kalam_result_next(result, &row, &err));
  OK(kalam_result_int64(result, 0, &number, &err));
  OK(kalam_result_free(&result, &err));
  return number;
}

/* Spoils the batch and ingests it: an error, everything released, no row written. */
#define REFUSED(spoil) \
  do { \
    struct ArrowArrayStream stream_ = fresh(); \
    int64_t before_ = count(); \
    spoil; \
    KalamStatus status_ = kalam_ingest(connection, "t", 1, KALAM_APPEND, &stream_, NULL, &err); \
    if (status_ == KALAM_STATUS_OK || status_ == KALAM_STATUS_INTERNAL || \
        strlen(kalam_error_message(err)) == 0 || stream_.release != NULL || releases != 1 + (sent > 0) || \
        count() != before_) { \
      fprintf(stderr, "status %d releases %d\n", (int)status_, releases); \
      fail(__FILE__, __LINE__, #spoil); \
    } \
  } while (0)

static void arrow(void) {
  struct ArrowArrayStream stream = fresh(), released = {0};
  int64_t done = 0;
  KalamStatement *statement = NULL;
  FAILS(kalam_ingest(connection, "t", 1, 0, NULL, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");
  FAILS(kalam_ingest(connection, "t", 1, 0, &released, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");
  FAILS(kalam_stream_error(&released, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");
  FAILS(kalam_stream_error(&stream, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");
  FAILS(kalam_stream_error(NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");
  FAILS(kalam_ingest(connection, "t", 1, 9, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "mode");
  CHECK(stream.release == NULL && releases == 1);
  stream = fresh();
  OK(kalam_ingest(connection, "t", 1, KALAM_APPEND, &stream, &done, &err));
  CHECK(done == 2 && stream.release == NULL && releases == 2);

  REFUSED(batch.length = -1);
  REFUSED(batch.length = INT64_MAX);
  REFUSED(batch.offset = -5);
  REFUSED(batch.offset = INT64_MAX);
  REFUSED(batch.length = 3);
  REFUSED(batch.n_children = 1);
  REFUSED(batch.n_children = 3);
  REFUSED(batch.children = NULL);
  REFUSED(batch.n_buffers = 0);
  REFUSED(batch.n_buffers = -1);
  REFUSED(batch.buffers = NULL);
  REFUSED(batch.null_count = 3);
  REFUSED(batch.dictionary = &columns[0]);
  REFUSED(columns[0].n_buffers = 3);
  REFUSED(columns[1].n_buffers = 2);
  REFUSED(columns[0].length = 1);
  REFUSED(columns[0].null_count = 1);
  REFUSED(columns[0].n_children = 1);
  REFUSED(id_buffers[1] = NULL);
  REFUSED(body_buffers[1] = NULL);
  REFUSED(body_buffers[2] = NULL);
  REFUSED(offsets[1] = 5);
  REFUSED(offsets[2] = -1);
  REFUSED(offsets[0] = -1);
  REFUSED(data[0] = (char)0xff);
  REFUSED(ids[1] = 100);
  REFUSED(fields[1].name = "no_such");
  REFUSED(fields[0].format = "u");
  REFUSED(fields[1].format = "+l");
  REFUSED(stream_.get_next = fails_next);
  REFUSED(fields[0].format = "\xff");
  REFUSED(fields[0].name = "\xff");
  REFUSED(fields[0].n_children = -1);
  REFUSED(fields[0].n_children = 1);
  REFUSED(type.children = NULL);
  REFUSED(types[0] = NULL);
  REFUSED(fields[0].dictionary = &fields[1]);
  REFUSED(type.n_children = 1);
  REFUSED(stream_.get_schema = fails_schema);
  REFUSED(children[0] = NULL);

  /* Buffers that begin anywhere are copied. */
  static char bytes[4 * sizeof(int64_t)];
  stream = fresh();
  ids[0] = 110, ids[1] = 111;
  memcpy(bytes + 1, ids, sizeof ids);
  id_buffers[1] = bytes + 1;
  OK(kalam_ingest(connection, "t", 1, KALAM_APPEND, &stream, &done, &err));
  CHECK(done == 2);

  stream = fresh();
  type.format = "l", type.n_children = 0;
  FAILS(kalam_ingest(connection, "t", 1, 0, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");
  stream = fresh();
  type.format = NULL;
  FAILS(kalam_ingest(connection, "t", 1, 0, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");
  stream = fresh();
  fields[0].format = "nonsense";
  FAILS(kalam_ingest(connection, "t", 1, 0, &stream, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "stream");

  OK(kalam_prepare(connection, "INSERT INTO t VALUES (?, ?)", KALAM_NTS, &statement, &err));
  fresh();
  FAILS(kalam_stmt_bind_arrow(statement, NULL, &type, &err), KALAM_STATUS_INVALID_ARGUMENT, "array");
  FAILS(kalam_stmt_bind_arrow(statement, &batch, NULL, &err), KALAM_STATUS_INVALID_ARGUMENT, "schema");
  columns[1].length = 1;
  FAILS(kalam_stmt_bind_arrow(statement, &batch, &type, &err), KALAM_STATUS_INVALID_ARGUMENT, "array");
  CHECK(batch.release == NULL && type.release == NULL);
  FAILS(kalam_stmt_bind_arrow(statement, &batch, &type, &err), KALAM_STATUS_INVALID_ARGUMENT, "schema");
  fresh();
  ids[0] = 200, ids[1] = 201;
  OK(kalam_stmt_bind_arrow(statement, &batch, &type, &err));
  OK(kalam_stmt_execute(statement, NULL, &done, &err));
  CHECK(done == 2);
  stream = fresh();
  ids[0] = 300, ids[1] = 301;
  OK(kalam_stmt_bind_stream(statement, &stream, &err));
  OK(kalam_stmt_execute(statement, NULL, &done, &err));
  CHECK(done == 2 && stream.release == NULL);
  OK(kalam_stmt_free(&statement, &err));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
  OK(kalam_connect(database, NULL, 0, KALAM_ROLE_DEFAULT, &connection, &err));
  run(connection, "CREATE TABLE t (id BIGINT PRIMARY KEY, body TEXT)");
  texts(argv[1]);
  statements();
  rows();
  arrow();
  OK(kalam_disconnect(&connection, &err));
  OK(kalam_close(&database, &err));
  OK(kalam_error_free(&err));
  return 0;
}
