// SPDX-License-Identifier: Apache-2.0
// The LMDB store under faults: removed, replaced, cut off and damaged files, a full disk, no address space,
// LMDB's panic.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "store/lmdb/key.h"
#include "store/lmdb/maintenance.h"
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;
namespace fs = std::filesystem;

const Guid kMailbox = entry_of(1).guid;

// ---- Files

void lock_file_replaced() {
  for (const bool again : {false, true}) {
    LmdbPlace place;
    const auto store = place.open();
    require_ok(store->add_mailbox(entry_of(1), soon()));
    fs::remove(place.lock());
    if (again) write_file(place.lock(), "");
    require_fault(Fault::Unavailable, add(*store, "a@x"), "lock.mdb");
    require_fault(Fault::Unavailable, store->settings().status(), "lock.mdb");
  }
}

void data_file_removed() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  fs::remove(place.data());
  require_fault(Fault::Unavailable, store->settings().status(), "removed or replaced");
  require_fault(Fault::Unavailable, add(*store, "a@x"), "removed or replaced");
}

// A change looks at once; a read at the latest when the coarse clock goes on, which it does every few milliseconds.
void data_file_removed_after_a_look() {
  constexpr auto kTicks = std::chrono::milliseconds(100);
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  CPPUNIT_ASSERT(store->settings().ok());
  fs::remove(place.data());
  require_fault(Fault::Unavailable, add(*store, "a@x"), "removed or replaced");
  std::this_thread::sleep_for(kTicks);
  require_fault(Fault::Unavailable, store->settings().status(), "removed or replaced");
}

void directory_moved_away() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  fs::rename(place.path(), place.path() + ".moved");
  require_fault(Fault::Unavailable, store->settings().status(), "removed or replaced");
  require_fault(Fault::Unavailable, add(*store, "a@x"), "removed or replaced");
  fs::rename(place.path() + ".moved", place.path());
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, contacts(*store));
}

void data_file_cut_off_while_open() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  for (int i = 0; i < 100; ++i) require_ok(add(*store, std::to_string(i) + "@x"));
  CPPUNIT_ASSERT(store->settings().ok());
  fs::resize_file(place.data(), 3 * 4096);
  require_fault(Fault::Corrupt, store->settings().status(), "cut off");
  require_fault(Fault::Corrupt, add(*store, "a@x"), "cut off");
}

// A transaction can take pages at the end of the file and give them back, unwritten: not to be taken for a
// cut.
void pages_given_back_unwritten() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  for (int round = 0; round < 5; ++round) {
    require_ok(store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
      for (int i = 0; i < 5000; ++i) put_new_contact(txn, std::to_string(i) + "@contoso.com", 2);
      for (const ImContactView& contact : txn.im_contacts().contacts) txn.erase_im_contact(contact.number);
      return Outcome::Commit;
    }));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, contacts(*store));
    const auto statistics = lmdb_statistics(place.options()).value();
    CPPUNIT_ASSERT(statistics.file_size >= statistics.pages * statistics.page_size);
  }
  // The room that was kept for the worst case goes with the next commit.
  require_ok(add(*store, "a@x"));
  const auto statistics = lmdb_statistics(place.options()).value();
  CPPUNIT_ASSERT(statistics.file_size >= statistics.pages * statistics.page_size);
  CPPUNIT_ASSERT(statistics.file_size <= statistics.pages * statistics.page_size + (10 << 20));
}

void removing_a_large_mailbox() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  require_ok(store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
    for (int i = 0; i < 5000; ++i) put_new_contact(txn, std::to_string(i) + "@contoso.com", 2);
    return Outcome::Commit;
  }));
  require_ok(store->remove_mailbox(kMailbox, soon()));
  const auto statistics = lmdb_statistics(place.options()).value();
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, statistics.addresses + statistics.im_contacts +
                                             statistics.mailboxes + statistics.names);
  require_sound(place.path());
}

// LMDB's second descriptor, on which it writes the page that makes a commit valid.
int descriptor_of_meta_pages(const std::string& file) {
  int found = -1;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const int fd = std::stoi(entry.path().filename().string());
    if (fs::read_symlink(entry.path(), error) == file && (fcntl(fd, F_GETFL) & O_DSYNC) != 0) found = fd;
  }
  return found;
}

