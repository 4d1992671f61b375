/* Refuses external ArrayBuffers under another name, and is an addon that tells how often. */

#include <stddef.h>
#include <stdint.h>

typedef void *napi_env, *napi_value, *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);

int napi_create_uint32(napi_env, uint32_t, napi_value *);
int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);

enum { NO_EXTERNAL_BUFFERS_ALLOWED = 22 };

static uint32_t refusals;

int napi_create_external_arraybuffeX(void) {
  refusals++;
  return NO_EXTERNAL_BUFFERS_ALLOWED;
}

static napi_value count(napi_env env, napi_callback_info info) {
  napi_value result = NULL;
  (void)info;
  napi_create_uint32(env, refusals, &result);
  return result;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function = NULL;
  (void)exports;
  napi_create_function(env, "count", 5, count, NULL, &function);
  return function;
}
