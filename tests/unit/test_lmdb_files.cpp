// SPDX-License-Identifier: Apache-2.0
// Creating and opening: what of files and directories is accepted, and what is said about the rest.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "store/lmdb/files.h"
#include "store/lmdb/key.h"
#include "store/lmdb/record.h"
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

using namespace store;
namespace fs = std::filesystem;

constexpr uid_t kStranger = 12345;

Status open_status(const LmdbOptions& options) {
  const auto opened = open_lmdb_store(options);
  return opened.ok() ? Status() : opened.status();
}

struct SpoilRow {
  const char* name;
  void (*spoil)(const LmdbPlace&);
  Fault fault;
  const char* said;
};

const SpoilRow kSpoils[] = {
    {"directory open to the group", [](const LmdbPlace& p) { chmod(p.path().c_str(), 0750); }, Fault::Denied,
     "chmod 0700"},
    {"directory open to others", [](const LmdbPlace& p) { chmod(p.path().c_str(), 0701); }, Fault::Denied,
     "0701"},
    {"data file open to others", [](const LmdbPlace& p) { chmod(p.data().c_str(), 0604); }, Fault::Denied,
     "chmod 0600"},
    {"lock file open to the group", [](const LmdbPlace& p) { chmod(p.lock().c_str(), 0660); }, Fault::Denied,
     "lock.mdb"},
    {"no directory", [](const LmdbPlace& p) { fs::remove_all(p.path()); }, Fault::NotFound, "init"},
    {"no data file", [](const LmdbPlace& p) { fs::remove(p.data()); }, Fault::NotFound, "init"},
    {"path is a file",
     [](const LmdbPlace& p) {
       fs::remove_all(p.path());
       write_file(p.path(), "x");
     },
     Fault::Denied, "no directory"},
    {"path is a symbolic link",
     [](const LmdbPlace& p) {
       fs::rename(p.path(), p.path() + "2");
       fs::create_symlink(p.path() + "2", p.path());
     },
     Fault::Denied, "symbolic link"},
    {"data file is a symbolic link",
     [](const LmdbPlace& p) {
       fs::rename(p.data(), p.folder() + "/elsewhere");
       fs::create_symlink(p.folder() + "/elsewhere", p.data());
     },
     Fault::Denied, "no regular file"},
    {"lock file is a symbolic link",
     [](const LmdbPlace& p) {
       fs::remove(p.lock());
       fs::create_symlink(p.folder() + "/elsewhere", p.lock());
     },
     Fault::Denied, "no regular file"},
    {"data file has two names",
     [](const LmdbPlace& p) { fs::create_hard_link(p.data(), p.folder() + "/elsewhere"); }, Fault::Denied,
     "2 names"},
    {"data file is a directory",
     [](const LmdbPlace& p) {
       fs::remove(p.data());
       fs::create_directory(p.data());
     },
     Fault::Denied, "no regular file"},
    {"data file is empty", [](const LmdbPlace& p) { fs::resize_file(p.data(), 0); }, Fault::Corrupt,
     "cut off"},
    {"data file is one page", [](const LmdbPlace& p) { fs::resize_file(p.data(), 4096); }, Fault::Corrupt,
     "cut off"},
};

struct OpenRow {
  const char* name;
  void (*spoil)(const LmdbPlace&);
  Fault fault;
  const char* said;
};

void put_format(const LmdbPlace& place, std::uint64_t format) {
  RawStore raw(place.path());
  RecordWriter record = encode_format(format);
  raw.put(format_key().view(), record.seal(format_key().view()));
}

const OpenRow kOpens[] = {
    {"newer format", [](const LmdbPlace& p) { put_format(p, kFormat + 1); }, Fault::TooNew, "format 2"},
    {"no format record", [](const LmdbPlace& p) { RawStore(p.path()).erase(format_key().view()); },
     Fault::Corrupt, "no store of mod_ews_im"},
    {"damaged format record",
     [](const LmdbPlace& p) {
       RawStore(p.path()).put(format_key().view(), std::string("\x01\x00\x00\x00\x00\x01", 6));
     },
     Fault::Corrupt, "format record"},
    {"cut off within the data", [](const LmdbPlace& p) { fs::resize_file(p.data(), 2 * 4096); },
     Fault::Corrupt, "cut off"},
    {"not LMDB at all", [](const LmdbPlace& p) { write_file(p.data(), std::string(20000, 'x')); },
     Fault::Corrupt, "open"},
    {"zeros", [](const LmdbPlace& p) { write_file(p.data(), std::string(20000, '\0')); }, Fault::Corrupt,
     "open"},
};

struct TypeRow {
  const char* name;
  std::uint64_t type;
  bool network;
};

