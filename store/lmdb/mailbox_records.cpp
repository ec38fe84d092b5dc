// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/mailbox_records.h"

#include <algorithm>
#include <string>
#include <utility>

namespace ews_im::store {
namespace {

constexpr std::string_view kMalformed = "it does not have the form of its kind";
constexpr std::size_t kUsualRecord = 128;
constexpr std::uint64_t kDefaultGroups = 3;

const std::string& address_of(const ImContact& contact) {
  return contact.kind == ContactKind::Im ? contact.im_address : contact.tel_uri_address;
}

std::uint64_t counted(const ImGroup& group) { return is_default(group.type) ? 0 : 1; }

// Where a raw record lies in the text of ImContacts.
struct Piece {
  ItemNumber number;
  std::size_t begin;
  std::size_t size;
};

}  // namespace

Settings read_settings(Records& records) {
  const Key key = settings_key();
  if (const auto payload = records.get(key)) {
    if (const auto settings = decode_settings(*payload)) return *settings;
    records.fail_corrupt(key.view(), kMalformed);
  } else {
    records.fail_corrupt(key.view(), "it is missing");
  }
  return {};
}

std::optional<DistributionGroup> read_distribution_group(Records& records, std::string_view smtp_address) {
  const std::string folded = ascii_lower(smtp_address);
  const Key key = distribution_group_key(folded);
  const auto payload = records.get(key);
  if (!payload) return std::nullopt;
  auto group = decode_distribution_group(*payload);
  if (!group) {
    records.fail_corrupt(key.view(), kMalformed);
  } else if (ascii_lower(group->smtp_address) != folded) {
    return std::nullopt;
  }
  return group;
}

void create_mailbox(Records& records, const Mailbox& drawn) {
  Mailbox mailbox = drawn;
  mailbox.folder = mailbox.next_item++;
  constexpr std::pair<GroupType, std::string_view> kDefaults[] = {
      {GroupType::OtherContacts, "Other Contacts"},
      {GroupType::Tagged, "Tagged"},
      {GroupType::Favorites, "Favorites"}};
  for (const auto& [type, name] : kDefaults) {
    const ImGroup group{mailbox.next_item++, type, std::string(name), {}};
    records.put(im_group_key(mailbox.guid, group.number), encode(group));
  }
  records.put(mailbox_key(mailbox.guid), encode(mailbox));
}

MailboxRecords::MailboxRecords(Records& records, const Guid& mailbox) : records_(&records) {
  const Key key = mailbox_key(mailbox);
  mailbox_.guid = mailbox;
  const auto payload = records.get(key);
  if (!payload) {
    if (records.has(directory_key(mailbox))) records.fail_corrupt(key.view(), "it is missing");
    records.fail({Fault::NotFound, "no mailbox " + mailbox.text()});
  } else if (const auto head = decode_mailbox(mailbox, *payload)) {
    mailbox_ = *head;
  } else {
    records.fail_corrupt(key.view(), kMalformed);
  }
}

const Settings& MailboxRecords::settings() {
  if (!settings_) settings_ = read_settings(*records_);
  return *settings_;
}

std::optional<ImGroup> MailboxRecords::im_group(ItemNumber number) {
  const Key key = im_group_key(mailbox_.guid, number);
  const auto payload = records_->get(key);
  if (!payload) return std::nullopt;
  auto group = decode_im_group(number, *payload);
  if (!group) records_->fail_corrupt(key.view(), kMalformed);
  return group;
}

std::vector<ImGroup> MailboxRecords::im_groups() {
  std::vector<ImGroup> groups;
  const Key prefix = part_prefix(mailbox_.guid, MailboxPart::Group);
  records_->walk(prefix, [&](std::string_view key, std::string_view payload) {
    const auto number = number_after(prefix, key);
    auto group = number ? decode_im_group(*number, payload) : std::nullopt;
    if (!group) {
      records_->fail_corrupt(key, kMalformed);
      return false;
    }
    groups.push_back(*std::move(group));
    return true;
  });
  const auto own = std::ranges::count_if(groups, [](const ImGroup& group) { return counted(group) != 0; });
  check_count("groups", mailbox_.im_groups + kDefaultGroups, groups.size());
  check_count("groups of the user", mailbox_.im_groups, static_cast<std::uint64_t>(own));
  if (!records_->status().ok()) groups.clear();
  return groups;
}

std::optional<ImContact> MailboxRecords::im_contact(ItemNumber number) {
  const Key key = im_contact_key(mailbox_.guid, number);
  const auto payload = records_->get(key);
  if (!payload) return std::nullopt;
  auto contact = decode_im_contact(number, *payload);
  if (!contact) records_->fail_corrupt(key.view(), kMalformed);
  return contact;
}

std::optional<ImContact> MailboxRecords::im_contact_by_address(ContactKind kind, std::string_view address) {
  const std::string text = address_key(kind, address);
  const Key key = address_index_key(mailbox_.guid, kind, text);
  const auto payload = records_->get(key);
  if (!payload) return std::nullopt;
  const auto number = decode_address(*payload);
  auto contact = number ? im_contact(*number) : std::nullopt;
  if (!contact) {
    records_->fail_corrupt(key.view(), number ? "the contact that it names is missing" : kMalformed);
  } else if (contact->kind != kind || address_key(kind, address_of(*contact)) != text) {
    return std::nullopt;  // another text with the same hash
  }
  return contact;
}

ImContacts MailboxRecords::im_contacts(ImContacts used) {
  ImContacts result = std::move(used);
  result.clear();
  const auto expected =
      static_cast<std::size_t>(std::min<std::uint64_t>(mailbox_.im_contacts, kLargestImContactLimit));
  std::vector<Piece> pieces;
  pieces.reserve(expected);
  // Never within the string object itself, so that the views stay good when the result is moved.
  result.text.reserve((expected + 1) * kUsualRecord);
  const Key prefix = part_prefix(mailbox_.guid, MailboxPart::Contact);
  records_->walk(prefix, [&](std::string_view key, std::string_view payload) {
    const auto number = number_after(prefix, key);
    if (!number) {
      records_->fail_corrupt(key, kMalformed);
      return false;
    }
    pieces.push_back({*number, result.text.size(), payload.size()});
    result.text += payload;
    return true;
  });
  check_count("contacts", mailbox_.im_contacts, pieces.size());
  result.contacts.resize(pieces.size());
  result.memberships.reserve(pieces.size() + pieces.size() / 2);
  std::vector<std::size_t> counts(pieces.size());
  for (std::size_t i = 0; i < pieces.size() && records_->status().ok(); ++i) {
    const std::size_t before = result.memberships.size();
    const std::string_view payload = std::string_view(result.text).substr(pieces[i].begin, pieces[i].size);
    if (!decode_im_contact(pieces[i].number, payload, result.contacts[i], result.memberships)) {
      records_->fail_corrupt(im_contact_key(mailbox_.guid, pieces[i].number).view(), kMalformed);
    }
    counts[i] = result.memberships.size() - before;
  }
  if (!records_->status().ok()) return {};
  const Membership* at = result.memberships.data();
  for (std::size_t i = 0; i < counts.size(); at += counts[i++])
    result.contacts[i].memberships = {at, counts[i]};
  return result;
}

std::optional<DistributionGroup> MailboxRecords::distribution_group(std::string_view smtp_address) {
  return read_distribution_group(*records_, smtp_address);
}

void MailboxRecords::fail_internal(std::string_view why) {
  records_->fail({Fault::Internal, "mailbox " + mailbox_.guid.text() + ": " + std::string(why)});
}

ItemNumber MailboxRecords::next_item_number() {
  if (mailbox_.next_item >= kLargestCounter) fail_internal("all item numbers are used up");
  head_changed_ = true;
  return mailbox_.next_item++;
}

ChangeNumber MailboxRecords::next_change_number() {
  if (mailbox_.last_change >= kLargestCounter) fail_internal("all change numbers are used up");
  head_changed_ = true;
  return ++mailbox_.last_change;
}

// A damaged page can hide records from a walk.
void MailboxRecords::check_count(std::string_view what, std::uint64_t said, std::uint64_t found) {
  if (said == found) return;
  records_->fail_corrupt(
      mailbox_key(mailbox_.guid).view(),
      "it counts " + std::to_string(said) + " " + std::string(what) + "; there are " + std::to_string(found));
}

void MailboxRecords::take_off(std::string_view what, std::uint64_t& count) {
  if (count == 0)
    check_count(what, 0, 1);
  else
    --count;
}

void MailboxRecords::check_number(ItemNumber number) {
  if (number >= mailbox_.next_item) fail_internal("an item has a number that next_item_number did not give");
}

void MailboxRecords::put(const ImGroup& group) {
  if (const auto wrong = what_is_wrong(group); !wrong.empty()) fail_internal(wrong);
  check_number(group.number);
  const auto old = im_group(group.number);
  const std::uint64_t before = old ? counted(*old) : 0;
  if (before != counted(group)) {
    if (before == 0)
      ++mailbox_.im_groups;
    else
      take_off("groups of the user", mailbox_.im_groups);
    head_changed_ = true;
  }
  records_->put(im_group_key(mailbox_.guid, group.number), encode(group));
}

Key MailboxRecords::address_key_of(const ImContact& contact) const {
  return address_index_key(mailbox_.guid, contact.kind, address_key(contact.kind, address_of(contact)));
}

void MailboxRecords::put(const ImContact& contact) {
  if (const auto wrong = what_is_wrong(contact); !wrong.empty()) fail_internal(wrong);
  check_number(contact.number);
  if (!records_->status().ok()) return;

  const Key address = address_key_of(contact);
  const auto old = im_contact(contact.number);
  bool indexed = false;
  if (const auto payload = records_->get(address)) {
    indexed = decode_address(*payload) == contact.number;
    if (!indexed) fail_internal("two contacts have the same address, or addresses with the same hash");
  }
  if (old && !indexed) records_->erase(address_key_of(*old));
  if (!indexed) records_->put(address, encode_address(contact.number));
  if (!old) {
    ++mailbox_.im_contacts;
    head_changed_ = true;
  }
  records_->put(im_contact_key(mailbox_.guid, contact.number), encode(contact));
}

void MailboxRecords::erase_im_group(ItemNumber number) {
  const auto old = im_group(number);
  if (!old) return;
  if (counted(*old) != 0) {
    take_off("groups of the user", mailbox_.im_groups);
    head_changed_ = true;
  }
  records_->erase(im_group_key(mailbox_.guid, number));
}

void MailboxRecords::erase_im_contact(ItemNumber number) {
  const auto old = im_contact(number);
  if (!old) return;
  take_off("contacts", mailbox_.im_contacts);
  head_changed_ = true;
  records_->erase(address_key_of(*old));
  records_->erase(im_contact_key(mailbox_.guid, number));
}

void MailboxRecords::set_im_list_migration_completed(bool completed) {
  if (mailbox_.im_list_migration_completed == completed) return;
  mailbox_.im_list_migration_completed = completed;
  head_changed_ = true;
}

void MailboxRecords::finish() {
  if (head_changed_) records_->put(mailbox_key(mailbox_.guid), encode(mailbox_));
}

}  // namespace ews_im::store
