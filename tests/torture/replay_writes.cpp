// SPDX-License-Identifier: Apache-2.0
// Takes the log of the recorder (recording.h) and makes, for every prefix of it, the files as they can be
// after the process was killed there, or after the power went: what was not flushed is there or not, in any
// choice, and cut at sectors; the same for the names in folders. Each of these states is opened by the real
// store, checked, and compared with what was acknowledged until then.
//
// Model: an fsync or fdatasync of a file makes its earlier writes durable, that of a folder the names in it;
// a write by an O_DSYNC descriptor is durable at once; unflushed names keep their order; a sector of 512
// bytes is written whole or not at all.
//
// replay_writes LOG FOLDER VARIANTS SEED: FOLDER is for the states. Prints `N states, N acked, N bad`.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store/lmdb/lmdb_store.h"
#include "store/lmdb/maintenance.h"
#include "tests/torture/contents.h"
#include "tests/torture/recording.h"

namespace ews_im::tests {
namespace {

using namespace store;
namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;
constexpr std::size_t kPage = 4096;
constexpr char kNoStore[] = "no store";
constexpr unsigned kMostComplaints = 10;
constexpr unsigned kBetweenWrites = 16;  // every so many states, the store is written to as well

struct Entry {
  EntryHead head;
  std::string name;
  std::string data;
};

std::vector<Entry> read_log(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<Entry> entries;
  Entry entry;
  while (in.read(reinterpret_cast<char*>(&entry.head), sizeof entry.head)) {
    entry.name.resize(entry.head.name_size);
    entry.data.resize(entry.head.data_size);
    in.read(entry.name.data(), entry.head.name_size);
    in.read(entry.data.data(), entry.head.data_size);
    entries.push_back(entry);
  }
  return entries;
}

// The content of a file by pages; those that are missing hold zeros.
class Image {
 public:
  void write(std::uint64_t offset, std::string_view data) {
    size_ = std::max(size_, offset + data.size());
    while (!data.empty()) {
      std::string& page = pages_[offset / kPage];
      page.resize(kPage);
      const auto at = offset % kPage;
      const auto part = std::min<std::size_t>(kPage - at, data.size());
      page.replace(at, part, data.substr(0, part));
      offset += part;
      data.remove_prefix(part);
    }
  }

  void truncate(std::uint64_t size) {
    pages_.erase(pages_.lower_bound((size + kPage - 1) / kPage), pages_.end());
    if (size % kPage != 0 && pages_.contains(size / kPage)) {
      std::string& page = pages_[size / kPage];
      page.resize(size % kPage);
      page.resize(kPage);
    }
    size_ = size;
  }

  [[nodiscard]] std::size_t hash() const {
    std::size_t result = size_;
    for (const auto& [number, page] : pages_) {
      result = result * 31 + number;
      result = result * 31 + std::hash<std::string>{}(page);
    }
    return result;
  }

  void save(const std::string& name) const {
    const int fd = open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    for (const auto& [number, page] : pages_) {
      good = good && pwrite(fd, page.data(), kPage, static_cast<off_t>(number * kPage)) == kPage;
    }
    good = good && ftruncate(fd, static_cast<off_t>(size_)) == 0;
    close(fd);
    if (!good) give_up("cannot write " + name);
  }

 private:
  std::map<std::uint64_t, std::string> pages_;
  std::uint64_t size_ = 0;
};

// A file: what is durable, and what came after the last flush.
struct File {
  Image durable;
  std::vector<const Entry*> pending;
};

void apply_whole(Image& image, const Entry& entry) {
  if (entry.head.act == Act::Truncate) {
    image.truncate(entry.head.offset);
  } else {
    image.write(entry.head.offset, entry.data);
  }
}

// Each sector of a write by chance.
void apply_torn(Image& image, const Entry& entry, std::mt19937& chance) {
  for (std::uint64_t at = 0; at < entry.data.size();) {
    const std::uint64_t size =
        std::min<std::uint64_t>(kSector - (entry.head.offset + at) % kSector, entry.data.size() - at);
    if (chance() % 2 == 0) {
      image.write(entry.head.offset + at, std::string_view(entry.data).substr(at, size));
    }
    at += size;
  }
}

// How the power leaves what was not flushed.
enum class Loss { None, All, Any, Torn };

Image image_of(const File& file, Loss loss, std::mt19937& chance, const Entry* in_flight) {
  Image image = file.durable;
  for (const Entry* entry : file.pending) {
    const auto die = chance() % 3;
    if (loss == Loss::None || entry->head.durable != 0 || (loss != Loss::All && die == 0)) {
      apply_whole(image, *entry);
    } else if (loss == Loss::Torn && die == 1 && entry->head.act == Act::Write) {
      apply_torn(image, *entry, chance);
    }
  }
  // Of the write that was going on, nothing is certain.
  if (in_flight != nullptr && loss != Loss::All && chance() % 2 == 0) apply_torn(image, *in_flight, chance);
  return image;
}

std::string folder_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

struct NameChange {
  const Entry* entry;
  std::uint64_t file;  // which gets the name; 0: a folder
  bool durable = false;

