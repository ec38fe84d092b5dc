// SPDX-License-Identifier: Apache-2.0
// What the cases of the contract share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/store_contract.h"

namespace ews_im::tests {

/// The part of the contract that is about the directory, settings and rights.
std::vector<Case> directory_contract(const MakeStorePlace& make);

/// A place with its store open and one mailbox in it.
class Fixture {
 public:
  explicit Fixture(const MakeStorePlace& make) : place_(make()), store_(place_->open()) {
    CPPUNIT_ASSERT(store_ != nullptr);
    require_ok(store_->add_mailbox(entry_of(1), soon()));
  }

  store::Store& store() { return *store_; }
  [[nodiscard]] store::Guid guid() const { return entry_of(1).guid; }
  void reopen() {
    store_.reset();
    store_ = place_->open();
    CPPUNIT_ASSERT(store_ != nullptr);
  }
  void close() { store_.reset(); }
  StorePlace& place() { return *place_; }

  void write(const store::WriteFunction& function) { require_ok(store_->write(guid(), soon(), function)); }
  void read(const store::ReadFunction& function) { require_ok(store_->read(guid(), function)); }

  store::ItemNumber default_group(store::GroupType type) {
    store::ItemNumber number = 0;
    read([&](store::MailboxView& view) {
      for (const store::ImGroup& group : view.im_groups())
        number = group.type == type ? group.number : number;
    });
    return number;
  }
  store::ImContact add_contact(const std::string& address) {
    store::ImContact contact;
    const store::ItemNumber group = default_group(store::GroupType::OtherContacts);
    write([&](store::MailboxTransaction& txn) {
      contact = put_new_contact(txn, address, group);
      return store::Outcome::Commit;
    });
    return contact;
  }
  store::Mailbox mailbox() {
    store::Mailbox mailbox;
    read([&](store::MailboxView& view) { mailbox = view.mailbox(); });
    return mailbox;
  }
  std::optional<store::ImContact> by_address(store::ContactKind kind, const std::string& address) {
    std::optional<store::ImContact> contact;
    read([&](store::MailboxView& view) { contact = view.im_contact_by_address(kind, address); });
    return contact;
  }

 private:
  std::unique_ptr<StorePlace> place_;
  std::shared_ptr<store::Store> store_;
};

/// Adds each row as a case that has a store of its own.
template <std::size_t Size>
void add_cases(std::vector<Case>& cases, const MakeStorePlace& make,
               const std::pair<const char*, void (*)(Fixture&)> (&rows)[Size]) {
  for (const auto& [name, body] : rows) {
    cases.push_back({name, [make, run = body] {
                       Fixture fixture(make);
                       run(fixture);
                     }});
  }
}

}  // namespace ews_im::tests
