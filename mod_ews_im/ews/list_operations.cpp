// SPDX-License-Identifier: Apache-2.0
// The operations on the whole list: GetImItemList, GetImItems, SetImListMigrationCompleted
// (MS-OXWSCOS 3.1.4). A list is copied out of the store, and rendered after the call, so that no transaction is
// open while bytes move on the network.
#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "mod_ews_im/ews/arguments.h"
#include "mod_ews_im/ews/persona.h"
#include "mod_ews_im/ews/stock.h"
#include "mod_ews_im/ews/xml_text.h"

namespace ews_im::ews {
namespace {

constexpr std::size_t kMostIds = 2000;  // in one GetImItems, contacts and groups together

/// Contacts in memory that has served other lists before: the allocator gives that of a long list back to the
/// system each time, and taking it anew costs as much as reading the list.
class UsedContacts {
 public:
  UsedContacts() : contacts_(stock().take()) {
    if (!contacts_) contacts_ = std::make_unique<store::ImContacts>();
  }
  ~UsedContacts() {
    contacts_->clear();  // another user may be next
    const std::size_t size = contacts_->text.capacity() +
                             contacts_->memberships.capacity() * sizeof(store::Membership) +
                             contacts_->contacts.capacity() * sizeof(store::ImContactView);
    if (size <= kMostBytesKept && stock().give(contacts_.get())) std::ignore = contacts_.release();
  }
  UsedContacts(const UsedContacts&) = delete;
  UsedContacts& operator=(const UsedContacts&) = delete;
  [[nodiscard]] store::ImContacts& get() { return *contacts_; }
  [[nodiscard]] const store::ImContacts& get() const { return *contacts_; }

 private:
  static constexpr std::size_t kMostBytesKept = std::size_t{2} << 20;
  static constexpr std::size_t kMostKept = 16;
  using ContactsStock = Stock<store::ImContacts, kMostKept>;

  /// Never destroyed: when the process ends, threads of it may still be at work.
  static ContactsStock& stock() {
    static auto* const all = new ContactsStock;
    return *all;
  }

  std::unique_ptr<store::ImContacts> contacts_;
};

/// Everything that a list's answer needs, and how it is written.
class ImItemList : public BodyRenderer {
 public:
  ImItemList(const Envelope& envelope, const ServerVersion& version) : version_(version) {
    envelope_.operation = envelope.operation;
    envelope_.https = envelope.https;
  }

  store::Mailbox mailbox;
  std::vector<store::ImGroup> groups;
  std::vector<std::uint32_t> personas;  ///< what to show, in this order: places in contacts()
  std::vector<AskedProperty> asked;

  /// All of the mailbox.
  void read_contacts(store::MailboxView& view) { all_.get() = view.im_contacts(std::move(all_.get())); }
  [[nodiscard]] const std::vector<store::ImContactView>& contacts() const { return all_.get().contacts; }

  /// After the members above are filled.
  void complete() {
    ids_.emplace(mailbox);
    contact_ids_.reserve(contacts().size());
    for (const store::ImContactView& contact : contacts())
      contact_ids_.push_back(ids_->item_id(contact.number));
    collect_members();
    Counter counter;
    write(counter);
    length_ = counter.count();
  }

  [[nodiscard]] std::uint64_t content_length() const override { return length_; }
  void render(const Sink& sink, std::span<char> buffer) const override {
    Output out(sink, buffer);
    write(out);
    out.flush();
  }

 private:
  struct Member {
    store::ChangeNumber joined;
    std::size_t contact;  // its place in contacts(), which are in the order of their numbers
    auto operator<=>(const Member&) const = default;
  };

  /// Calls use(place in groups, member) for each.
  template <class Use>
  void for_each_member(const Use& use) const {
    std::vector<std::pair<store::ItemNumber, std::size_t>> places(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) places[i] = {groups[i].number, i};
    std::sort(places.begin(), places.end());
    auto place = places.end();  // of the last group: neighbours tend to be in the same one
    for (std::size_t i = 0; i < contacts().size(); ++i) {
      for (const auto& [group, change] : contacts()[i].memberships) {
        if (place == places.end() || place->first != group)
          place = std::lower_bound(places.begin(), places.end(), std::pair(group, std::size_t{0}));
        if (place != places.end() && place->first == group) use(place->second, Member{change, i});
      }
    }
  }

  void collect_members() {
    std::vector<std::size_t> begins(groups.size() + 1);
    for_each_member([&](std::size_t group, const Member& /*counted*/) { ++begins[group + 1]; });
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    std::vector<Member> members(begins.back());
    member_ends_.assign(begins.begin(), begins.end() - 1);
    for_each_member(
        [&](std::size_t group, const Member& member) { members[member_ends_[group]++] = member; });
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const std::span joined(members.begin() + static_cast<std::ptrdiff_t>(begins[i]),
                             members.begin() + static_cast<std::ptrdiff_t>(member_ends_[i]));
      if (!std::is_sorted(joined.begin(), joined.end())) std::sort(joined.begin(), joined.end());
    }
    members_.reserve(members.size());
    for (const Member& member : members) members_.push_back(&contact_ids_[member.contact]);
  }

  [[nodiscard]] std::span<const IdText* const> members_of(std::size_t group) const {
    const std::size_t begin = group == 0 ? 0 : member_ends_[group - 1];
    return std::span(members_).subspan(begin, member_ends_[group] - begin);
  }

