// SPDX-License-Identifier: Apache-2.0
// Looks at every page of a snapshot, then at every record, and says what does not fit together. Changes nothing.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "store/lmdb/directory_records.h"
#include "store/lmdb/files.h"
#include "store/lmdb/free_list.h"
#include "store/lmdb/lmdb_store_impl.h"
#include "store/lmdb/maintenance.h"
#include "store/lmdb/records.h"

namespace ews_im::store {
namespace {

constexpr std::uint64_t kProgressStep = 10000;

// What of a mailbox is needed to judge its other records; they follow one another.
struct Seen {
  Guid guid;
  std::optional<Mailbox> head;
  std::set<ItemNumber> groups;
  std::map<GroupType, int> types;
  std::uint64_t contacts = 0;
  std::uint64_t addresses = 0;
};

class Check {
 public:
  Check(LmdbTxn& txn, const Finding& finding) : txn_(&txn), finding_(&finding) {}

  CheckSummary run(const Progress& progress);

 private:
  void report(std::string_view key, std::string_view what);
  /// Which pages are in use.
  std::vector<bool> look_at_pages();
  void look_at_free_pages(std::vector<bool> in_use);
  void look_at_records(const Progress& progress);
  std::optional<std::string> payload(const Key& key);
  void look_at(std::string_view key, std::string_view record);
  void look_at_mailbox_part(const ParsedKey& parsed, std::string_view key, std::string_view payload);
  void look_at_head(std::string_view key, std::string_view payload);
  void look_at_group(ItemNumber number, std::string_view key, std::string_view payload);
  void look_at_contact(ItemNumber number, std::string_view key, std::string_view payload);
  void look_at_address(std::string_view key, std::string_view payload);
  void look_at_entry(const Guid& guid, std::string_view key, std::string_view payload);
  void look_at_name(NameKind kind, std::string_view key, std::string_view payload);
  void look_at_distribution_group(std::string_view key, std::string_view payload);
  void look_at_right(std::string_view key, std::string_view payload);
  void finish_mailbox();
  void check_item(std::string_view key, ItemNumber number);

