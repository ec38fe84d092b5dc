// SPDX-License-Identifier: Apache-2.0
// hold STORE read COUNT | write: takes COUNT read transactions, or the place of the writer, by the store's own environment;
// prints "held N" (how many it got), and waits for the end of its input. Knows nothing of servers; meant to be stopped and
// killed.
#include <unistd.h>

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
  auto env = LmdbEnv::open(options);
  if (!env.ok()) return fail(env.status());
  std::vector<LmdbTxn> held;
  if (std::string_view(argv[2]) == "write") {
    auto txn = env.value()->begin_write(true);
    if (!txn.ok()) return fail(txn.status());
    held.push_back(std::move(txn.value()));
  } else {
    const long count = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 1;
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