constexpr TypeRow kTypes[] = {
    {"NFS", 0x6969, true},        {"CIFS", 0xFF534D42, true}, {"SMB2", 0xFE534D42, true},
    {"9P", 0x01021997, true},     {"FUSE", 0x65735546, true}, {"Ceph", 0x00C36400, true},
    {"ext4", 0xEF53, false},      {"XFS", 0x58465342, false}, {"btrfs", 0x9123683E, false},
    {"tmpfs", 0x01021994, false}, {"ZFS", 0x2FC12FC1, false}, {"overlay", 0x794C7630, false},
};

void created_as_promised() {
  TemporaryDirectory directory;
  LmdbOptions options;
  options.path = directory.path() + "/new";
  umask(0);
  require_ok(create_lmdb_store(options));
  umask(022);
  struct stat about {};
  CPPUNIT_ASSERT(stat(options.path.c_str(), &about) == 0 && (about.st_mode & 07777) == 0700);
  CPPUNIT_ASSERT(stat((options.path + "/data.mdb").c_str(), &about) == 0 && (about.st_mode & 07777) == 0600);
  CPPUNIT_ASSERT(stat((options.path + "/lock.mdb").c_str(), &about) == 0 && (about.st_mode & 07777) == 0600);
  std::size_t names = 0;
  for (const auto& entry : fs::directory_iterator(options.path)) names += entry.exists() ? 1 : 0;
  CPPUNIT_ASSERT_EQUAL(std::size_t{2}, names);
  require_fault(Fault::AlreadyExists, create_lmdb_store(options), "already");
  require_ok(open_status(options));
}

struct CreateRow {
  const char* name;
  void (*prepare)(const std::string& path);
  bool good;
  Fault fault;
};

const CreateRow kCreates[] = {
    {"in an empty directory", [](const std::string& path) { mkdir(path.c_str(), 0700); }, true,
     Fault::Internal},
    {"after a crash in the middle",
     [](const std::string& path) {
       mkdir(path.c_str(), 0700);
       mkdir((path + "/.new-abc123").c_str(), 0700);
       write_file(path + "/.new-abc123/data.mdb", "half");
     },
     true, Fault::Internal},
    {"in the top of a file system",
     [](const std::string& path) {
       mkdir(path.c_str(), 0700);
       mkdir((path + "/lost+found").c_str(), 0700);
     },
     true, Fault::Internal},
    {"in a directory with other things",
     [](const std::string& path) {
       mkdir(path.c_str(), 0700);
       write_file(path + "/notes.txt", "x");
     },
     false, Fault::AlreadyExists},
    {"in a directory open to others",
     [](const std::string& path) {
       mkdir(path.c_str(), 0700);
       chmod(path.c_str(), 0755);
     },
     false, Fault::Denied},
    {"in place of a file", [](const std::string& path) { write_file(path, "x"); }, false, Fault::Denied},
};

void many_create() {
  for (int round = 0; round < 5; ++round) {
    TemporaryDirectory directory;
    LmdbOptions options;
    options.path = directory.path() + "/new";
    if (round % 2 == 0) mkdir(options.path.c_str(), 0700);
    CPPUNIT_ASSERT(run_processes(6, [&](unsigned process) {
      const Status status = create_lmdb_store(options);
      if (status.ok()) {
        write_file(directory.path() + "/made-" + std::to_string(process), "");
        return true;
      }
      return status.fault() == Fault::AlreadyExists || status.fault() == Fault::Busy;
    }));
    unsigned made = 0;
    for (const auto& entry : fs::directory_iterator(directory.path())) {
      made += entry.path().filename().string().starts_with("made-") ? 1 : 0;
    }
    CPPUNIT_ASSERT_EQUAL(1U, made);
    require_ok(open_status(options));
  }
}

void owner_of_the_directory() {
  if (geteuid() != 0) return;  // only root can give files away; the rest of the table runs as anybody
  TemporaryDirectory directory;
  LmdbOptions options;
  options.path = directory.path() + "/new";
  mkdir(options.path.c_str(), 0700);
  CPPUNIT_ASSERT(chown(options.path.c_str(), kStranger, kStranger) == 0);
  require_ok(create_lmdb_store(options));
  fs::remove(options.path + "/lock.mdb");
  require_ok(open_status(options));
  for (const char* file : {"/data.mdb", "/lock.mdb"}) {
    struct stat about {};
    CPPUNIT_ASSERT(stat((options.path + file).c_str(), &about) == 0);
    CPPUNIT_ASSERT(about.st_uid == kStranger && about.st_gid == kStranger);
  }
  require_ok(check_lmdb_store_path(options.path, kStranger));
  require_fault(Fault::Denied, check_lmdb_store_path(options.path, kStranger + 1), "chown");
  CPPUNIT_ASSERT(chown((options.path + "/data.mdb").c_str(), 0, 0) == 0);
  require_fault(Fault::Denied, check_lmdb_store_path(options.path, kStranger), "data.mdb belongs to user 0");
}

