// SPDX-License-Identifier: Apache-2.0
// Errors as values for everything below the Apache glue: Status says whether it worked, Result<T> also
// carries what came of it. Knows no LMDB, XML or HTTP code; each border translates into a Fault once.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ews_im::store {

/// Why a store could not do what was asked.
enum class Fault {
  NotFound,       ///< no such mailbox, address, distribution group or store
  AlreadyExists,  ///< the mailbox, address or store is there already
  Invalid,        ///< the caller's argument is no address, GUID, SID or number in range
  Busy,           ///< the write did not get its turn in time; nothing was changed; worth trying again soon
  Unavailable,    ///< the store cannot be used now (not opened, disk full, out of reader slots); nothing was
                  ///< changed
  Full,           ///< the disk or the map is full, and the map cannot grow; nothing was changed
  Corrupt,        ///< a record or page fails its check; nothing was changed
  TooNew,         ///< the store was written by a later version of this software
  Denied,         ///< the operating system refuses access to the files
  Internal,       ///< a defect in this software, or an error of the operating system with no better name
};

/// The name of a fault as it appears in logs, for instance "Busy".
[[nodiscard]] std::string_view fault_name(Fault fault);

/// Success, or a Fault with a detail for the log. Safe to use from several threads while nobody changes it.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Fault fault, std::string detail) : ok_(false), fault_(fault), detail_(std::move(detail)) {}

  [[nodiscard]] bool ok() const { return ok_; }
  /// REQUIRES: !ok()
  [[nodiscard]] Fault fault() const {
    assert(!ok_);
    return fault_;
  }
  /// For people, in the log or on a terminal; holds nothing of a user's data but addresses that the caller
  /// named.
  [[nodiscard]] const std::string& detail() const { return detail_; }

 private:
  bool ok_ = true;
  Fault fault_ = Fault::Internal;
  std::string detail_;
};

/// A T, or the Status that explains why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: a function returns its value or its Status as it is.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Status status) : content_(std::in_place_index<1>, std::move(status)) {
    assert(!this->status().ok());
  }
  Result(Fault fault, std::string detail) : Result(Status(fault, std::move(detail))) {}

  [[nodiscard]] bool ok() const { return content_.index() == 0; }
  /// REQUIRES: ok()
  [[nodiscard]] T& value() { return std::get<0>(content_); }
  [[nodiscard]] const T& value() const { return std::get<0>(content_); }
  /// REQUIRES: !ok()
  [[nodiscard]] const Status& status() const { return std::get<1>(content_); }

 private:
  std::variant<T, Status> content_;
};

}  // namespace ews_im::store
