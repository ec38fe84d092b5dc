// SPDX-License-Identifier: Apache-2.0
// What the recorder (preload_record.cpp) is to see: a store is made, used in every way from several threads,
// and its map grows. After each change that was acknowledged, the log gets a note with a digest of what the
// change was about: `TRACK DIGEST`, track 0 for the directory, track N for mailbox N.
//
// workload FOLDER CHANGES SEED [nosync]
#include <dlfcn.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/im_list.h"
#include "store/lmdb/lmdb_store.h"
#include "tests/torture/contents.h"
#include "tests/torture/recording.h"

namespace ews_im::tests {
namespace {

using namespace store;

constexpr unsigned kTracks = 3;         // mailboxes with a thread each
constexpr unsigned kManyAliases = 120;  // more than fits into a page
constexpr std::uint64_t kSmallMap = std::uint64_t{1} << 20;

void note(const std::string& text) {
  static const auto function = reinterpret_cast<RecordNote>(dlsym(RTLD_DEFAULT, kRecordNote));
  if (function == nullptr) give_up("the recorder is not preloaded");
  function(text.data(), static_cast<std::uint32_t>(text.size()));
}

void acknowledge(unsigned track, const std::string& text) {
  note(std::to_string(track) + " " + std::to_string(std::hash<std::string>{}(text)));
}

void acknowledge_directory(Store& store) { acknowledge(0, require(directory_text(store))); }

void acknowledge_mailbox(Store& store, unsigned track) {
  acknowledge(track, require(mailbox_text(store, entry_of(track).guid)).value_or(""));
}

// One thread: changes of mailbox `track`, drawn by chance. What the rules refuse is rolled back, and must
// leave no trace.
class Track {
 public:
  Track(Store& store, unsigned track, unsigned seed) : store_(&store), track_(track), chance_(seed + track) {}

  void change() {
    const std::string name = std::to_string(chance_() % 40);
    const ItemNumber one = any(items_);
    const ItemNumber other = any(items_);
    const Draw draw{Guid::of_text(Guid{}, name), 1700000000};
    switch (chance_() % 11) {
      case 0:
      case 1:
        return apply([&](MailboxTransaction& txn) { return keep(add_im_group(txn, "Group " + name)); });
      case 2:
      case 3:
      case 4:
        return apply([&](MailboxTransaction& txn) {
          const NewImContact contact{"user" + name + "@contoso.com", std::string(chance_() % 200 + 1, 'n')};
          return keep(add_new_im_contact_to_group(txn, contact, std::nullopt, draw));
        });
      case 5:
        return apply([&](MailboxTransaction& txn) {
          const NewTelUriContact contact{"tel:+" + name, "sip:" + name + "@x", "+" + name};
          return keep(add_new_tel_uri_contact_to_group(txn, contact, std::nullopt, draw));
        });
      case 6:
        return apply([&](MailboxTransaction& txn) { return kept(add_im_contact_to_group(txn, one, other)); });
      case 7:
        return apply([&](MailboxTransaction& txn) { return kept(remove_contact_from_im_list(txn, one)); });
      case 8:
        return apply([&](MailboxTransaction& txn) { return kept(remove_im_group(txn, one)); });
      case 9:
        return apply([&](MailboxTransaction& txn) {
          return keep(add_distribution_group_to_im_list(txn, "all@contoso.com", ""));
        });
      default:
        return apply([&](MailboxTransaction& txn) { return kept(set_im_group(txn, one, "New " + name)); });
    }
  }

  /// Many contacts in one transaction, or all of them removed.
  void fill(unsigned contacts) {
    apply([&](MailboxTransaction& txn) {
      for (const auto& contact : txn.im_contacts().contacts) txn.erase_im_contact(contact.number);
      for (unsigned i = 0; i < contacts; ++i) {
        const NewImContact contact{std::to_string(i) + "@contoso.com", std::string(200, 'f')};
        std::ignore = add_new_im_contact_to_group(txn, contact, std::nullopt, {Guid{}, 1700000000});
      }
      return Outcome::Commit;
    });
  }

 private:
  void apply(const WriteFunction& function) {
    require(store_->write(entry_of(track_).guid, soon(), function));
    acknowledge_mailbox(*store_, track_);
  }

  template <class T>
  Outcome keep(const Accepted<T>& result) {
    if (const auto* item = std::get_if<T>(&result)) {
      items_.push_back(item->number);
      return Outcome::Commit;
    }
    return Outcome::Rollback;
  }

  static Outcome kept(const Accepted<Done>& result) {
    return std::holds_alternative<Done>(result) ? Outcome::Commit : Outcome::Rollback;
  }

  ItemNumber any(const std::vector<ItemNumber>& items) {
    return items.empty() ? 1 : items[chance_() % items.size()];
  }

  Store* store_;
  unsigned track_;
  std::mt19937 chance_;
  std::vector<ItemNumber> items_;
};

// The directory, by this thread alone.
void change_directory(Store& store, unsigned round) {
  const unsigned number = 100 + round % 5;
  const DirectoryEntry entry = entry_of(number, round % 3 == 0 ? kManyAliases : 1);
  const std::string address = "group" + std::to_string(round % 4) + "@contoso.com";
  const auto found = require(store.find(entry.guid));
  switch (round % 4) {
    case 0:
    case 1:
      require(found ? store.remove_mailbox(entry.guid, soon()) : store.add_mailbox(entry, soon()));
      break;
    case 2:
      if (store.add_distribution_group({address, "Group"}, soon()).ok()) break;
      require(store.remove_distribution_group(address, soon()));
      break;
    default:
      require(store.change_settings(soon(), [&](Settings& settings) {
        settings = {.im_contact_limit = 500 + round, .im_group_limit = 64};
      }));
      acknowledge_directory(store);
      if (found) std::ignore = store.grant_impersonation({"svc" + std::to_string(round), entry.guid}, soon());
      break;
  }
  acknowledge_directory(store);
}

void run(const std::string& path, unsigned changes, unsigned seed, bool no_sync) {
  LmdbOptions options;
  options.path = path;
  options.map_size = kSmallMap;
  options.no_sync = no_sync;
  require(create_lmdb_store(options));
  const auto store = require(open_lmdb_store(options));
  acknowledge_directory(*store);
  require(store->add_distribution_group({"all@contoso.com", "All"}, soon()));
  acknowledge_directory(*store);
  for (unsigned track = 1; track <= kTracks; ++track) {
    require(store->add_mailbox(entry_of(track), soon()));
    acknowledge_directory(*store);
    acknowledge_mailbox(*store, track);
  }
  std::vector<std::thread> threads;
  for (unsigned track = 1; track <= kTracks; ++track) {
    threads.emplace_back([&, track] {
      Track mailbox(*store, track, seed * 10);
      for (unsigned i = 0; i < changes; ++i) mailbox.change();
    });
  }
  for (unsigned round = 0; round < changes; ++round) change_directory(*store, round + seed);
  for (auto& thread : threads) thread.join();
  // The map becomes too small, and pages are freed and used again.
  Track mailbox(*store, 1, seed);
  for (const unsigned contacts : {700U, 0U, 700U}) mailbox.fill(contacts);
  for (unsigned i = 0; i < changes / 4; ++i) mailbox.change();
}

}  // namespace
}  // namespace ews_im::tests

int main(int count, char** arguments) {
  if (count < 4) ews_im::tests::give_up("usage: workload FOLDER CHANGES SEED [nosync]");
  ews_im::tests::run(arguments[1], static_cast<unsigned>(std::atoi(arguments[2])),
                     static_cast<unsigned>(std::atoi(arguments[3])), count > 4);
}
