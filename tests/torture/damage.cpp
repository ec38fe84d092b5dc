// SPDX-License-Identifier: Apache-2.0
// Damages the data file of a store, one bit or one cut at a time, and says what the store makes of it. Each
// damaged file is read by a process of its own, since pages that LMDB trusts can make it die. Nothing but the
// content that was written, or a fault, may be read from it; or, if the newest meta page is lost, exactly the
// content before the last commit.
//
// damage try FOLDER EWS-IMCTL FLIPS CUTS SEED   makes a store in FOLDER; prints how many trials ended how
// damage find STORE GUID SEED                   leaves STORE with one bit flipped so that reading the mailbox
//                                               GUID ends the process, while all else can be read
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "store/lmdb/lmdb_store.h"
#include "tests/torture/contents.h"

namespace ews_im::tests {
namespace {

using namespace store;

constexpr unsigned kMailboxes = 12;
constexpr unsigned kContacts = 60;
constexpr unsigned kManyAliases = 150;  // more than fits into a page
constexpr std::size_t kPage = 4096;
constexpr std::size_t kPageHead = 160;  // of each page: header, and where the records of the page lie
constexpr unsigned kLongestTrial = 20;  // seconds
constexpr std::string_view kFault = "fault";

enum Outcome { Same, Found, Older, Wrong, Died };
constexpr std::size_t kOutcomes = 5;
constexpr std::array<const char*, kOutcomes> kOutcomeNames{"same", "found", "older", "wrong", "died"};

/// What is in the store, part by part, each the text of it or kFault.
using Contents = std::vector<std::string>;

template <class T, class Text>
std::string part(const Result<T>& result, const Text& text) {
  return result.ok() ? text(result.value()) : std::string(kFault);
}

Contents read_all(Store& store) {
  Contents parts;
  const auto same = [](const auto& text) { return text; };
  parts.push_back(part(store.settings(), [](const Settings& settings) {
    return std::to_string(settings.im_contact_limit) + " " + std::to_string(settings.im_group_limit);
  }));
  parts.push_back(part(directory_text(store), same));
  for (unsigned number = 1; number <= kMailboxes; ++number) {
    const DirectoryEntry entry = entry_of(number);
    parts.push_back(part(mailbox_text(store, entry.guid),
                         [](const auto& text) { return text.value_or("no such mailbox"); }));
    const auto found = [](const auto& one) { return one ? text_of(*one) : std::string("not there"); };
    parts.push_back(part(store.find(NameKind::SmtpAddress, entry.primary_smtp_address), found));
    parts.push_back(part(store.find(NameKind::SmtpAddress, entry.aliases.front()), found));
    parts.push_back(part(store.find(NameKind::UserPrincipalName, entry.user_principal_name), found));
    parts.push_back(part(store.find(NameKind::Sid, entry.sid), found));
    parts.push_back(part(store.find(NameKind::Account, entry.account), found));
    parts.push_back(part(store.impersonation_rights("svc" + std::to_string(number)), [](const auto& rights) {
      return std::to_string(rights.size()) + (rights.empty() ? "" : " " + rights.front().caller);
    }));
  }
  return parts;
}

/// Nothing if the store does not open.
Contents read_all(const LmdbOptions& options) {
  const auto store = open_lmdb_store(options);
  return store.ok() ? read_all(*store.value()) : Contents();
}

Outcome judge(const Contents& read, const Contents& after, const Contents& before) {
  if (read == after) return Same;
  if (read.empty()) return Found;
  bool is_after = true;
  bool is_before = true;
  for (std::size_t i = 0; i < read.size(); ++i) {
    is_after = is_after && (read[i] == after[i] || read[i] == kFault);
    is_before = is_before && (read[i] == before[i] || read[i] == kFault);
  }
  return is_after ? Found : is_before ? Older : Wrong;
}

void add_contacts(Store& store, unsigned mailbox, unsigned count) {
  require(store.write(entry_of(mailbox).guid, soon(), [&](MailboxTransaction& txn) {
    const ItemNumber other = txn.im_groups().front().number;
    const auto group = txn.next_item_number();
    txn.put(ImGroup{group, GroupType::UserGroup, "Group " + std::to_string(group), {}});
    for (unsigned i = 0; i < count; ++i) {
      ImContact contact;
      contact.number = txn.next_item_number();
      contact.change_number = txn.next_change_number();
      contact.persona_id = Guid::of_text(Guid{}, std::to_string(contact.number));
      contact.kind = ContactKind::Im;
      contact.display_name = "Contact " + std::to_string(contact.number);
      contact.im_address = "contact" + std::to_string(contact.number) + "@contoso.com";
      contact.creation_time = 1700000000;
      contact.memberships = {{group, contact.change_number}, {other, contact.change_number}};
      txn.put(contact);
    }
    return store::Outcome::Commit;
  }));
}

/// The contents before and after the last commit.
std::pair<Contents, Contents> make(const LmdbOptions& options) {
  require(create_lmdb_store(options));
  const auto store = require(open_lmdb_store(options));
  require(store->change_settings(
      soon(), [](Settings& settings) { settings = {.im_contact_limit = 700, .im_group_limit = 60}; }));
  for (unsigned number = 1; number <= kMailboxes + 1; ++number) {
    require(store->add_mailbox(entry_of(number, number % 5 == 1 ? kManyAliases : 2), soon()));
    add_contacts(*store, number, kContacts);
    require(store->grant_impersonation({"svc" + std::to_string(number), entry_of(number).guid}, soon()));
    require(store->add_distribution_group({"all" + std::to_string(number) + "@contoso.com", "All"}, soon()));
  }
  require(store->remove_mailbox(entry_of(kMailboxes + 1).guid, soon()));  // for free pages
  Contents before = read_all(*store);
  add_contacts(*store, 1, 1);
  return {std::move(before), read_all(*store)};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Without the room kept at the end, which is nobody's.
std::size_t used_of(const std::string& bytes) { return (bytes.find_last_not_of('\0') / kPage + 1) * kPage; }

std::size_t in_head_of_page(std::size_t at) { return at / kPage * kPage + at % kPageHead; }

/// A fresh file, so that nothing of an earlier trial is left in the lock file either.
void put_file(const LmdbOptions& options, std::string_view bytes) {
  std::ofstream file(options.path + "/data.mdb", std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) give_up("cannot write the data file");
  std::filesystem::remove(options.path + "/lock.mdb");
}

void silence() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0) std::ignore = dup2(null, STDERR_FILENO);
}

/// Runs `work` in a child: what waitpid() says of it.
int in_child(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    alarm(kLongestTrial);
    silence();
    _exit(work());
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) give_up("waitpid");
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) give_up("a process did not come to an end");
  return status;
}

