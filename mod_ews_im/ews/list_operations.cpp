// SPDX-License-Identifier: Apache-2.0
// The operations on the whole list: GetImItemList, GetImItems, SetImListMigrationCompleted
// (MS-OXWSCOS 3.1.4). A list is copied in one short transaction and rendered after it, so that no transaction
// is open while bytes move on the network.
#include <algorithm>
#include <map>
#include <set>

#include "mod_ews_im/ews/arguments.h"
#include "mod_ews_im/ews/persona.h"
#include "mod_ews_im/ews/xml_text.h"

namespace ews_im::ews {
namespace {

constexpr std::size_t kMostIds = 2000;  // in one GetImItems, contacts and groups together

/// Everything that a list's answer needs, and how it is written.
class ImItemList : public BodyRenderer {
 public:
  ImItemList(const Envelope& envelope, const ServerVersion& version) : version_(version) {
    envelope_.operation = envelope.operation;
    envelope_.https = envelope.https;
  }

  store::Mailbox mailbox;
  std::vector<store::ImGroup> groups;
  store::ImContacts all;                       ///< every contact of the mailbox
  std::vector<store::ImContactView> personas;  ///< what to show, in this order; refers to `all`
  std::vector<AskedProperty> asked;

  /// After the members above are filled, outside of the transaction.
  void complete() {
    collect_members();
    Output counter;
    write(counter);
    length_ = counter.count();
  }

  [[nodiscard]] std::uint64_t content_length() const override { return length_; }
  void render(const Sink& sink) const override {
    Output out(sink);
    write(out);
    out.flush();
  }

 private:
  void collect_members() {
    members_.resize(groups.size());
    std::map<store::ItemNumber, std::size_t> index;
    for (std::size_t i = 0; i < groups.size(); ++i) index.emplace(groups[i].number, i);
    std::vector<std::vector<std::pair<store::ChangeNumber, store::ItemNumber>>> joined(groups.size());
    for (const store::ImContactView& contact : all.contacts) {
      for (const store::Membership& membership : contact.memberships) {
        const auto found = index.find(membership.group);
        if (found != index.end()) joined[found->second].emplace_back(membership.joined, contact.number);
      }
    }
    for (std::size_t i = 0; i < groups.size(); ++i) {
      std::sort(joined[i].begin(), joined[i].end());
      for (const auto& [change, number] : joined[i]) members_[i].push_back(number);
    }
  }

  void write(Output& out) const {
    const IdWriter ids(mailbox);
    write_success_head(out, envelope_, version_);
    out.raw("<m:ImItemList>");
    out.raw("<t:Groups>");
    for (std::size_t i = 0; i < groups.size() && !out.stopped(); ++i) {
      out.raw("<t:ImGroup>");
      write_im_group(out, ids, groups[i], members_[i], asked);
      out.raw("</t:ImGroup>");
    }
    out.raw("</t:Groups>");
    out.raw("<t:Personas>");
    for (const store::ImContactView& contact : personas) {
      if (out.stopped()) break;
      out.raw("<t:Persona>");
      write_persona(out, ids, contact, asked);
      out.raw("</t:Persona>");
    }
    out.raw("</t:Personas>");
    out.raw("</m:ImItemList>");
    write_success_tail(out, envelope_);
  }

  Envelope envelope_;
  ServerVersion version_;
  std::vector<std::vector<store::ItemNumber>> members_;
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
  const auto status = call.store.read(call.mailbox, [&](store::MailboxView& view) {
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
    list.all = view.im_contacts();
    list.personas.assign(list.all.contacts.rbegin(), list.all.contacts.rend());
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
    list.all = view.im_contacts();
    const auto& all = list.all.contacts;
    for (const ItemId& id : contact_ids) {
      const store::ItemNumber number = item_number(id, list.mailbox);
      if (!contacts_seen.insert(number).second) continue;
      const auto found = std::lower_bound(
          all.begin(), all.end(), number,
          [](const store::ImContactView& contact, store::ItemNumber n) { return contact.number < n; });
      if (found != all.end() && found->number == number) list.personas.push_back(*found);
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
