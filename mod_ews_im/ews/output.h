// SPDX-License-Identifier: Apache-2.0
// Writes the XML of an answer: literal pieces and escaped text, into a string or in pieces for a Sink; or only
// counts its bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/reply.h"

namespace ews_im::ews {

/// A text as character data or as an attribute's value: escaped; what XML 1.0 cannot carry becomes U+FFFD.
/// Refers to `text` if nothing in it needs that.
class Escaped {
 public:
  explicit Escaped(std::string_view text);
  Escaped(const Escaped&) = delete;
  Escaped& operator=(const Escaped&) = delete;
  [[nodiscard]] std::string_view view() const { return view_; }

 private:
  std::string own_;
  std::string_view view_;
};

class Output {
 public:
  /// Appends to `target`.
  explicit Output(std::string& target) : target_(&target) { target.reserve(kUsualAnswer); }
  /// Collects pieces in `buffer`, which must not be empty; flush() hands over the last.
  Output(const Sink& sink, std::span<char> buffer)
      : sink_(&sink), begin_(buffer.data()), next_(begin_), end_(begin_ + buffer.size()) {}

  /// Text that is XML already.
  Output& raw(std::string_view xml) {
    if (next_ == nullptr || xml.size() > static_cast<std::size_t>(end_ - next_)) return raw_in_parts(xml);
    std::memcpy(next_, xml.data(), xml.size());
    next_ += xml.size();
    return *this;
  }
  Output& text(std::string_view text) { return raw(Escaped(text).view()); }
  void flush();
  /// Memory for `size` bytes in a row, for a Pen; nullptr if no piece holds so many, or in a string.
  char* room(std::size_t size) {
    if (size > static_cast<std::size_t>(end_ - next_)) {
      if (size > static_cast<std::size_t>(end_ - begin_)) return nullptr;
      flush();
    }
    return next_;
  }
  /// `end`: where the Pen stopped in the last room().
  void take(const char* end) { next_ += end - next_; }
  /// True once the sink has refused: nothing more need be written.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  static constexpr std::size_t kUsualAnswer = 4096;  // spares a string to grow step by step

  Output& raw_in_parts(std::string_view xml);

  std::string* target_ = nullptr;  // there is no buffer then
  const Sink* sink_ = nullptr;
  char* begin_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
  bool stopped_ = false;
};

/// What Output would write, into memory that is known to suffice. While a Pen stays in one function, its place
/// stays in a register, which makes it several times as fast.
class Pen {
 public:
  explicit Pen(char* at) : at_(at) {}
  [[gnu::always_inline]] Pen& raw(std::string_view xml) {
    std::memcpy(at_, xml.data(), xml.size());
    at_ += xml.size();
    return *this;
  }
  [[nodiscard]] const char* end() const { return at_; }

 private:
  char* at_;
};

/// What Output would write, counted.
class Counter {
 public:
  Counter& raw(std::string_view xml) {
    count_ += xml.size();
    return *this;
  }
  Counter& add(std::size_t bytes) {
    count_ += bytes;
    return *this;
  }
  Counter& text(std::string_view text) { return raw(Escaped(text).view()); }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace ews_im::ews
