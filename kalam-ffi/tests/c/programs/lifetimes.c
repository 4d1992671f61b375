/* Short: results outlive everything, shut databases refuse, NULL is fine where it may be. */
#include "check.h"

int main(void) {
  KalamDatabase *database = NULL;
  KalamConnection *connection = NULL;
  KalamResult *rows = NULL, *late = NULL;
  struct ArrowArrayStream stream, failing;
  struct ArrowArray batch, kept;
  struct ArrowSchema schema;
  bool more = false;
  const char *text = NULL;
  size_t length = 0;
  const uint8_t *blob = NULL;
  const float *items = NULL;

  CHECK(kalam_abi_version() == KALAM_ABI_VERSION);
  CHECK(strlen(kalam_library_version()) >= 5);
  CHECK(kalam_error_status(NULL) == KALAM_STATUS_OK && strcmp(kalam_error_message(NULL), "") == 0);
  CHECK(kalam_error_hint(NULL) == NULL && kalam_error_line(NULL) == 0);
  OK(kalam_close(NULL, NULL));
  OK(kalam_error_free(NULL));
  CHECK(kalam_query(NULL, NULL, 0, NULL, NULL, NULL) == KALAM_STATUS_INVALID_HANDLE);

  OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
  OK(kalam_connect(database, NULL, 0, 0, &connection, &err));
  run(connection, "CREATE TABLE t (id BIGINT PRIMARY KEY, x BYTES, v EMBEDDING(2), at TIMESTAMP, u UUID, d DECIMAL(9, 2))");
  run(connection, "INSERT INTO t VALUES (1, X'00ff', '[1, 2.5]', '2024-05-06 07:08:09.5', "
                  "'00112233-4455-6677-8899-aabbccddeeff', 12.50), (2, NULL, NULL, NULL, NULL, NULL)");
  OK(kalam_query_rows(connection, "SELECT * FROM t ORDER BY id", KALAM_NTS, &rows, &err));
  OK(kalam_query(connection, "SELECT * FROM t ORDER BY id", KALAM_NTS, &stream, NULL, &err));
  OK(kalam_query(connection, "SELECT 1 / (id - 1) FROM t", KALAM_NTS, &failing, NULL, &err));
  OK(kalam_shutdown(database, &err));
  FAILS(kalam_query_rows(connection, "SELECT 1", KALAM_NTS, &late, &err), KALAM_STATUS_CLOSED, NULL);
  OK(kalam_disconnect(&connection, &err));
  OK(kalam_close(&database, &err));

  OK(kalam_result_next(rows, &more, &err));
  CHECK(more);
  OK(kalam_result_blob(rows, 1, &blob, &length, &err));
  CHECK(length == 2 && blob[0] == 0 && blob[1] == 0xff);
  OK(kalam_result_f32_vector(rows, 2, &items, &length, &err));
  CHECK(length == 2 && items[0] == 1.0F && items[1] == 2.5F);
  OK(kalam_result_text(rows, 3, &text, &length, &err));
  CHECK(strncmp(text, "2024-05-06 07:08:09.5", 21) == 0);
  OK(kalam_result_text(rows, 4, &text, &length, &err));
  CHECK(strcmp(text, "00112233-4455-6677-8899-aabbccddeeff") == 0 && length == 36);
  double real = 0;
  OK(kalam_result_double(rows, 5, &real, &err));
  CHECK(real == 12.5);
  OK(kalam_result_column_name(rows, 3, &text, &err));
  CHECK(strcmp(text, "at") == 0);
  OK(kalam_result_column_type(rows, 2, &text, &err));
  CHECK(strcmp(text, "EMBEDDING(2)") == 0);
  OK(kalam_result_next(rows, &more, &err));
  for (size_t column = 1; column < 6; column++) {
    bool null = false;
    OK(kalam_result_is_null(rows, column, &null, &err));
    OK(kalam_result_text(rows, column, &text, &length, &err));
    CHECK(null && text == NULL && length == 0);
  }
  OK(kalam_result_free(&rows, &err));

  CHECK(stream.get_schema(&stream, &schema) == 0 && schema.n_children == 6);
  schema.release(&schema);
  CHECK(stream.get_next(&stream, &kept) == 0 && kept.length == 2);
  CHECK(stream.get_next(&stream, &batch) == 0 && batch.release == NULL);
  stream.release(&stream);
  CHECK(((const int64_t *)kept.children[0]->buffers[1])[1] == 2);
  kept.release(&kept);

  CHECK(failing.get_next(&failing, &batch) != 0);
  CHECK(strncmp(failing.get_last_error(&failing), "[22012] ", 8) == 0);
  FAILS(kalam_stream_error(&failing, &err), KALAM_STATUS_INVALID_DATA, NULL);
  CHECK(strcmp(kalam_error_sqlstate(err), "22012") == 0);
  failing.release(&failing);
  OK(kalam_error_free(&err));
  return 0;
}