void mended_after_a_panic() {
  LmdbPlace place;
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  require_ok(add(*store, "before@x"));
  const int meta = descriptor_of_meta_pages(fs::canonical(place.data()).string());
  CPPUNIT_ASSERT(meta >= 0);
  const int full = open("/dev/full", O_RDWR | O_CLOEXEC);
  CPPUNIT_ASSERT(dup2(full, meta) == meta);
  close(full);
  CPPUNIT_ASSERT(!add(*store, "lost@x").ok());
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, contacts(*store));
  require_ok(add(*store, "after@x"));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, contacts(*store));
  require_sound(place.path());
}

bool limit_files(rlim_t size) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = size;
  return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

void a_full_disk() {
  LmdbPlace place;
  require_ok(place.open()->add_mailbox(entry_of(1), soon()));
  // In a process of its own, for the limit on the size of files holds for all of it.
  CPPUNIT_ASSERT(run_processes(1, [&](unsigned) {
    signal(SIGXFSZ, SIG_IGN);
    const auto store = place.open();
    if (!add(*store, "before@x").ok()) return false;
    for (int round = 0; round < 5; ++round) {
      if (!limit_files(fs::file_size(place.data()))) return false;
      Status status;
      for (int i = 0; status.ok() && i < 100; ++i) {
        const std::uint64_t before = contacts(*store);
        status = store->write(kMailbox, soon(), [&](MailboxTransaction& txn) {
          for (int k = 0; k < 500; ++k) {
            put_new_contact(
                txn,
                std::to_string(round) + "." + std::to_string(i) + "." + std::to_string(k) + "@contoso.com",
                2);
          }
          return Outcome::Commit;
        });
        if (contacts(*store) != before + (status.ok() ? 500 : 0)) return false;
      }
      if (status.ok() || status.fault() != Fault::Full) return false;
      if (!limit_files(RLIM_INFINITY)) return false;
      if (!add(*store, "round" + std::to_string(round) + "@x").ok()) return false;
    }
    return true;
  }));
  require_sound(place.path());
}

void no_address_space() {
  LmdbPlace place;
  LmdbOptions options = place.options();
  options.map_size = std::uint64_t{1} << 47;
  const auto refused = open_lmdb_store(options);
  CPPUNIT_ASSERT(!refused.ok());
  require_fault(Fault::Unavailable, refused.status(), "mapsize=");
  CPPUNIT_ASSERT(place.open()->settings().ok());
}

// ---- Damage

struct DamageRow {
  const char* name;
  Key key;
  bool (*harmed)(Store&);  // what goes through the record says so
};

template <class Look>
bool look_is_corrupt(Store& store, const Look& look) {
  bool found = false;
  const Status status = store.read(kMailbox, [&](MailboxView& view) { found = look(view); });
  return !found && is_corrupt(status);
}

const DamageRow kDamages[] = {
    {"settings", settings_key(), [](Store& s) { return is_corrupt(s.settings().status()); }},
    {"head", mailbox_key(kMailbox),
     [](Store& s) { return look_is_corrupt(s, [](MailboxView&) { return true; }); }},
    {"group", im_group_key(kMailbox, 3),
     [](Store& s) { return look_is_corrupt(s, [](MailboxView& v) { return v.im_group(3).has_value(); }); }},
    {"group in the list", im_group_key(kMailbox, 3),
     [](Store& s) { return look_is_corrupt(s, [](MailboxView& v) { return !v.im_groups().empty(); }); }},
    {"contact", im_contact_key(kMailbox, 6),
     [](Store& s) { return look_is_corrupt(s, [](MailboxView& v) { return v.im_contact(6).has_value(); }); }},
    {"contact in the list", im_contact_key(kMailbox, 6),
     [](Store& s) {
       return look_is_corrupt(s, [](MailboxView& v) { return !v.im_contacts().contacts.empty(); });
     }},
    {"address", address_index_key(kMailbox, ContactKind::Im, "b@x"),
     [](Store& s) {
       return look_is_corrupt(
           s, [](MailboxView& v) { return v.im_contact_by_address(ContactKind::Im, "b@x").has_value(); });
     }},
    {"directory entry", directory_key(kMailbox),
     [](Store& s) { return is_corrupt(s.find(kMailbox).status()); }},
    {"name", name_key_of(NameKind::Account, "contoso\\user1"),
     [](Store& s) { return is_corrupt(s.find(NameKind::Account, "contoso\\user1").status()); }},
    {"distribution group", distribution_group_key("all@x"),
     [](Store& s) { return is_corrupt(s.distribution_groups().status()); }},
    {"right", right_key({"svc", kMailbox}),
     [](Store& s) { return is_corrupt(s.impersonation_rights("svc").status()); }},
};

