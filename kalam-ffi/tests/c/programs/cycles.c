/* Opens, queries and closes many times, and says how much memory that left behind. */
#include <unistd.h>

#include "check.h"

/* Pages of the process that are in memory, in bytes. */
static long resident(void) {
  long pages = 0, all = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &all, &pages) == 2);
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static void cycle(void) {
  KalamDatabase *database = NULL;
  KalamConnection *connection = NULL;
  KalamResult *rows = NULL;
  bool more = false;
  struct ArrowArrayStream stream;
  OK(kalam_open(":memory:", KALAM_NTS, NULL, &database, &err));
  OK(kalam_connect(database, "u", 1, KALAM_ROLE_SYSTEM, &connection, &err));
  run(connection, "CREATE TABLE t (id BIGINT PRIMARY KEY, body TEXT)");
  run(connection, "INSERT INTO t VALUES (1, 'x')");
  CHECK(kalam_query(connection, "SELECT nothing", KALAM_NTS, NULL, NULL, &err) != KALAM_STATUS_OK);
  OK(kalam_query_rows(connection, "SELECT id, body FROM t", KALAM_NTS, &rows, &err));
  OK(kalam_query(connection, "SELECT id FROM t", KALAM_NTS, &stream, NULL, &err));
  OK(kalam_result_next(rows, &more, &err));
  CHECK(more);
  OK(kalam_result_free(&rows, &err));
  OK(kalam_disconnect(&connection, &err));
  OK(kalam_close(&database, &err));
  stream.release(&stream);
}

int main(int argc, char **argv) {
  int cycles = argc > 1 ? atoi(argv[1]) : 100;
  int warm = cycles < 1000 ? cycles / 4 + 20 : 1000;
  for (int done = 0; done < warm; done++) {
    cycle();
  }
  long before = resident();
  printf("%d cycles: %ld KiB\n", warm, before / 1024);
  for (int done = warm; done < warm + cycles; done++) {
    cycle();
    if ((done + 1) % 1000 == 0) {
      printf("%d cycles: %ld KiB\n", done + 1, resident() / 1024);
    }
  }
  long grown = resident() - before;
  printf("%d cycles: %+ld KiB since\n", warm + cycles, grown / 1024);
  /* The allocator's own bookkeeping may move by a few MiB in either direction; what a cycle
   * leaves behind grows with their number. */
  CHECK(grown < (8L << 20) + cycles * 256L);
  return 0;
}