class Trials {
 public:
  Trials(LmdbOptions options, std::string ctl)
      : options_(std::move(options)), ctl_(std::move(ctl)), contents_(make(options_)) {
    good_ = read_file(options_.path + "/data.mdb");
    good_.resize(used_of(good_));
  }

  void run(unsigned flips, unsigned cuts, unsigned seed) {
    std::mt19937 chance(seed);
    for (unsigned i = 0; i < flips; ++i) {
      std::string bytes = good_;
      std::size_t at = chance() % bytes.size();
      // Half of them where LMDB keeps its order: most do harm there.
      if (i % 2 == 0) at = in_head_of_page(at);
      const unsigned bit = chance() % 8;
      bytes[at] = static_cast<char>(bytes[at] ^ (1U << bit));
      one("bit " + std::to_string(bit) + " of byte " + std::to_string(at), bytes);
    }
    for (unsigned i = 0; i < cuts; ++i) {
      const std::size_t size = chance() % good_.size();
      one("cut to " + std::to_string(size), std::string_view(good_).substr(0, size));
    }
    put_file(options_, good_);
    if (read_all(options_) != contents_.second) give_up("the undamaged file is not read as it was written");
  }

  void print() const {
    for (std::size_t i = 0; i < kOutcomes; ++i) std::printf("%s %u\n", kOutcomeNames[i], outcomes_[i]);
    std::printf("missed_by_check %u\ncheck_died %u\nbytes %zu\n", missed_, check_died_, good_.size());
  }