void one_bit_flipped(const DamageRow& row) {
  LmdbPlace place;
  {
    const auto store = place.open();
    require_ok(store->add_mailbox(entry_of(1), soon()));
    for (const char* address : {"a@x", "b@x", "c@x"}) require_ok(add(*store, address));
    require_ok(store->add_distribution_group({"all@x", "All"}, soon()));
    require_ok(store->grant_impersonation({"svc", kMailbox}, soon()));
  }
  const std::string record = RawStore(place.path()).get(row.key.view());
  CPPUNIT_ASSERT(!record.empty());
  for (std::size_t byte = 0; byte < record.size(); byte += 1 + record.size() / 7) {
    std::string damaged = record;
    damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << (byte % 8)));
    RawStore(place.path()).put(row.key.view(), damaged);
    {
      const auto store = place.open();
      CPPUNIT_ASSERT_MESSAGE("byte " + std::to_string(byte), row.harmed(*store));
    }
    std::string findings;
    const auto summary =
        check_lmdb_store(place.options(), [&](std::string_view line) { findings += line; }, {});
    CPPUNIT_ASSERT(summary.ok() && summary.value().findings > 0);
    CPPUNIT_ASSERT_MESSAGE(findings, findings.find(describe_key(row.key.view()) +
                                                   ": its checksum is wrong") != std::string::npos);
  }
  RawStore(place.path()).put(row.key.view(), record);
  require_sound(place.path());
}

// ---- Records that a search does not find, though the store was not told to remove them

struct MissingRow {
  const char* name;
  Key key;
  bool (*harmed)(Store&);
};

const MissingRow kMissing[] = {
    {"head", mailbox_key(kMailbox),
     [](Store& s) { return look_is_corrupt(s, [](MailboxView&) { return true; }); }},
    {"group", im_group_key(kMailbox, 9),
     [](Store& s) { return look_is_corrupt(s, [](MailboxView& v) { return !v.im_groups().empty(); }); }},
    {"default group", im_group_key(kMailbox, 3),
     [](Store& s) { return look_is_corrupt(s, [](MailboxView& v) { return !v.im_groups().empty(); }); }},
    {"contact", im_contact_key(kMailbox, 6),
     [](Store& s) {
       return look_is_corrupt(s, [](MailboxView& v) { return !v.im_contacts().contacts.empty(); });
     }},
    {"contact by address", im_contact_key(kMailbox, 6),
     [](Store& s) {
       return look_is_corrupt(
           s, [](MailboxView& v) { return v.im_contact_by_address(ContactKind::Im, "b@x").has_value(); });
     }},
    {"directory entry", directory_key(kMailbox),
     [](Store& s) {
       const auto found = s.find(NameKind::SmtpAddress, entry_of(1).primary_smtp_address);
       return !found.ok() && is_corrupt(found.status());
     }},
};

void make_small(LmdbPlace& place) {
  const auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  for (const char* address : {"a@x", "b@x", "c@x"}) require_ok(add(*store, address));
  require_ok(store->write(kMailbox, soon(), [](MailboxTransaction& txn) {
    while (txn.mailbox().next_item < 9) std::ignore = txn.next_item_number();
    txn.put(ImGroup{txn.next_item_number(), GroupType::UserGroup, "Group", {}});
    return Outcome::Commit;
  }));
}

void a_record_missing(const MissingRow& row) {
  LmdbPlace place;
  make_small(place);
  CPPUNIT_ASSERT(!row.harmed(*place.open()));
  RawStore(place.path()).erase(row.key.view());
  CPPUNIT_ASSERT(row.harmed(*place.open()));
}

constexpr std::size_t kHighByteOfLength = -5;

/// A byte before or after each place in the file where the key stands: pages that are no longer used, too.
void flip_key(const std::string& file, std::string_view key, std::size_t byte) {
  std::string content = read_file(file);
  std::size_t found = 0;
  for (std::size_t at = content.find(key); at != std::string::npos; at = content.find(key, at + 1), ++found) {
    content[at + byte] = static_cast<char>(content[at + byte] ^ 0x40);
  }
  CPPUNIT_ASSERT(found > 0);
  write_file(file, content);
}