  // The folder whose flush makes it durable.
  [[nodiscard]] std::string folder() const {
    return folder_of(entry->head.act == Act::Rename ? entry->data : entry->name);
  }
};

using Files = std::map<std::string, Image>;  // by name; folders end with a slash

// The disk of the recorded process as the log goes on.
class Disk {
 public:
  void take(const Entry& entry) {
    switch (entry.head.act) {
      case Act::Note:
        break;
      case Act::MakeFile:
      case Act::MakeFolder:
      case Act::Rename:
      case Act::Remove:
        names_.push_back({&entry, entry.head.act == Act::Rename ? live_[entry.name] : entry.head.file});
        apply(live_, names_.back());
        break;
      case Act::Write:
      case Act::Truncate:
        files_[entry.head.file].pending.push_back(&entry);
        break;
      case Act::Sync:
        if (files_.contains(entry.head.file)) {
          flush(files_[entry.head.file]);
        } else {
          for (NameChange& change : names_) {
            if (change.folder() == entry.name) change.durable = true;
          }
        }
        break;
    }
  }

  // `in_flight`: a write that is going on, or nullptr.
  Files state(Loss loss, std::mt19937& chance, const Entry* in_flight) const {
    const std::size_t kept = loss == Loss::None  ? names_.size()
                             : loss == Loss::All ? 0
                                                 : chance() % (names_.size() + 1);
    std::map<std::string, std::uint64_t> names;  // 0: a folder
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (i < kept || names_[i].durable) apply(names, names_[i]);
    }
    Files result;
    for (const auto& [name, file] : names) {
      if (file == 0) {
        result[name + "/"];
        continue;
      }
      const auto found = files_.find(file);
      // The lock file has no meaning after a crash, whatever is in it.
      if (name.ends_with("lock.mdb")) {
        result[name].write(0, std::string(chance() % 3 * kPage, static_cast<char>(chance())));
      } else if (found != files_.end()) {
        const bool writes = in_flight != nullptr && in_flight->head.file == file;
        result[name] = image_of(found->second, loss, chance, writes ? in_flight : nullptr);
      } else {
        result[name];
      }
    }
    return result;
  }

  [[nodiscard]] bool all_durable() const {
    for (const auto& [number, file] : files_) {
      if (!file.pending.empty()) return false;
    }
    return std::ranges::all_of(names_, [](const NameChange& change) { return change.durable; });
  }

 private:
  static void flush(File& file) {
    for (const Entry* entry : file.pending) apply_whole(file.durable, *entry);
    file.pending.clear();
  }

  static void apply(std::map<std::string, std::uint64_t>& names, const NameChange& change) {
    const Entry& entry = *change.entry;
    if (entry.head.act != Act::MakeFile && entry.head.act != Act::MakeFolder) names.erase(entry.name);
    if (entry.head.act == Act::Rename) names[entry.data] = change.file;
    if (entry.head.act == Act::MakeFile || entry.head.act == Act::MakeFolder) names[entry.name] = change.file;
  }