 private:
  void one(const std::string& what, std::string_view bytes) {
    put_file(options_, bytes);
    const int status = in_child([&] { return judge(read_all(options_), contents_.second, contents_.first); });
    const Outcome outcome = WIFEXITED(status) ? static_cast<Outcome>(WEXITSTATUS(status)) : Died;
    ++outcomes_[outcome];
    put_file(options_, bytes);
    const int checked = in_child([&] {
      execl(ctl_.c_str(), ctl_.c_str(), "--store", options_.path.c_str(), "check", nullptr);
      return 99;
    });
    if (WIFEXITED(checked) && WEXITSTATUS(checked) == 99) give_up("cannot run " + ctl_);
    if (WIFSIGNALED(checked)) ++check_died_;
    const bool missed =
        WIFEXITED(checked) && WEXITSTATUS(checked) == 0 && outcome != Same && outcome != Older;
    missed_ += missed ? 1 : 0;
    if (outcome == Wrong || missed) {
      std::printf("%s: %s%s\n", what.c_str(), kOutcomeNames[outcome], missed ? ", missed by check" : "");
    }
    if (outcome == Wrong) tell_difference();
  }

  /// Again in this process, for the report: a trial that ended so did not die.
  void tell_difference() const {
    const Contents read = read_all(options_);
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (read[i] == contents_.second[i] || read[i] == kFault) continue;
      std::printf("  part %zu: %.300s\n", i, read[i].c_str());
    }
  }

  LmdbOptions options_;
  std::string ctl_;
  std::pair<Contents, Contents> contents_;
  std::string good_;
  std::array<unsigned, kOutcomes> outcomes_{};
  unsigned missed_ = 0;
  unsigned check_died_ = 0;
};

/// Whether everything but the mailbox `guid` can be read.
bool others_are_well(const LmdbOptions& options, const Guid& guid) {
  const auto store = open_lmdb_store(options);
  if (!store.ok() || !directory_text(*store.value()).ok()) return false;
  for (const auto& entry : require(store.value()->mailboxes(std::nullopt, 1000))) {
    if (entry.guid != guid && !mailbox_text(*store.value(), entry.guid).ok()) return false;
  }
  return true;
}

/// In place, as a disk does it: a server may have the store open.
void find(const LmdbOptions& options, const Guid& guid, unsigned seed) {
  const std::string file = options.path + "/data.mdb";
  const std::string good = read_file(file);
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) give_up("cannot open " + file);
  std::mt19937 chance(seed);
  for (unsigned i = 0; i < 100000; ++i) {
    const std::size_t at = in_head_of_page(chance() % used_of(good));  // elsewhere hardly any kills
    const char damaged = static_cast<char>(good[at] ^ (1U << (chance() % 8)));
    if (pwrite(fd, &damaged, 1, static_cast<off_t>(at)) != 1) give_up("pwrite");
    const int well = in_child([&] { return others_are_well(options, guid) ? 0 : 1; });
    if (WIFEXITED(well) && WEXITSTATUS(well) == 0) {
      const int status = in_child([&] {
        // What GetImItemList does.
        const auto store = require(open_lmdb_store(options));
        return store->read(guid,
                           [](MailboxView& view) {
                             std::ignore = view.im_groups();
                             std::ignore = view.im_contacts();
                           })
                       .ok()
                   ? 0
                   : 1;
      });
      if (WIFSIGNALED(status)) {
        std::printf("byte %zu: signal %d\n", at, WTERMSIG(status));
        return;
      }
    }
    if (pwrite(fd, &good[at], 1, static_cast<off_t>(at)) != 1) give_up("pwrite");
  }
  give_up("no such bit");
}

unsigned number_of(const char* text) { return static_cast<unsigned>(std::atoi(text)); }

}  // namespace
}  // namespace ews_im::tests

int main(int count, char** arguments) {
  using namespace ews_im;
  const std::string_view way = count > 1 ? arguments[1] : "";
  store::LmdbOptions options;
  if (way == "try" && count == 7) {
    options.path = arguments[2] + std::string("/store");
    tests::Trials trials(options, arguments[3]);
    trials.run(tests::number_of(arguments[4]), tests::number_of(arguments[5]),
               tests::number_of(arguments[6]));
    trials.print();
  } else if (way == "find" && count == 5) {
    options.path = arguments[2];
    const auto guid = store::Guid::parse(arguments[3]);
    if (!guid) tests::give_up("no GUID");
    tests::find(options, *guid, tests::number_of(arguments[4]));
  } else {
    tests::give_up("usage: damage try FOLDER EWS-IMCTL FLIPS CUTS SEED, or damage find STORE GUID SEED");
  }
}
