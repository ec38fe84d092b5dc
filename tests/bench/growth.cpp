// SPDX-License-Identifier: Apache-2.0
// Stores of any number of mailboxes, and what single steps cost in them.
//
//   growth build FOLDER MAILBOXES CONTACTS
//       Mailboxes user0000000@contoso.com ... of so many contacts each, and lists, see kLists; prints
//       {"seconds", "contacts", "bytes"}.
//   growth measure FEW MAILBOXES MANY MAILBOXES
//       Microseconds of CPU in two such stores, which take short turns, so that what else the machine does hits
//       both alike; prints [{"list", "point", "update"}, the same of the other].
//
// Building puts thousands of mailboxes into one transaction that nobody waits for; measuring goes through the
// store's contract, without syncing. Mailboxes are made in the random order of their GUIDs.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "store/lmdb/directory_records.h"
#include "store/lmdb/lmdb_env.h"
#include "store/lmdb/lmdb_store.h"
#include "store/lmdb/mailbox_records.h"

namespace {

using namespace ews_im::store;  // NOLINT(google-build-using-namespace): a program on the store alone

constexpr unsigned kLists = 8;  // list0@contoso.com ...: 1,000 contacts, 20 groups of 50
constexpr unsigned kListContacts = 1000;
constexpr unsigned kListGroups = 20;
constexpr unsigned kMailboxesInTransaction = 5000;
constexpr ItemNumber kOtherContacts = 2;  // the folder is 1; three default groups
constexpr ItemNumber kFirstContact = 5;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "growth: %s\n", why.c_str());
  std::exit(1);
}

void require(const Status& status) {
  if (!status.ok()) fail(status.detail());
}

template <class T>
T value_of(Result<T> result) {
  if (!result.ok()) fail(result.status().detail());
  return std::move(result.value());
}

Guid guid_of(std::string_view name) { return Guid::of_text(Guid{}, name); }

