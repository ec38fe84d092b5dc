// SPDX-License-Identifier: Apache-2.0
// The directives as values: one record per server, one per location. Knows how they are read, inherited and
// checked; never what a request does with them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "mod_ews_im/apache.h"
#include "mod_ews_im/ews/service.h"
#include "mod_ews_im/stores.h"

namespace ews_im {

/// EWSIm, per location.
enum class Mode : std::uint8_t {
  Unset,
  Off,
  On,     ///< something else serves the URL too: what is not ours goes on to it
  Alone,  ///< the URL is ours
};

struct LocationConfig {
  Mode mode = Mode::Unset;
};

/// Everything else, per server. Nothing set is nullopt or nullptr; the functions below give what then holds.
struct ServerConfig {
  StoreSpec* store = nullptr;  ///< EWSImStore; shared by all servers that mean the same store
  std::optional<ews::ServerVersion> version;
  std::optional<apr_size_t> body_limit;     ///< bytes
  ap_expr_info_t* mailbox = nullptr;        ///< gives a name
  ap_expr_info_t* impersonation = nullptr;  ///< gives a truth
  std::optional<bool> auto_create;
  std::optional<bool> wsdl;
  const char* wsdl_path = nullptr;  ///< absolute
  std::optional<std::chrono::microseconds> write_timeout;
};

inline constexpr apr_size_t kDefaultBodyLimit = 1000000;
inline constexpr apr_size_t kSmallestBodyLimit = 1024;
inline constexpr apr_size_t kLargestBodyLimit = apr_size_t{256} << 20;
inline constexpr std::chrono::microseconds kDefaultWriteTimeout = std::chrono::seconds(10);

/// Where `EWSIm On` or `EWSIm Alone` stands, for the check that there is a store.
struct SwitchPlace {
  const server_rec* server;
  const char* file;
  int line;
};

[[nodiscard]] const LocationConfig& location_config(const request_rec* r);
[[nodiscard]] ServerConfig& server_config(const server_rec* s);

void* create_location_config(apr_pool_t* pool, char* where);
void* merge_location_config(apr_pool_t* pool, void* outer, void* inner);
void* create_server_config(apr_pool_t* pool, server_rec* s);
void* merge_server_config(apr_pool_t* pool, void* outer, void* inner);
extern const command_rec kDirectives[];

/// "64K", "1M", "2G", "1T" or bytes; nullopt if it is none of these.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// The hook: what only all directives together can tell. Complains to the log with file and line.
int check_config(apr_pool_t* pconf, apr_pool_t* plog, apr_pool_t* ptemp, server_rec* first);
/// Appends to what check_config() looks at.
void note_switch(const cmd_parms* cmd);

}  // namespace ews_im
