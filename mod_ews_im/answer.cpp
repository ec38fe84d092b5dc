// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/answer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <tuple>

#include "mod_ews_im/ews/stock.h"
#include "mod_ews_im/note.h"

namespace ews_im {
namespace {

constexpr std::size_t kLongestRequestId = 128;
// Smaller ones cost more turns with the client, larger ones memory.
constexpr std::size_t kSpare = std::size_t{16} * 1024;  // so that a short body need not be cut
constexpr std::size_t kPieceSize = std::size_t{256} * 1024;

/// Passes the pieces of a body on, the end of it together with the last one.
class Sender {
 public:
  Sender(request_rec* r, std::uint64_t length)
      : request_(r), left_(length), brigade_(apr_brigade_create(r->pool, r->connection->bucket_alloc)) {}

  bool operator()(std::string_view piece) {
    if (status_ != APR_SUCCESS || request_->connection->aborted) return false;
    apr_bucket_alloc_t* allocator = request_->connection->bucket_alloc;
    // The piece is valid during this call alone, which is what "transient" says: filters copy what they keep.
    APR_BRIGADE_INSERT_TAIL(brigade_, apr_bucket_transient_create(piece.data(), piece.size(), allocator));
    left_ -= std::min<std::uint64_t>(left_, piece.size());
    if (left_ == 0) APR_BRIGADE_INSERT_TAIL(brigade_, apr_bucket_eos_create(allocator));
    pass();
    return status_ == APR_SUCCESS && !request_->connection->aborted;
  }

  int finish() {
    const bool aborted = request_->connection->aborted != 0;
    if (status_ == APR_SUCCESS && left_ > 0 && !aborted) break_off();
    if (status_ == APR_SUCCESS || aborted) return OK;
    if (status_ != AP_FILTER_ERROR && request_->sent_bodyct == 0) return HTTP_INTERNAL_SERVER_ERROR;
    return broken_off(request_);
  }

  /// Whether some of the body has gone on.
  [[nodiscard]] bool has_begun() const { return has_begun_; }

  /// Less was written than announced: the client must see that, so the connection ends without an end of the
  /// body.
  void break_off() {
    apr_bucket_alloc_t* allocator = request_->connection->bucket_alloc;
    APR_BRIGADE_INSERT_TAIL(brigade_,
                            ap_bucket_error_create(HTTP_BAD_GATEWAY, nullptr, request_->pool, allocator));
    APR_BRIGADE_INSERT_TAIL(brigade_, apr_bucket_eos_create(allocator));
    pass();
  }

 private:
  void pass() {
    has_begun_ = true;
    status_ = ap_pass_brigade(request_->output_filters, brigade_);
    apr_brigade_cleanup(brigade_);
  }

  request_rec* request_;
  std::uint64_t left_;
  apr_bucket_brigade* brigade_;
  apr_status_t status_ = APR_SUCCESS;
  bool has_begun_ = false;
};

/// Memory for the pieces of a body. That of long bodies is shared by all threads and is not given back as long
/// as there is room for it: there is no more of it than threads that have sent at the same time.
class PieceBuffer {
 public:
  PieceBuffer(apr_pool_t* pool, std::uint64_t length) {
    if (length + kSpare <= kPieceSize) {
      size_ = length + kSpare;
      bytes_ = static_cast<char*>(apr_palloc(pool, size_));
      return;
    }
    size_ = kPieceSize;
    shared_.reset(stock().take());
    if (!shared_) shared_ = std::make_unique_for_overwrite<char[]>(kPieceSize);
    bytes_ = shared_.get();
  }
  ~PieceBuffer() {
    if (shared_ && stock().give(bytes_)) std::ignore = shared_.release();
  }
  PieceBuffer(const PieceBuffer&) = delete;
  PieceBuffer& operator=(const PieceBuffer&) = delete;
  [[nodiscard]] std::span<char> get() const { return {bytes_, size_}; }

 private:
  /// Never destroyed: when the process ends, threads of it may still be at work.
  static ews::Stock<char>& stock() {
    static auto* const all = new ews::Stock<char>;
    return *all;
  }

  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::unique_ptr<char[]> shared_;  // empty for a short body
};

void set_headers(request_rec* r, int http_status, const char* content_type, std::uint64_t length) {
  r->status = http_status;
  ap_set_content_type(r, content_type);
  ap_set_content_length(r, static_cast<apr_off_t>(length));
  apr_table_setn(r->headers_out, "Cache-Control", "private, no-store");
  // httpd would cut the answer to a POST, too; a part of an answer is of no use.
  apr_table_unset(r->headers_in, "Range");
  apr_table_unset(r->headers_in, "If-Range");
}

}  // namespace

int send_reply(request_rec* r, const ews::Reply& reply) {
  const std::uint64_t length = reply.content_length();
  set_headers(r, reply.http_status(), "text/xml; charset=utf-8", length);
  Sender sender(r, length);
  std::optional<PieceBuffer> buffer;
  if (reply.is_rendered()) buffer.emplace(r->pool, length);
  try {
    reply.write(
        [&](std::string_view piece) {
          trace_text(r, "reply", piece);
          return sender(piece);
        },
        buffer ? buffer->get() : std::span<char>{});
  } catch (const std::exception& exception) {
    if (!sender.has_begun()) throw;  // there still can be another answer
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, EWSIM(0003) "an answer breaks off: %s", exception.what());
  }
  return sender.finish();
}

int broken_off(request_rec* r) {
  r->connection->keepalive = AP_CONN_CLOSE;
  // Else httpd ends the body for a request that another was made of.
  for (request_rec* each = r; each != nullptr; each = each->prev) each->eos_sent = 1;
  return AP_FILTER_ERROR;
}

int send_text(request_rec* r, int http_status, const char* content_type, std::string_view text) {
  set_headers(r, http_status, content_type, text.size());
  Sender sender(r, text.size());
  sender(text);
  return sender.finish();
}

void echo_client_request_id(request_rec* r) {
  const char* wanted = apr_table_get(r->headers_in, "return-client-request-id");
  const char* id = apr_table_get(r->headers_in, "client-request-id");
  if (wanted == nullptr || id == nullptr || ap_cstr_casecmp(wanted, "true") != 0) return;
  const std::string_view text = id;
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (!text.empty() && text.size() <= kLongestRequestId && printable)
    apr_table_setn(r->headers_out, "client-request-id", id);
}

}  // namespace ews_im
