/* Tells where the memory of an ArrayBuffer lies. Declares the little of Node-API that it needs,
   so that it builds without Node's headers. */

#include <stddef.h>
#include <stdint.h>

typedef void *napi_env, *napi_value, *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);

int napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
int napi_get_arraybuffer_info(napi_env, napi_value, void **, size_t *);
int napi_create_bigint_uint64(napi_env, uint64_t, napi_value *);
int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);

static napi_value address(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value buffer = NULL, result = NULL;
  void *start = NULL;
  napi_get_cb_info(env, info, &count, &buffer, NULL, NULL);
  napi_get_arraybuffer_info(env, buffer, &start, &length);
  napi_create_bigint_uint64(env, (uint64_t)(uintptr_t)start, &result);
  return result;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function = NULL;
  (void)exports;
  napi_create_function(env, "address", 7, address, NULL, &function);
  return function;
}