  LmdbTxn* txn_;
  const Finding* finding_;
  CheckSummary summary_;
  std::optional<Seen> mailbox_;
};

void Check::report(std::string_view key, std::string_view what) {
  ++summary_.findings;
  if (*finding_) (*finding_)((key.empty() ? "store" : describe_key(key)) + ": " + std::string(what));
}

// What another record says; what is wrong with that is reported when its turn comes.
std::optional<std::string> Check::payload(const Key& key) {
  Records records(*txn_);
  const auto found = records.get(key);
  if (!found) return std::nullopt;
  return std::string(*found);
}

CheckSummary Check::run(const Progress& progress) {
  auto in_use = look_at_pages();
  // Whoever reads records from damaged pages may die of it.
  summary_.records_read = summary_.findings == 0;
  if (!summary_.records_read) return summary_;
  look_at_free_pages(std::move(in_use));
  look_at_records(progress);
  return summary_;
}

std::vector<bool> Check::look_at_pages() {
  Tree& tree = txn_->tree();
  std::vector<bool> in_use(tree.meta().last_page + 1);
  const auto use = [&](std::size_t first, std::size_t count) {
    for (std::size_t page = first; page < first + count; ++page) {
      if (in_use[page]) report({}, "page " + std::to_string(page) + " is in the tree of pages twice");
      in_use[page] = true;
    }
  };
  tree.look_at_all(use, [&](std::string_view damage, std::string_view from) {
    report({}, std::string(damage) +
                   (from.empty() ? "" : "; it held what is from " + describe_key(from) + " on"));
  });
  return in_use;
}

// Each page is in one of the two trees, or free. LMDB copies a store only if their numbers say so.
void Check::look_at_free_pages(std::vector<bool> in_use) {
  const auto list = read_free_list(txn_->tree());
  if (!list.ok()) return report({}, list.status().detail());
  std::size_t taken = 0;
  for (const auto* const pages : {&list.value().own, &list.value().pages}) {
    for (const std::size_t page : *pages) {
      if (in_use[page]) ++taken;
      in_use[page] = true;
    }
  }
  if (taken != 0) report({}, std::to_string(taken) + " pages in use are in the list of free pages");
  const auto lost = std::count(in_use.begin() + kFirstPage, in_use.end(), false);
  if (lost != 0) report({}, std::to_string(lost) + " pages are neither in use nor in the list of free pages");
}

void Check::look_at_records(const Progress& progress) {
  const std::uint64_t expected = txn_->tree().meta().main.records;
  int error = 0;
  const Cursor cursor(txn_->get(), error);
  MDB_val key{};
  MDB_val record{};
  if (error == 0) error = mdb_cursor_get(cursor.get(), &key, &record, MDB_FIRST);
  for (; error == 0; error = mdb_cursor_get(cursor.get(), &key, &record, MDB_NEXT)) {
    look_at(to_view(key), to_view(record));
    ++summary_.records;
    if (progress && summary_.records % kProgressStep == 0) progress(summary_.records, expected);
  }
  finish_mailbox();
  if (error != MDB_NOTFOUND) report({}, std::string("the records cannot be read: ") + mdb_strerror(error));
  if (summary_.records != expected) {
    report({}, "there are " + std::to_string(summary_.records) + " records; expected " +
                   std::to_string(expected));
  }
  if (!payload(format_key())) report(format_key().view(), "it is missing");
  if (!payload(settings_key())) report(settings_key().view(), "it is missing");
  if (progress) progress(summary_.records, summary_.records);
}

void Check::look_at(std::string_view key, std::string_view record) {
  const auto parsed = parse_key(key);
  if (mailbox_ && (!parsed || parsed->table != Table::Mailbox || parsed->guid != mailbox_->guid))
    finish_mailbox();
  if (!parsed) return report(key, "no such kind of record");
  if (parsed->table == Table::Mailbox && !mailbox_) {
    mailbox_.emplace();
    mailbox_->guid = parsed->guid;
    if (const auto head = payload(mailbox_key(parsed->guid)))
      mailbox_->head = decode_mailbox(parsed->guid, *head);
  }
  const auto found = payload_of(key, record);
  if (!found) return report(key, "its checksum is wrong");
  switch (parsed->table) {
    case Table::Format:
      if (!decode_format(*found)) report(key, "it does not have the form of its kind");
      break;
    case Table::Settings:
      if (!decode_settings(*found)) report(key, "it does not have the form of its kind");
      break;
    case Table::Mailbox:
      look_at_mailbox_part(*parsed, key, *found);
      break;
    case Table::Directory:
      look_at_entry(parsed->guid, key, *found);
      break;
    case Table::Names:
      look_at_name(parsed->kind, key, *found);
      break;
    case Table::DistributionGroups:
      look_at_distribution_group(key, *found);
      break;
    case Table::Rights:
      look_at_right(key, *found);
      break;
  }
}

void Check::look_at_mailbox_part(const ParsedKey& parsed, std::string_view key, std::string_view payload) {
  switch (parsed.part) {
    case MailboxPart::Head:
      look_at_head(key, payload);
      break;
    case MailboxPart::Group:
      look_at_group(parsed.number, key, payload);
      break;
    case MailboxPart::Contact:
      look_at_contact(parsed.number, key, payload);
      break;
    case MailboxPart::Address:
      look_at_address(key, payload);
      break;
  }
}

void Check::look_at_head(std::string_view key, std::string_view payload) {
  const auto head = decode_mailbox(mailbox_->guid, payload);
  if (!head) return report(key, "it does not have the form of its kind");
  ++summary_.mailboxes;
  if (head->provider_uid.bytes[0] == 0) report(key, "its provider UID begins with a zero byte");
  if (head->folder == 0 || head->folder >= head->next_item)
    report(key, "the number of its folder was never given");
  if (head->next_item > kLargestCounter + 1 || head->last_change > kLargestCounter)
    report(key, "a counter is out of range");
  if (!this->payload(directory_key(head->guid))) report(key, "it has no directory entry");
}

// An item's number must have been given by the mailbox's counter.
void Check::check_item(std::string_view key, ItemNumber number) {
  if (!mailbox_->head) return;
  if (number == 0 || number >= mailbox_->head->next_item) report(key, "its number was never given");
  if (number == mailbox_->head->folder) report(key, "it has the number of the folder");
}

void Check::look_at_group(ItemNumber number, std::string_view key, std::string_view payload) {
  const auto group = decode_im_group(number, payload);
  if (!group) return report(key, "it does not have the form of its kind");
  ++summary_.im_groups;
  ++mailbox_->types[group->type];
  mailbox_->groups.insert(number);
  if (const auto wrong = what_is_wrong(*group); !wrong.empty()) report(key, wrong);
  check_item(key, number);
}

void Check::look_at_contact(ItemNumber number, std::string_view key, std::string_view payload) {
  const auto contact = decode_im_contact(number, payload);
  if (!contact) return report(key, "it does not have the form of its kind");
  ++summary_.im_contacts;
  ++mailbox_->contacts;
  if (const auto wrong = what_is_wrong(*contact); !wrong.empty()) report(key, wrong);
  check_item(key, number);
  if (mailbox_->groups.count(number) != 0) report(key, "a group has the same number");
  if (mailbox_->head && contact->change_number > mailbox_->head->last_change) {
    report(key, "its change number was never given");
  }
  for (const Membership& membership : contact->memberships) {
    if (mailbox_->groups.count(membership.group) == 0) {
      report(key, "it is in group " + std::to_string(membership.group) + ", which is missing");
    }
    if (mailbox_->head && membership.joined > mailbox_->head->last_change) {
      report(key, "it joined a group at a change that was never made");
    }
  }
  const auto& address = contact->kind == ContactKind::Im ? contact->im_address : contact->tel_uri_address;
  const auto index =
      this->payload(address_index_key(mailbox_->guid, contact->kind, address_key(contact->kind, address)));
  if (!index || decode_address(*index) != number) report(key, "it is not found by its address");
}

void Check::look_at_address(std::string_view key, std::string_view payload) {
  ++mailbox_->addresses;
  const auto number = decode_address(payload);
  if (!number) return report(key, "it does not have the form of its kind");
  const auto found = this->payload(im_contact_key(mailbox_->guid, *number));
  const auto contact = found ? decode_im_contact(*number, *found) : std::nullopt;
  if (!contact) return report(key, "its contact " + std::to_string(*number) + " is missing");
  const auto& address = contact->kind == ContactKind::Im ? contact->im_address : contact->tel_uri_address;
  const Key own = address_index_key(mailbox_->guid, contact->kind, address_key(contact->kind, address));
  if (own.view() != key) report(key, "its contact " + std::to_string(*number) + " has another address");
}

void Check::finish_mailbox() {
  if (!mailbox_) return;
  const Seen seen = *std::exchange(mailbox_, std::nullopt);
  const Key key = mailbox_key(seen.guid);
  if (!seen.head) return report(key.view(), "it is missing or damaged");
  std::uint64_t counted = 0;
  for (const auto& [type, count] : seen.types)
    counted += is_default(type) ? 0 : static_cast<std::uint64_t>(count);
  for (const GroupType type : {GroupType::OtherContacts, GroupType::Tagged, GroupType::Favorites}) {
    const auto found = seen.types.find(type);
    if (found == seen.types.end() || found->second != 1)
      report(key.view(), "a default group is not there exactly once");
  }
  const auto compare = [&](std::string_view what, std::uint64_t said, std::uint64_t is) {
    if (said == is) return;
    report(key.view(), "it counts " + std::to_string(said) + " " + std::string(what) + "; there are " +
                           std::to_string(is));
  };
  compare("contacts", seen.head->im_contacts, seen.contacts);
  compare("groups", seen.head->im_groups, counted);
  compare("contacts, and addresses", seen.head->im_contacts, seen.addresses);
}

void Check::look_at_entry(const Guid& guid, std::string_view key, std::string_view payload) {
  const auto entry = decode_directory_entry(guid, payload);
  if (!entry) return report(key, "it does not have the form of its kind");
  if (const auto wrong = what_is_wrong(*entry); !wrong.empty()) report(key, wrong);
  if (!this->payload(mailbox_key(guid))) report(key, "its mailbox is missing");
  for (const FoldedName& name : names_of(*entry)) {
    const auto found = this->payload(name_key_of(name.kind, name.folded));
    const auto record = found ? decode_name(*found) : std::nullopt;
    if (!record || record->mailbox != guid || record->folded != name.folded) {
      report(key, "it is not found by the name " + name.folded);
    }
  }
}

void Check::look_at_name(NameKind kind, std::string_view key, std::string_view payload) {
  const auto name = decode_name(payload);
  if (!name) return report(key, "it does not have the form of its kind");
  if (name_key_of(kind, name->folded).view() != key)
    report(key, "its text " + name->folded + " does not belong to its key");
  const auto found = this->payload(directory_key(name->mailbox));
  const auto entry = found ? decode_directory_entry(name->mailbox, *found) : std::nullopt;
  if (!entry)
    return report(key, "the mailbox of " + name->folded + ", " + name->mailbox.text() + ", is missing");
  const auto names = names_of(*entry);
  if (std::find(names.begin(), names.end(), FoldedName{kind, name->folded}) == names.end()) {
    report(key, "the mailbox " + name->mailbox.text() + " is not called " + name->folded);
  }
}

void Check::look_at_distribution_group(std::string_view key, std::string_view payload) {
  const auto group = decode_distribution_group(payload);
  if (!group) return report(key, "it does not have the form of its kind");
  if (const auto wrong = what_is_wrong(*group); !wrong.empty()) report(key, wrong);
  if (distribution_group_key(ascii_lower(group->smtp_address)).view() != key) {
    report(key, "its address " + group->smtp_address + " does not belong to its key");
  }
}

void Check::look_at_right(std::string_view key, std::string_view payload) {
  const auto right = decode_impersonation_right(payload);
  if (!right) return report(key, "it does not have the form of its kind");
  if (const auto wrong = what_is_wrong(*right); !wrong.empty()) report(key, wrong);
  if (right_key(*right).view() != key)
    report(key, "its caller " + right->caller + " does not belong to its key");
  if (right->mailbox && !this->payload(directory_key(*right->mailbox))) {
    report(key,
           "the mailbox " + right->mailbox->text() + " of the right of " + right->caller + " is missing");
  }
}

// What the disk cannot give ends a process that looks for it in a map; reading the file tells where it is.
Status read_through(LmdbEnv& env) {
  constexpr std::size_t kStep = std::size_t{1} << 20;
  mdb_filehandle_t fd = -1;
  if (auto status = env.with("the file", [&](MDB_env* raw) { return mdb_env_get_fd(raw, &fd); });
      !status.ok())
    return status;
  std::vector<char> bytes(kStep);
  for (off_t at = 0;;) {
    const ssize_t got = pread(fd, bytes.data(), bytes.size(), at);
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return errno_fault(
          errno, env.path() + ": the data file cannot be read from byte " + std::to_string(at) + " on");
    at += got;
  }
}

Result<CheckSummary> check(LmdbEnv& env, const Finding& finding, const Progress& progress) {
  if (auto status = read_through(env); !status.ok()) return status;
  auto txn = env.begin_read();
  if (!txn.ok()) return txn.status();
  return Check(txn.value(), finding).run(progress);
}

}  // namespace

Result<CheckSummary> check_lmdb_store(const LmdbOptions& options, const Finding& finding,
                                      const Progress& progress) {
  const auto store = open_shared(options);
  if (!store.ok()) return store.status();
  return check(store.value()->env(), finding, progress);
}

Result<CheckSummary> check_lmdb_file(const std::string& file, const Finding& finding,
                                     const Progress& progress) {
  const auto env = LmdbEnv::open_file(file);
  if (!env.ok()) return env.status();
  return check(*env.value(), finding, progress);
}

}  // namespace ews_im::store