std::string numbered(const char* format, unsigned number) {
  char text[64];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

std::string user_name(unsigned number) { return numbered("user%07u@contoso.com", number); }
std::string list_name(unsigned number) { return numbered("list%u@contoso.com", number); }

void add_contact(MailboxTransaction& txn, unsigned number, ItemNumber group) {
  ImContact contact;
  contact.number = txn.next_item_number();
  contact.change_number = txn.next_change_number();
  contact.persona_id = Guid::random();
  contact.creation_time = 1600000000 + number;
  contact.im_address = numbered("firstname.lastname%u@fabrikam.com", number);
  contact.display_name = numbered("Firstname Lastname %u", number);
  contact.memberships = {{group, contact.change_number}};
  txn.put(contact);
}

void add_mailbox(Records& records, const std::string& name) {
  DirectoryEntry entry;
  entry.guid = guid_of(name);
  entry.primary_smtp_address = name;
  Mailbox drawn;
  drawn.guid = entry.guid;
  drawn.database_guid = Guid::of_text(entry.guid, "database");
  drawn.provider_uid = Guid::of_text(entry.guid, "provider");
  drawn.provider_uid.bytes[0] |= 1U;
  add_entry(records, entry, drawn);
}

void add_user(Records& records, unsigned number, unsigned contacts) {
  const std::string name = user_name(number);
  add_mailbox(records, name);
  MailboxRecords txn(records, guid_of(name));
  for (unsigned i = 0; i < contacts; ++i) add_contact(txn, i, kOtherContacts);
  txn.finish();
}

void add_list(Records& records, unsigned number) {
  const std::string name = list_name(number);
  add_mailbox(records, name);
  MailboxRecords txn(records, guid_of(name));
  for (unsigned g = 0; g < kListGroups; ++g) {
    const ImGroup group{txn.next_item_number(), GroupType::UserGroup, numbered("Group %u", g), {}};
    txn.put(group);
    for (unsigned i = 0; i < kListContacts / kListGroups; ++i)
      add_contact(txn, g * (kListContacts / kListGroups) + i, group.number);
  }
  txn.finish();
}

template <class Function>
void in_transaction(LmdbEnv& env, const Function& function) {
  LmdbTxn txn = value_of(env.begin_write(true));
  Records records(txn);
  function(records);
  require(records.status());
  bool map_full = false;
  require(txn.commit(records.pages(), map_full));
}

std::uint64_t bytes_used(LmdbEnv& env) {
  MDB_envinfo info{};
  MDB_stat about{};
  require(env.with("size", [&](MDB_env* e) {
    mdb_env_stat(e, &about);
    return mdb_env_info(e, &info);
  }));
  return (std::uint64_t{info.me_last_pgno} + 1) * about.ms_psize;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int build(const std::string& folder, unsigned mailboxes, unsigned contacts) {
  LmdbOptions options;
  options.path = folder;
  options.no_sync = true;
  require(create_lmdb_store(options));
  const auto opened = value_of(LmdbEnv::open(options));
  LmdbEnv& env = *opened;
  const double begin = cpu_seconds();
  const auto settings = Settings{.im_contact_limit = kLargestImContactLimit};
  in_transaction(env, [&](Records& records) { records.put(settings_key(), encode(settings)); });
  for (unsigned first = 0; first < mailboxes; first += kMailboxesInTransaction) {
    in_transaction(env, [&](Records& records) {
      const unsigned end = std::min(mailboxes, first + kMailboxesInTransaction);
      for (unsigned i = first; i < end; ++i) add_user(records, i, contacts);
    });
  }
  const std::uint64_t bytes = bytes_used(env);
  for (unsigned i = 0; i < kLists; ++i) in_transaction(env, [&](Records& records) { add_list(records, i); });
  // What is measured on this store must not wait for this.
  const int fd = open((folder + "/data.mdb").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) fail("fsync");
  close(fd);
  std::printf("{\"seconds\": %.1f, \"contacts\": %llu, \"bytes\": %llu}\n", cpu_seconds() - begin,
              static_cast<unsigned long long>(mailboxes) * contacts, static_cast<unsigned long long>(bytes));
  return 0;
}

/// One of the stores that are compared, and the CPU that each kind of step took in it.
class Side {
 public:
  Side(const std::string& folder, unsigned mailboxes) : store_(opened(folder)), any_(0, mailboxes - 1) {
    for (unsigned i = 0; i < kLists; ++i) lists_.push_back(guid_of(list_name(i)));
  }

  void list(unsigned times) {
    const std::size_t before = seen_;
    list_ += cost(times, [&](unsigned i) {
      require(store_->read(lists_[i % kLists],
                           [&](MailboxView& view) { contacts_ = view.im_contacts(std::move(contacts_)); }));
      seen_ += contacts_.contacts.size();
    });
    if (seen_ - before != std::size_t{times} * kListContacts) fail("a list is not whole");
  }

  void point(unsigned times) {
    const std::size_t before = seen_;
    const auto readers = drawn(times);
    point_ += cost(times, [&](unsigned i) {
      require(store_->read(readers[i],
                           [&](MailboxView& view) { seen_ += view.im_contact(kFirstContact) ? 1U : 0U; }));
    });
    if (seen_ - before != times) fail("a contact is missing");
  }

  void update(unsigned times) {
    const auto writers = drawn(times);
    const Deadline never = Deadline::max();
    update_ += cost(times, [&](unsigned i) {
      require(store_->write(writers[i], never, [&](MailboxTransaction& txn) {
        auto contact = txn.im_contact(kFirstContact);
        if (!contact) fail("a contact is missing");
        contact->change_number = txn.next_change_number();
        txn.put(*contact);
        return Outcome::Commit;
      }));
    });
  }

  /// Forgets what was measured so far.
  void begin() { list_ = point_ = update_ = 0; }
  /// For one step, of which there were so many.
  void print(unsigned lists, unsigned points, unsigned updates) const {
    std::printf("{\"list\": %.2f, \"point\": %.3f, \"update\": %.2f}", list_ / lists, point_ / points,
                update_ / updates);
  }

 private:
  static std::shared_ptr<Store> opened(const std::string& folder) {
    LmdbOptions options;
    options.path = folder;
    options.no_sync = true;
    return value_of(open_lmdb_store(options));
  }

  /// Microseconds of CPU.
  template <class Step>
  static double cost(unsigned times, const Step& step) {
    const double begin = cpu_seconds();
    for (unsigned i = 0; i < times; ++i) step(i);
    return (cpu_seconds() - begin) * 1e6;
  }

  std::vector<Guid> drawn(unsigned count) {
    std::vector<Guid> guids;
    for (unsigned i = 0; i < count; ++i) guids.push_back(guid_of(user_name(any_(random_))));
    return guids;
  }

  std::shared_ptr<Store> store_;
  std::mt19937 random_{1};
  std::uniform_int_distribution<unsigned> any_;
  std::vector<Guid> lists_;
  ImContacts contacts_;
  std::size_t seen_ = 0;
  double list_ = 0;
  double point_ = 0;
  double update_ = 0;
};

int measure(Side& few, Side& many) {
  constexpr unsigned kTurns = 20;
  constexpr unsigned kListsInTurn = 200;
  constexpr unsigned kPointsInTurn = 5000;
  constexpr unsigned kUpdatesInTurn = 1000;
  Side* const sides[] = {&few, &many};
  for (unsigned turn = 0; turn <= kTurns; ++turn) {
    for (Side* const side : sides) {
      side->list(kListsInTurn);
      side->point(kPointsInTurn);
      side->update(kUpdatesInTurn);
      if (turn == 0) side->begin();
    }
  }
  std::printf("[");
  few.print(kTurns * kListsInTurn, kTurns * kPointsInTurn, kTurns * kUpdatesInTurn);
  std::printf(", ");
  many.print(kTurns * kListsInTurn, kTurns * kPointsInTurn, kTurns * kUpdatesInTurn);
  std::printf("]\n");
  return 0;
}

unsigned number(const char* text) { return static_cast<unsigned>(std::strtoul(text, nullptr, 10)); }

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 3 ? argv[1] : "";
  if (what == "build" && argc == 5) return build(argv[2], number(argv[3]), number(argv[4]));
  if (what == "measure" && argc == 6) {
    Side few(argv[2], number(argv[3]));
    Side many(argv[4], number(argv[5]));
    return measure(few, many);
  }
  std::fputs("growth build FOLDER MAILBOXES CONTACTS | growth measure FOLDER MAILBOXES FOLDER MAILBOXES\n",
             stderr);
  return 2;
}
