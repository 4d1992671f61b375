/* What the test programs check with. A check that fails ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <kalamdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static KalamError *err = NULL;

static inline void fail(const char *file, int line, const char *what) {
  fprintf(stderr, "%s:%d: %s\n  [%s] %s (argument %s)\n", file, line, what, kalam_error_sqlstate(err),
          kalam_error_message(err), kalam_error_argument(err) ? kalam_error_argument(err) : "-");
  abort();
}

#define CHECK(condition) \
  do { \
    if (!(condition)) fail(__FILE__, __LINE__, #condition); \
  } while (0)
#define OK(call) CHECK((call) == KALAM_STATUS_OK)
/* The call fails with this status, and its error names this argument (NULL: none). */
#define FAILS(call, expected, name) \
  do { \
    KalamStatus status_ = (call); \
    const char *named_ = kalam_error_argument(err), *wanted_ = (name); \
    if (status_ != (expected)) fprintf(stderr, "status %d\n", (int)status_); \
    if (status_ != (expected) || kalam_error_status(err) != status_ || \
        strlen(kalam_error_sqlstate(err)) != 5 || strlen(kalam_error_message(err)) == 0 || \
        (wanted_ == NULL ? named_ != NULL : named_ == NULL || strcmp(named_, wanted_) != 0)) \
      fail(__FILE__, __LINE__, #call " fails with " #expected " of " #name); \
  } while (0)

static inline void run(KalamConnection *connection, const char *sql) {
  OK(kalam_query(connection, sql, KALAM_NTS, NULL, NULL, &err));
}

#endif