  std::map<std::uint64_t, File> files_;
  std::vector<NameChange> names_;
  std::map<std::string, std::uint64_t> live_;  // all names as the process sees them
};

struct Acknowledged {
  std::size_t position;
  std::string digest;
};

class Replay {
 public:
  Replay(std::vector<Entry> entries, std::string folder, unsigned variants, unsigned seed)
      : entries_(std::move(entries)), folder_(std::move(folder)), variants_(variants), chance_(seed) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].head.act != Act::Note) continue;
      const auto space = entries_[i].data.find(' ');
      tracks_[static_cast<unsigned>(std::stoul(entries_[i].data))].push_back(
          {i, entries_[i].data.substr(space + 1)});
      ++acknowledged_;
    }
  }

  int run() {
    for (std::size_t i = 0; i <= entries_.size(); ++i) {
      if (i > 0) disk_.take(entries_[i - 1]);
      const Entry* next = i < entries_.size() ? &entries_[i] : nullptr;
      if (next != nullptr && next->head.act != Act::Write) next = nullptr;
      look(i, Loss::None, nullptr);
      if (disk_.all_durable() && next == nullptr) continue;
      look(i, Loss::All, nullptr);
      for (unsigned k = 0; k < variants_; ++k) look(i, k % 2 == 0 ? Loss::Any : Loss::Torn, next);
    }
    std::printf("%zu states, %zu acked, %zu bad, %zu without a store\n", seen_.size(), acknowledged_, bad_,
                without_store_);
    return 0;
  }

 private:
  void look(std::size_t position, Loss loss, const Entry* in_flight) {
    const auto files = disk_.state(loss, chance_, in_flight);
    std::size_t hash = position;
    for (const auto& [name, content] : files) {
      hash = hash * 31 + std::hash<std::string>{}(name);
      if (!name.ends_with("lock.mdb")) hash = hash * 31 + content.hash();
    }
    if (!seen_.insert(hash).second) return;
    fs::remove_all(folder_);
    make_folder(folder_);
    for (const auto& [name, content] : files) {
      const std::string path = folder_ + "/" + name;
      if (!fs::exists(fs::path(path.ends_with('/') ? path.substr(0, path.size() - 1) : path).parent_path()))
        continue;
      if (path.ends_with('/')) {
        make_folder(path);
      } else {
        content.save(path);
      }
    }
    const std::string problem = judge_in_child(position);
    if (problem.empty()) return;
    if (++bad_ <= kMostComplaints) {
      std::printf("prefix %zu, loss %d: %s\n", position, static_cast<int>(loss), problem.c_str());
    }
  }

  static void make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0) give_up("cannot make " + path);
  }

  // Damaged pages can end a process inside LMDB: that counts as a bad state, not as the end of the test.
  std::string judge_in_child(std::size_t position) {
    int answer[2];
    if (pipe(answer) != 0) give_up("no pipe");
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) give_up("no process");
    if (child == 0) {
      const std::string problem = judge(position) + "\n";
      _exit(write(answer[1], problem.data(), problem.size()) > 0 ? 0 : 1);
    }
    close(answer[1]);
    char text[1000];
    const ssize_t size = read(answer[0], text, sizeof text);
    close(answer[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (size <= 0) return "the process that opened the store died: status " + std::to_string(status);
    std::string problem(text, static_cast<std::size_t>(size) - 1);
    without_store_ += problem == kNoStore ? 1 : 0;
    return problem == kNoStore ? std::string() : problem;
  }

  // What is wrong with the store in this state; empty if nothing is; kNoStore if rightly there is none.
  std::string judge(std::size_t position) {
    LmdbOptions options;
    options.path = folder_ + "/store";
    {
      const auto opened = open_lmdb_store(options);
      if (!opened.ok()) return judge_missing(position, opened.status(), options);
      auto problem = judge_contents(position, *opened.value());
      if (!problem.empty()) return problem;
      if (seen_.size() % kBetweenWrites == 0) {
        if (auto status = opened.value()->add_mailbox(entry_of(9999), soon()); !status.ok()) {
          return "no mailbox can be added: " + status.detail();
        }
      }
    }
    std::string findings;
    const auto summary = check_lmdb_store(options, [&](std::string_view line) { findings = line; }, {});
    if (!summary.ok()) return "check: " + summary.status().detail();
    return findings.empty() ? findings : "check: " + findings;
  }

  std::string judge_missing(std::size_t position, const Status& status, const LmdbOptions& options) {
    if (status.fault() != Fault::NotFound) return "open: " + status.detail();
    if (tracks_[0].front().position < position) return "the store is lost: " + status.detail();
    if (auto created = create_lmdb_store(options); !created.ok()) return "create: " + created.detail();
    return kNoStore;
  }

  std::string judge_contents(std::size_t position, Store& store) {
    for (const auto& [track, digests] : tracks_) {
      std::string text;
      if (track == 0) {
        auto directory = directory_text(store);
        if (!directory.ok()) return "directory: " + directory.status().detail();
        text = std::move(directory.value());
      } else {
        auto mailbox = mailbox_text(store, entry_of(track).guid);
        if (!mailbox.ok()) return "mailbox: " + mailbox.status().detail();
        text = mailbox.value().value_or("");
      }
      // What was acknowledged last, or what was going on.
      const std::string digest = std::to_string(std::hash<std::string>{}(text));
      std::size_t next = 0;
      while (next < digests.size() && digests[next].position < position) ++next;
      const bool good = (next == 0 && text.empty()) || (next > 0 && digests[next - 1].digest == digest) ||
                        (next < digests.size() && digests[next].digest == digest) ||
                        (next == 0 && track == 0);
      if (!good) return "track " + std::to_string(track) + " is not as acknowledged";
    }
    return {};
  }

  std::vector<Entry> entries_;
  std::string folder_;
  unsigned variants_;
  std::mt19937 chance_;
  Disk disk_;
  std::map<unsigned, std::vector<Acknowledged>> tracks_;
  std::set<std::size_t> seen_;
  std::size_t acknowledged_ = 0;
  std::size_t bad_ = 0;
  std::size_t without_store_ = 0;
};

}  // namespace
}  // namespace ews_im::tests

int main(int count, char** arguments) {
  using namespace ews_im::tests;
  if (count != 5) give_up("usage: replay_writes LOG FOLDER VARIANTS SEED");
  auto entries = read_log(arguments[1]);
  if (entries.empty()) give_up("the log is empty");
  return Replay(std::move(entries), arguments[2], static_cast<unsigned>(std::atoi(arguments[3])),
                static_cast<unsigned>(std::atoi(arguments[4])))
      .run();
}
