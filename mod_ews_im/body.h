// SPDX-License-Identifier: Apache-2.0
// The body of a request: read piece by piece with the raw bytes kept, so that it can still be handed on to
// whatever serves the URL otherwise, as if nobody had touched it. Knows nothing of what is in it.
#pragma once

#include <string>
#include <string_view>

#include "mod_ews_im/apache.h"

namespace ews_im {

/// How much is read at most before it is known whose a request is. mod_proxy streams the rest of a body only
/// if what was read comes back to it in one piece, 80 bytes and more below 16,384.
inline constexpr apr_size_t kPrefixLimit = 16000;

class Body {
 public:
  explicit Body(request_rec* r)
      : request_(r), brigade_(apr_brigade_create(r->pool, r->connection->bucket_alloc)) {}

  /// Reads up to `most` more bytes, waiting for the first of them. Returns OK with `piece` valid until the
  /// next call, or the status that the handler must return: the body cannot be had, and nothing may be passed
  /// on any more.
  [[nodiscard]] int read(apr_size_t most, std::string_view& piece);
  /// True once everything has been read.
  [[nodiscard]] bool ended() const { return ended_; }
  /// How many bytes were read.
  [[nodiscard]] apr_size_t size() const { return bytes_.size(); }
  /// What was read. Valid until the next call.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  /// Gives all that was read back to the request, in front of what is still to come. This object is empty
  /// then.
  void hand_back();

 private:
  request_rec* request_;
  apr_bucket_brigade* brigade_;
  std::string bytes_;
  bool ended_ = false;
};

/// True if the body comes in a transfer coding other than plain chunked.
[[nodiscard]] bool has_odd_transfer_coding(const request_rec* r);

/// For register_hooks.
void register_replay_filter();

/// insert_filter: a request that httpd makes of another (Action) loses the filters of that one; what was handed
/// back to it and not yet read comes along here.
void follow_redirect(request_rec* r) noexcept;

}  // namespace ews_im