  template <class Out>
  void write(Out& out) const {
    const IdWriter& ids = *ids_;
    write_success_head(out, envelope_, version_);
    out.raw("<m:ImItemList>");
    out.raw("<t:Groups>");
    for (std::size_t i = 0; i < groups.size() && !is_stopped(out); ++i) {
      out.raw("<t:ImGroup>");
      write_im_group(out, ids, groups[i], members_of(i), asked);
      out.raw("</t:ImGroup>");
    }
    out.raw("</t:Groups>");
    out.raw("<t:Personas>");
    for (const std::uint32_t place : personas) {
      if (is_stopped(out)) break;
      out.raw("<t:Persona>");
      write_persona(out, ids, contacts()[place], contact_ids_[place], asked);
      out.raw("</t:Persona>");
    }
    out.raw("</t:Personas>");
    out.raw("</m:ImItemList>");
    write_success_tail(out, envelope_);
  }

  static bool is_stopped(const Output& out) { return out.stopped(); }
  static bool is_stopped(const Counter&) { return false; }

  Envelope envelope_;
  ServerVersion version_;
  UsedContacts all_;
  std::optional<IdWriter> ids_;
  std::vector<IdText> contact_ids_;       // of contacts(), made once: each stands in two places or more
  std::vector<const IdText*> members_;    // group by group, in the order of joining
  std::vector<std::size_t> member_ends_;  // of each group, in members_
  std::uint64_t length_ = 0;
};

/// The items that a child of GetImItems names: whatever does not resolve is left out (MS-OXWSCOS 3.1.4.7).
std::vector<ItemId> ids_of(const Call& call, std::string_view name) {
  std::vector<ItemId> ids;
  const Element* list = call.request.child(Namespace::Messages, name);
  if (list == nullptr) return ids;
  for (const Element* element : list->children) {
    if (element->local_name != "ItemId") continue;
    auto decoded = decode_item_id(element->attribute("Id")->value);
    auto* id = std::get_if<ItemId>(&decoded);
    if (id != nullptr && id->mailbox == call.mailbox && id->kind == ItemId::Kind::Item)
      ids.push_back(std::move(*id));
  }
  return ids;
}

std::size_t child_count(const Call& call, std::string_view name) {
  const Element* list = call.request.child(Namespace::Messages, name);
  return list == nullptr ? 0 : list->children.size();
}

Reply list_reply(const Call& call, const std::function<void(store::MailboxView&, ImItemList&)>& fill) {
  auto asked = read_asked_properties(call.request);
  if (const auto* code = std::get_if<ResponseCode>(&asked))
    return error_reply(call.envelope, call.version, {.code = *code});
  auto list = std::make_unique<ImItemList>(call.envelope, call.version);
  list->asked = std::move(std::get<std::vector<AskedProperty>>(asked));
  const auto status = call.reader.read(call.mailbox, [&](store::MailboxView& view) {
    list->mailbox = view.mailbox();
    fill(view, *list);
  });
  if (!status.ok()) return store_fault_reply(call.envelope, call.version, status);
  list->complete();
  return {ResponseCode::NoError, std::move(list)};
}

}  // namespace

Reply get_im_item_list(const Call& call) {
  return list_reply(call, [](store::MailboxView& view, ImItemList& list) {
    list.groups = view.im_groups();
    store::sort_im_groups(list.groups);
    list.read_contacts(view);
    list.personas.resize(list.contacts().size());
    std::iota(list.personas.rbegin(), list.personas.rend(), 0U);
  });
}

Reply get_im_items(const Call& call) {
  if (child_count(call, "ContactIds") + child_count(call, "GroupIds") > kMostIds) {
    return error_reply(call.envelope, call.version, {.code = ResponseCode::ErrorDataSizeLimitExceeded});
  }
  const std::vector<ItemId> contact_ids = ids_of(call, "ContactIds");
  const std::vector<ItemId> group_ids = ids_of(call, "GroupIds");
  return list_reply(call, [&](store::MailboxView& view, ImItemList& list) {
    std::set<store::ItemNumber> groups_seen;
    std::set<store::ItemNumber> contacts_seen;
    for (const ItemId& id : group_ids) {
      const store::ItemNumber number = item_number(id, list.mailbox);
      if (!groups_seen.insert(number).second) continue;
      if (auto group = view.im_group(number)) list.groups.push_back(std::move(*group));
    }
    if (contact_ids.empty() && list.groups.empty()) return;
    list.read_contacts(view);
    const auto& all = list.contacts();
    for (const ItemId& id : contact_ids) {
      const store::ItemNumber number = item_number(id, list.mailbox);
      if (!contacts_seen.insert(number).second) continue;
      const auto found = std::lower_bound(
          all.begin(), all.end(), number,
          [](const store::ImContactView& contact, store::ItemNumber n) { return contact.number < n; });
      if (found != all.end() && found->number == number) {
        list.personas.push_back(static_cast<std::uint32_t>(found - all.begin()));
      }
    }
  });
}

Reply set_im_list_migration_completed(const Call& call) {
  const std::string_view value = trim_xml_space(text_argument(call, "ImListMigrationCompleted"));
  const bool completed = value == "true" || value == "1";
  return run_rule<store::Done>(
      call, {},
      [&](store::MailboxTransaction& txn) -> store::Accepted<store::Done> {
        txn.set_im_list_migration_completed(completed);
        return store::Done{};
      },
      nullptr);
}

}  // namespace ews_im::ews
