// SPDX-License-Identifier: Apache-2.0
// hold STORE read COUNT | write: takes COUNT read transactions, or the place of the writer, by the store's
// own environment; prints "held N" (how many it got), and waits for the end of its input. Meant to be stopped
// and killed. hold STORE create SIZE: makes a store whose map has so many bytes. Knows nothing of servers.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "store/lmdb/lmdb_env.h"

namespace {

using namespace ews_im::store;

int fail(const Status& status) {
  std::fprintf(stderr, "hold: %s\n", status.detail().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  LmdbOptions options;
  options.path = argv[1];
  const std::string_view what = argv[2];
  const long count = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 1;
  if (what == "create") {
    options.map_size = static_cast<std::uint64_t>(count);
    const auto status = create_lmdb_store(options);
    return status.ok() ? 0 : fail(status);
  }
  options.map_size = 0;  // what the store has
  auto env = LmdbEnv::open(options);
  if (!env.ok()) return fail(env.status());
  std::vector<LmdbTxn> held;
  if (what == "write") {
    auto txn = env.value()->begin_write(true);
    if (!txn.ok()) return fail(txn.status());
    held.push_back(std::move(txn.value()));
  } else {
    for (long i = 0; i < count; ++i) {
      auto txn = env.value()->begin_read();
      if (!txn.ok()) break;  // no slot is left
      held.push_back(std::move(txn.value()));
    }
  }
  std::printf("held %zu\n", held.size());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  return 0;
}
