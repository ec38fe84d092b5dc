// SPDX-License-Identifier: Apache-2.0
// An answer, ready to be sent: status, code, length, and the body in pieces. Holds no transaction and refers
// to no request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/error.h"

namespace ews_im::ews {

/// Takes the next piece of a body, valid during the call; false stops the writing (the client has gone).
using Sink = std::function<bool(std::string_view)>;

/// A body that is rendered while it is sent, in pieces, so that a long list needs little memory.
class BodyRenderer {
 public:
  virtual ~BodyRenderer() = default;
  /// The exact number of bytes that render() writes.
  [[nodiscard]] virtual std::uint64_t content_length() const = 0;
  /// `buffer`, which must not be empty, holds the pieces.
  virtual void render(const Sink& sink, std::span<char> buffer) const = 0;
};

class Reply {
 public:
  Reply(int http_status, ResponseCode code, std::string body)
      : http_status_(http_status), code_(code), body_(std::move(body)) {}
  Reply(ResponseCode code, std::unique_ptr<const BodyRenderer> renderer)
      : http_status_(200), code_(code), renderer_(std::move(renderer)) {}

  /// 200 for response messages, 500 for faults.
  [[nodiscard]] int http_status() const { return http_status_; }
  [[nodiscard]] ResponseCode response_code() const { return code_; }
  /// True for a SOAP fault.
  [[nodiscard]] bool is_fault() const { return http_status_ == 500; }
  [[nodiscard]] std::uint64_t content_length() const {
    return renderer_ ? renderer_->content_length() : body_.size();
  }
  /// True if the body is made while it is written; false if it lies in memory.
  [[nodiscard]] bool is_rendered() const { return renderer_ != nullptr; }
  /// Writes content_length() bytes of UTF-8 XML; the media type is "text/xml; charset=utf-8". A body that is
  /// rendered comes in pieces as large as `buffer`, which holds them; of its own if that is left out.
  void write(const Sink& sink, std::span<char> buffer = {}) const {
    if (!renderer_) {
      sink(body_);
    } else if (!buffer.empty()) {
      renderer_->render(sink, buffer);
    } else {
      std::string own(kOwnPiece, '\0');
      renderer_->render(sink, own);
    }
  }
  /// For the log: what happened in the store, if a fault of it is behind this reply; else empty.
  [[nodiscard]] const std::string& detail() const { return detail_; }
  void set_detail(std::string detail) { detail_ = std::move(detail); }

 private:
  static constexpr std::size_t kOwnPiece = 4096;

  int http_status_;
  ResponseCode code_;
  std::string body_;
  std::unique_ptr<const BodyRenderer> renderer_;
  std::string detail_;
};

}  // namespace ews_im::ews
