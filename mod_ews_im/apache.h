// SPDX-License-Identifier: Apache-2.0
// The only header that includes httpd's and APR's, with what C++ needs around them. Knows nothing of this
// module but its name. Every file that logs includes it, so that `LogLevel ews_im:...` applies.
#pragma once

#include <ap_expr.h>
#include <ap_mmn.h>
#include <ap_mpm.h>
#include <ap_provider.h>
#include <apr_buckets.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <http_protocol.h>
#include <http_request.h>
#include <httpd.h>
#include <unixd.h>
#include <util_filter.h>

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if !AP_MODULE_MAGIC_AT_LEAST(20120211, 121)
#error "mod_ews_im needs the headers of httpd 2.4.51 or later"
#endif

// As APLOG_USE_MODULE(ews_im), but the record is named without httpd's typedef `module`, a keyword to clang
// in C++20.
extern "C" __attribute__((visibility("default"))) struct module_struct ews_im_module;
[[maybe_unused]] static int* const aplog_module_index = &ews_im_module.module_index;

/// Every message begins with a number of its own, never used again: EWSIM(0001) "text %s".
#define EWSIM(number) "EWSIM" #number ": "

namespace ews_im {

template <class T>
apr_status_t destroy_in_pool(void* object) noexcept {
  static_cast<T*>(object)->~T();
  return APR_SUCCESS;
}

/// A C++ object in a pool; it is destroyed with the pool.
template <class T, class... Arguments>
[[nodiscard]] T* new_in_pool(apr_pool_t* pool, Arguments&&... arguments) {
  T* object = new (apr_palloc(pool, sizeof(T))) T{std::forward<Arguments>(arguments)...};
  if constexpr (!std::is_trivially_destructible_v<T>)
    apr_pool_cleanup_register(pool, object, destroy_in_pool<T>, apr_pool_cleanup_null);
  return object;
}

/// Runs a hook's work; an exception of a library (memory, above all) ends there and becomes `otherwise`.
template <class Work, class Value>
[[nodiscard]] Value guarded(const server_rec* server, Value otherwise, const Work& work) noexcept {
  try {
    return work();
  } catch (const std::exception& exception) {
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, server, EWSIM(0001) "unexpected failure: %s", exception.what());
  } catch (...) {
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, server, EWSIM(0002) "unexpected failure of an unknown kind");
  }
  return otherwise;
}

}  // namespace ews_im
