// SPDX-License-Identifier: Apache-2.0
// backup, restore, check, stat, compact: what is done to a store as a whole. Each works in a child process,
// since a damaged page can end the process that reads it.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <vector>

#include "store/ctl/as_owner.h"
#include "store/ctl/child.h"
#include "store/ctl/commands.h"
#include "store/ctl/invocation.h"
#include "store/ctl/output.h"
#include "store/ctl/progress.h"
#include "store/ctl/session.h"
#include "store/lmdb/files.h"
#include "store/lmdb/lmdb_store.h"
#include "store/lmdb/maintenance.h"

namespace ews_im::store::ctl {
namespace {

using Unit = ProgressLine::Unit;

// Says as whom access was refused, and that a store which is needed is not there: more than "not found".
Exit fail_as(const Status& status) {
  std::string detail = status.detail();
  if (status.fault() == Fault::Denied) detail += " (tried as " + user_name(geteuid()) + ")";
  return fail(Status(status.fault(), std::move(detail)));
}

Exit fail_without_store(const Status& status) {
  return status.fault() == Fault::NotFound ? fail(Exit::StoreUnusable, status.detail()) : fail_as(status);
}

bool is_directory(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

// A name after the time in the directory. `number`: which of those that were made in the same second, from 1 on.
std::string backup_name(const std::string& directory, unsigned number) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char name[64];
  return directory + (directory.ends_with('/') ? "" : "/") +
         std::string(name, std::strftime(name, sizeof name, "mod_ews_im-%Y%m%dT%H%M%SZ", &parts)) +
         (number == 1 ? "" : "-" + std::to_string(number)) + ".mdb";
}

std::uint64_t size_of(const std::string& file) {
  struct stat about {};
  return ::stat(file.c_str(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

struct Field {
  const char* name;
  std::uint64_t LmdbStatistics::*value;
};

constexpr unsigned kMostInASecond = 100;

constexpr Field kFields[] = {
    {"map_size", &LmdbStatistics::map_size},
    {"file_size", &LmdbStatistics::file_size},
    {"disk_size", &LmdbStatistics::disk_size},
    {"page_size", &LmdbStatistics::page_size},
    {"pages", &LmdbStatistics::pages},
    {"free_pages", &LmdbStatistics::free_pages},
    {"depth", &LmdbStatistics::depth},
    {"branch_pages", &LmdbStatistics::branch_pages},
    {"leaf_pages", &LmdbStatistics::leaf_pages},
    {"overflow_pages", &LmdbStatistics::overflow_pages},
    {"last_transaction", &LmdbStatistics::last_transaction},
    {"readers", &LmdbStatistics::readers},
    {"reader_slots", &LmdbStatistics::reader_slots},
    {"mailboxes", &LmdbStatistics::mailboxes},
    {"im_groups", &LmdbStatistics::im_groups},
    {"im_contacts", &LmdbStatistics::im_contacts},
    {"addresses", &LmdbStatistics::addresses},
    {"names", &LmdbStatistics::names},
    {"distribution_groups", &LmdbStatistics::distribution_groups},
    {"impersonation_rights", &LmdbStatistics::impersonation_rights},
    {"key_bytes", &LmdbStatistics::key_bytes},
    {"value_bytes", &LmdbStatistics::value_bytes},
};

struct Count {
  const char* name;
  std::uint64_t CheckSummary::*value;
};

constexpr Count kCounts[] = {
    {"records", &CheckSummary::records},
    {"mailboxes", &CheckSummary::mailboxes},
    {"im_contacts", &CheckSummary::im_contacts},
    {"im_groups", &CheckSummary::im_groups},
};

// "name number" as the child sends it.
void take_count(std::string_view line, Json& json) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return;
  json[std::string(line.substr(0, space))] = parse_number(line.substr(space + 1)).value_or(0);
}

constexpr std::string_view kFinding = "finding ";

// What the checking child sends: counts, and findings after the word.
struct Report {
  Json counts = Json::object();
  std::vector<std::string> findings;

  void take(std::string_view line, bool show) {
    if (!line.starts_with(kFinding)) return take_count(line, counts);
    findings.emplace_back(line.substr(kFinding.size()));
    if (show) print(findings.back());
  }
};

Status check_and_send(const Invocation& invocation, const SendLine& send) {
  const Finding finding = [&](std::string_view line) { send(std::string(kFinding) + std::string(line)); };
  ProgressLine progress("checking", Unit::Records);
  const auto summary = invocation.arguments.empty()
                           ? check_lmdb_store(lmdb_options(invocation), finding, progress.function())
                           : check_lmdb_file(invocation.arguments[0], finding, progress.function());
  if (!summary.ok()) return summary.status();
  if (!summary.value().records_read) return {Fault::Corrupt, "the records were not read: pages are damaged"};
  for (const auto& [name, value] : kCounts)
    send(std::string(name) + " " + std::to_string(summary.value().*value));
  return {};
}

}  // namespace

Exit backup(const Invocation& invocation) {
  if (auto status = become_owner_of(invocation.store); !status.ok()) return fail(status);
  if (auto status = check_lmdb_store_path(invocation.store, geteuid()); !status.ok())
    return fail_without_store(status);
  const bool into_directory = is_directory(invocation.arguments[0]);
  std::string file = invocation.arguments[0];
  Status status;
  unsigned number = 0;
  do {
    if (into_directory) file = backup_name(invocation.arguments[0], ++number);
    status = run_in_child(
        [&](const SendLine&) {
          ProgressLine progress("copying", Unit::Bytes);
          return backup_lmdb_store(lmdb_options(invocation), file, progress.function());
        },
        {});
  } while (into_directory && !status.ok() && status.fault() == Fault::AlreadyExists &&
           number < kMostInASecond);
  if (!status.ok()) return fail_as(status);
  if (invocation.json) {
    print_json(Json{{"file", file}, {"bytes", size_of(file)}});
  } else {
    print("wrote " + printable(file) + ", " + std::to_string(size_of(file)) + " bytes, checked");
  }
  return Exit::Ok;
}

Exit restore(const Invocation& invocation) {
  const std::string& file = invocation.arguments[0];
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) {
    const Status status = errno_fault(errno, file);
    return status.fault() == Fault::NotFound ? fail(Exit::Refused, "there is no file " + file)
                                             : fail_as(status);
  }
  if (auto status = become_owner_to_be(invocation.store, invocation.value("owner")); !status.ok())
    return fail(status);
  const Status status = run_in_child(
      [&](const SendLine&) {
        ProgressLine progress("restoring", Unit::Bytes);
        return restore_lmdb_store(file, invocation.store, invocation.has("replace"), progress.function());
      },
      {});
  if (!status.ok()) {
    if (status.fault() == Fault::AlreadyExists && !invocation.has("replace")) {
      return fail(Exit::Refused, status.detail() + "; --replace puts the backup in the place of a store");
    }
    if (status.fault() == Fault::Corrupt)
      return fail(Exit::StoreUnusable,
                  status.detail() + "; 'ews-imctl check " + file + "' tells what is wrong");
    return fail_as(status);
  }
  if (invocation.json) {
    print_json(Json{{"store", invocation.store}, {"file", file}});
  } else {
    print("restored " + printable(invocation.store) + " from " + printable(file));
  }
  return Exit::Ok;
}

Exit check(const Invocation& invocation) {
  const std::string& what = invocation.arguments.empty() ? invocation.store : invocation.arguments[0];
  if (auto status = become_owner_of(what); !status.ok()) return fail(status);
  Report report;
  const Status status = run_in_child([&](const SendLine& send) { return check_and_send(invocation, send); },
                                     [&](std::string_view line) { report.take(line, !invocation.json); });
  const bool complete = status.ok();
  if (!complete && status.fault() != Fault::Corrupt) return fail_without_store(status);
  if (!complete) report.take(std::string(kFinding) + status.detail(), !invocation.json);

  const std::size_t findings = report.findings.size();
  if (invocation.json) {
    Json json = report.counts;
    json["complete"] = complete;
    json["findings"] = std::move(report.findings);
    print_json(json);
  } else {
    std::string line = findings == 0 ? "nothing wrong"
                                     : std::to_string(findings) + (findings == 1 ? " finding" : " findings");
    for (const auto& [name, value] : report.counts.items()) line += ", " + name + " " + value.dump();
    print(line);
  }
  return findings == 0 ? Exit::Ok : Exit::Findings;
}

Exit stat(const Invocation& invocation) {
  if (auto status = become_owner_of(invocation.store); !status.ok()) return fail(status);
  Json json = Json::object();
  const Status status = run_in_child(
      [&](const SendLine& send) -> Status {
        const auto statistics = lmdb_statistics(lmdb_options(invocation));
        if (!statistics.ok()) return statistics.status();
        for (const auto& [name, value] : kFields)
          send(std::string(name) + " " + std::to_string(statistics.value().*value));
        return {};
      },
      [&](std::string_view line) { take_count(line, json); });
  if (!status.ok()) return fail_without_store(status);
  if (invocation.json) {
    print_json(json);
    return Exit::Ok;
  }
  for (const auto& [name, value] : json.items()) print(name + " " + value.dump());
  return Exit::Ok;
}

Exit compact(const Invocation& invocation) {
  if (auto status = become_owner_of(invocation.store); !status.ok()) return fail(status);
  if (auto status = check_lmdb_store_path(invocation.store, geteuid()); !status.ok())
    return fail_without_store(status);
  const std::string data = invocation.store + "/data.mdb";
  const std::uint64_t before = size_of(data);
  const Status status = run_in_child(
      [&](const SendLine&) {
        ProgressLine progress("compacting", Unit::Bytes);
        return compact_lmdb_store(invocation.store, progress.function());
      },
      {});
  if (!status.ok()) return fail_without_store(status);
  const std::uint64_t after = size_of(data);
  if (invocation.json) {
    print_json(Json{{"bytes_before", before}, {"bytes_after", after}});
  } else {
    print("the store had " + std::to_string(before) + " bytes and has " + std::to_string(after));
  }
  return Exit::Ok;
}

}  // namespace ews_im::store::ctl