void a_key_flipped() {
  for (const std::size_t byte :
       {std::size_t{3}, std::size_t{10}, im_contact_key(kMailbox, 6).view().size() - 1}) {
    LmdbPlace place;
    make_small(place);
    flip_key(place.data(), im_contact_key(kMailbox, 6).view(), byte);
    const auto store = place.open();
    CPPUNIT_ASSERT(look_is_corrupt(*store, [](MailboxView& v) { return v.im_contact(6).has_value(); }));
    CPPUNIT_ASSERT(look_is_corrupt(*store, [](MailboxView& v) { return !v.im_contacts().contacts.empty(); }));
  }
}

/// In LMDB's node before the key: the length of a value is as long as the whole file then.
void a_length_flipped() {
  const Key head = mailbox_key(kMailbox);
  const Key contact = im_contact_key(kMailbox, 6);
  for (const bool is_far : {false, true}) {
    LmdbPlace place;
    make_small(place);
    if (is_far) {
      require_ok(place.open()->write(kMailbox, soon(), [](MailboxTransaction& txn) {
        auto changed = txn.im_contact(6).value();
        changed.memberships.clear();
        for (ItemNumber group = 1; group < 1000; ++group) changed.memberships.push_back({group, 1});
        txn.put(changed);
        return Outcome::Commit;
      }));
    }
    const std::string sound = read_file(place.data());
    flip_key(place.data(), contact.view(), kHighByteOfLength);
    {
      const auto store = place.open();
      CPPUNIT_ASSERT(look_is_corrupt(*store, [](MailboxView& v) { return v.im_contact(6).has_value(); }));
      CPPUNIT_ASSERT(
          look_is_corrupt(*store, [](MailboxView& v) { return !v.im_contacts().contacts.empty(); }));
    }
    write_file(place.data(), sound);
    flip_key(place.data(), head.view(), kHighByteOfLength);
    CPPUNIT_ASSERT(look_is_corrupt(*place.open(), [](MailboxView&) { return true; }));
    write_file(place.data(), sound);
  }
}

/// In a fresh store it stands at the end of the file.
void the_length_of_the_format_flipped() {
  constexpr std::size_t kLengthAt = 9;  // before the value
  LmdbPlace place;
  const LmdbOptions& options = place.options();
  const std::string record = RawStore(place.path()).get(format_key().view());
  const std::string sound = read_file(place.data());
  const std::size_t at = sound.rfind(record);
  CPPUNIT_ASSERT(at > kLengthAt && at != std::string::npos);
  for (const unsigned bit : {3U, 11U, 30U}) {
    std::string damaged = sound;
    char& byte = damaged[at - kLengthAt + bit / 8];
    byte = static_cast<char>(byte ^ (1U << (bit % 8)));
    write_file(place.data(), damaged);
    CPPUNIT_ASSERT(is_corrupt(open_lmdb_store(options).status()));
  }
  write_file(place.data(), sound);
  CPPUNIT_ASSERT(open_lmdb_store(options).ok());
}

void a_name_flipped() {
  const Key key = name_key_of(NameKind::Account, "contoso\\user1");
  for (std::size_t byte = 2; byte < key.view().size(); byte += 3) {
    LmdbPlace place;
    make_small(place);
    flip_key(place.data(), key.view(), byte);
    CPPUNIT_ASSERT(is_corrupt(place.open()->find(NameKind::Account, "contoso\\user1").status()));
  }
}

std::vector<Case> cases() {
  std::vector<Case> all{
      {"lock file replaced", lock_file_replaced},
      {"data file removed", data_file_removed},
      {"data file removed after a look", data_file_removed_after_a_look},
      {"directory moved away", directory_moved_away},
      {"data file cut off while open", data_file_cut_off_while_open},
      {"pages given back unwritten", pages_given_back_unwritten},
      {"removing a large mailbox", removing_a_large_mailbox},
      {"mended after a panic", mended_after_a_panic},
      {"a full disk", a_full_disk},
      {"no address space", no_address_space},
  };
  all.push_back({"a key flipped", a_key_flipped});
  all.push_back({"a name flipped", a_name_flipped});
  all.push_back({"a length flipped", a_length_flipped});
  all.push_back({"the length of the format flipped", the_length_of_the_format_flipped});
  for (const MissingRow& row : kMissing) {
    all.push_back({std::string("a record missing, ") + row.name, [&row] { a_record_missing(row); }});
  }
  for (const DamageRow& row : kDamages) {
    all.push_back({std::string("one bit flipped, ") + row.name, [&row] { one_bit_flipped(row); }});
  }
  return all;
}

const RegisteredSuite suite("lmdb faults", cases);

}  // namespace
}  // namespace ews_im::tests
