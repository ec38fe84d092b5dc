// SPDX-License-Identifier: Apache-2.0
// The module record and the hooks; nothing else.
#include "mod_ews_im/apache.h"
#include "mod_ews_im/body.h"
#include "mod_ews_im/claim.h"
#include "mod_ews_im/config.h"
#include "mod_ews_im/handler.h"
#include "mod_ews_im/note.h"
#include "mod_ews_im/stores.h"

namespace {

void register_hooks(apr_pool_t* pool) {
  // mod_proxy's handler comes first, too; its other hooks do not matter to ours.
  static const char* const kBeforeProxy[] = {"mod_proxy.c", nullptr};
  ap_register_provider(pool, ews_im::kStoreProviderGroup, "lmdb", ews_im::kStoreProviderVersion,
                       &ews_im::kLmdbStoreProvider);
  ews_im::register_replay_filter();
  ap_hook_check_config(ews_im::check_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_post_config(ews_im::announce_stores, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_init(ews_im::open_stores, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_init(ews_im::prepare_parsers, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_status(ews_im::watch_children, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_translate_name(ews_im::note_claim_early, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_map_to_storage(ews_im::skip_directories, nullptr, nullptr, APR_HOOK_FIRST);
  ap_hook_fixups(ews_im::note_claim, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_insert_filter(ews_im::follow_redirect, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_log_transaction(ews_im::publish_notes, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_handler(ews_im::handle_request, nullptr, kBeforeProxy, APR_HOOK_FIRST);
}

}  // namespace

struct module_struct ews_im_module = {
    STANDARD20_MODULE_STUFF,
    ews_im::create_location_config,
    ews_im::merge_location_config,
    ews_im::create_server_config,
    ews_im::merge_server_config,
    ews_im::kDirectives,
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
