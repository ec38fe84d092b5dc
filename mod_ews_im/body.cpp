// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/body.h"

#include <algorithm>

namespace ews_im {
namespace {

/// What is still to be given. The filters of a request and of those that httpd makes of it share it.
struct Replay {
  std::string bytes;
  bool ended = false;    ///< the end of the body comes right after the bytes
  apr_size_t given = 0;  ///< of the bytes

  [[nodiscard]] std::string_view rest() const { return std::string_view(bytes).substr(given); }
  void clear() {
    std::string().swap(bytes);
    given = 0;
  }
};

constexpr char kReplayKey[] = "ews_im replay";

ap_filter_rec_t* replay_filter = nullptr;

/// Of this request, or of the one that httpd made it of: both have one pool.
Replay* replay_of(const request_rec* r) {
  void* found = nullptr;
  apr_pool_userdata_get(&found, kReplayKey, r->pool);
  return static_cast<Replay*>(found);
}

int read_replay(ap_filter_t* f, apr_bucket_brigade* out, ap_input_mode_t mode, apr_read_type_e block,
                apr_off_t most) {
  auto* replay = static_cast<Replay*>(f->ctx);
  if (mode == AP_MODE_INIT) return ap_get_brigade(f->next, out, mode, block, most);
  // Somebody put the filter there by its name, or another request of those that share what there is to give has read it.
  if (replay == nullptr || (replay->rest().empty() && !replay->ended)) {
    ap_remove_input_filter(f);
    return ap_get_brigade(f->next, out, mode, block, most);
  }
  if (mode != AP_MODE_READBYTES && mode != AP_MODE_SPECULATIVE && mode != AP_MODE_EXHAUSTIVE)
    return APR_ENOTIMPL;
  std::string_view piece = replay->rest();
  if (mode != AP_MODE_EXHAUSTIVE && most >= 0) piece = piece.substr(0, static_cast<apr_size_t>(most));
  apr_bucket_alloc_t* allocator = f->c->bucket_alloc;
  if (!piece.empty())
    APR_BRIGADE_INSERT_TAIL(out, apr_bucket_heap_create(piece.data(), piece.size(), nullptr, allocator));
  const bool is_all = piece.size() == replay->rest().size();
  if (is_all && replay->ended) APR_BRIGADE_INSERT_TAIL(out, apr_bucket_eos_create(allocator));
  if (mode == AP_MODE_SPECULATIVE) return APR_SUCCESS;
  replay->given += piece.size();
  if (!is_all) return APR_SUCCESS;
  // mod_proxy streams only when no filter of this kind is left.
  ap_remove_input_filter(f);
  replay->clear();
  return APR_SUCCESS;
}

apr_status_t give_back(ap_filter_t* f, apr_bucket_brigade* out, ap_input_mode_t mode, apr_read_type_e block,
                       apr_off_t most) noexcept {
  return guarded(f->r->server, APR_EGENERAL, [&] { return read_replay(f, out, mode, block, most); });
}

}  // namespace

int Body::read(apr_size_t most, std::string_view& piece) {
  const apr_size_t before = bytes_.size();
  while (!ended_ && bytes_.size() == before) {
    apr_status_t status = ap_get_brigade(request_->input_filters, brigade_, AP_MODE_READBYTES, APR_BLOCK_READ,
                                         static_cast<apr_off_t>(most));
    for (apr_bucket* b = APR_BRIGADE_FIRST(brigade_);
         status == APR_SUCCESS && b != APR_BRIGADE_SENTINEL(brigade_); b = APR_BUCKET_NEXT(b)) {
      if (APR_BUCKET_IS_EOS(b)) {
        ended_ = true;
        break;
      }
      if (APR_BUCKET_IS_METADATA(b)) continue;
      const char* data = nullptr;
      apr_size_t size = 0;
      status = apr_bucket_read(b, &data, &size, APR_BLOCK_READ);
      if (status == APR_SUCCESS) bytes_.append(data, size);
    }
    apr_brigade_cleanup(brigade_);
    if (status != APR_SUCCESS) return ap_map_http_request_error(status, HTTP_BAD_REQUEST);
  }
  piece = std::string_view(bytes_).substr(before);
  return OK;
}

void Body::hand_back() {
  if (auto* present = replay_of(request_); present != nullptr && !present->rest().empty()) {
    // Its filter is there still, and what was read came out of it.
    present->bytes = std::move(bytes_.append(present->rest()));
    present->given = 0;
    bytes_.clear();
    return;
  }
  auto* replay = new_in_pool<Replay>(request_->pool, std::move(bytes_), ended_);
  bytes_.clear();
  apr_pool_userdata_setn(replay, kReplayKey, nullptr, request_->pool);
  ap_add_input_filter_handle(replay_filter, replay, request_, request_->connection);
}

void follow_redirect(request_rec* r) noexcept {
  if (r->prev == nullptr) return;
  if (auto* replay = replay_of(r)) ap_add_input_filter_handle(replay_filter, replay, r, r->connection);
}

bool has_odd_transfer_coding(const request_rec* r) {
  const char* coding = apr_table_get(r->headers_in, "Transfer-Encoding");
  return coding != nullptr && ap_cstr_casecmp(coding, "chunked") != 0;
}

void register_replay_filter() {
  // One step before other resource filters: what was read has been through them once.
  replay_filter = ap_register_input_filter("EWS_IM_REPLAY", give_back, nullptr,
                                           static_cast<ap_filter_type>(AP_FTYPE_RESOURCE - 1));
}

}  // namespace ews_im