void one_environment_for_all_paths() {
  LmdbPlace place;
  const auto first = place.open();
  LmdbOptions other = place.options();
  for (const char* suffix : {"/", "/.", "/../store", "//"}) {
    other.path = place.path() + suffix;
    const auto second = open_lmdb_store(other);
    CPPUNIT_ASSERT_MESSAGE(suffix, second.ok());
    CPPUNIT_ASSERT_MESSAGE(suffix, second.value() == first);
  }
}

void closed_and_opened_again() {
  LmdbPlace place;
  for (int i = 0; i < 20; ++i) {
    const auto store = place.open();
    require_ok(store->add_distribution_group({"g" + std::to_string(i) + "@x", ""}, soon()));
  }
  CPPUNIT_ASSERT_EQUAL(std::size_t{20}, place.open()->distribution_groups().value().size());
}

void closed_when_nobody_is_inside() {
  LmdbPlace place;
  auto store = place.open();
  require_ok(store->add_mailbox(entry_of(1), soon()));
  std::atomic<bool> entered = false;
  std::atomic<bool> left = false;
  std::thread reader([&, inside = store.get()] {
    require_ok(inside->read(entry_of(1).guid, [&](MailboxView&) {
      entered = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      left = true;
    }));
  });
  while (!entered) std::this_thread::yield();
  store.reset();
  CPPUNIT_ASSERT(left);
  reader.join();
  CPPUNIT_ASSERT(place.open()->settings().ok());
}

void useless_after_fork() {
  LmdbPlace place;
  auto store = place.open();
  CPPUNIT_ASSERT(store->settings().ok());
  CPPUNIT_ASSERT(run_processes(1, [&](unsigned) {
    const bool refused = !store->settings().ok() && !set_settings(*store, {}).ok();
    const auto own = open_lmdb_store(place.options());
    const bool served = own.ok() && own.value()->settings().ok() && set_settings(*own.value(), {5, 5}).ok();
    store.reset();  // neither hangs nor closes what is the parent's
    return refused && served;
  }));
  CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, store->settings().value().im_contact_limit);
  require_ok(set_settings(*store, {6, 6}));
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const SpoilRow& row : kSpoils) {
    all.push_back({std::string("refused by its path, ") + row.name, [&row] {
                     LmdbPlace place;
                     require_ok(check_lmdb_store_path(place.path(), geteuid()));
                     row.spoil(place);
                     require_fault(row.fault, check_lmdb_store_path(place.path(), geteuid()), row.said);
                     require_fault(row.fault, open_status(place.options()), row.said);
                   }});
  }
  for (const OpenRow& row : kOpens) {
    all.push_back({std::string("refused at opening, ") + row.name, [&row] {
                     LmdbPlace place;
                     row.spoil(place);
                     require_fault(row.fault, open_status(place.options()), row.said);
                   }});
  }
  for (const CreateRow& row : kCreates) {
    all.push_back({std::string("create ") + row.name, [&row] {
                     TemporaryDirectory directory;
                     LmdbOptions options;
                     options.path = directory.path() + "/new";
                     row.prepare(options.path);
                     const Status status = create_lmdb_store(options);
                     if (row.good) {
                       require_ok(status);
                       require_ok(open_status(options));
                     } else {
                       require_fault(row.fault, status);
                     }
                   }});
  }
  all.push_back({"create without a parent", [] {
                   LmdbOptions options;
                   options.path = "/nowhere/at/all";
                   require_fault(Fault::NotFound, create_lmdb_store(options), "/nowhere");
                 }});
  for (const TypeRow& row : kTypes) {
    all.push_back({std::string("file system, ") + row.name,
                   [&row] { CPPUNIT_ASSERT_EQUAL(row.network, is_network_file_system(row.type)); }});
  }
  all.push_back({"created as promised", created_as_promised});
  all.push_back({"many create at once", many_create});
  all.push_back({"files belong to the owner of the directory", owner_of_the_directory});
  all.push_back({"one environment for all paths", one_environment_for_all_paths});
  all.push_back({"closed and opened again", closed_and_opened_again});
  all.push_back({"closed when nobody is inside", closed_when_nobody_is_inside});
  all.push_back({"useless after a fork", useless_after_fork});
  return all;
}

const RegisteredSuite suite("lmdb files", cases);

}  // namespace
}  // namespace ews_im::tests
