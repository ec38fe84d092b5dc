// SPDX-License-Identifier: Apache-2.0
// What most commands begin with: the store opened as its owner, a mailbox found by any of its names, a change
// of its list.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/ctl/invocation.h"
#include "store/ctl/output.h"
#include "store/im_list.h"
#include "store/lmdb/lmdb_store.h"
#include "store/store.h"

namespace ews_im::store::ctl {

/// The store that the command line names.
[[nodiscard]] LmdbOptions lmdb_options(const Invocation& invocation);

/// Becomes the store's owner and opens the store. Every fault but Busy is one that makes the store unusable.
Result<std::shared_ptr<Store>> open_store(const Invocation& invocation);
/// Makes an empty store as its owner-to-be and opens it.
Result<std::shared_ptr<Store>> create_store(const Invocation& invocation);

/// By GUID, SMTP address, user principal name, account name or SID, in this order. Fault: NotFound.
Result<DirectoryEntry> find_mailbox(Store& store, const std::string& name);

struct OpenMailbox {
  std::shared_ptr<Store> store;
  DirectoryEntry entry;
};
/// open_store and find_mailbox.
Result<OpenMailbox> open_mailbox(const Invocation& invocation, const std::string& name);

/// Changes a list within a transaction. nullopt: done; else why it cannot be done.
using Change = std::function<std::optional<std::string>(MailboxTransaction&)>;
/// Runs a change. Ok: it is durable. Otherwise nothing was changed, and the reason has been printed.
Exit change_list(const Invocation& invocation, const OpenMailbox& mailbox, const Change& change);

/// A group by its number or else its name, which compares as names of groups do; or why there is none.
[[nodiscard]] std::variant<ImGroup, std::string> pick_group(MailboxView& view, const std::string& text);
/// A contact by its number or else its address; or why there is none.
[[nodiscard]] std::variant<ImContact, std::string> pick_contact(MailboxView& view, const std::string& text);

/// What is wrong with a display name, an address; nullopt: nothing.
[[nodiscard]] std::optional<std::string> name_problem(std::string_view name);
[[nodiscard]] std::optional<std::string> address_problem(std::string_view address);

}  // namespace ews_im::store::ctl
