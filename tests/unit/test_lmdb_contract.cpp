// SPDX-License-Identifier: Apache-2.0
// The contract of stores, kept by the LMDB store: with room in the map, and with a map that has to grow all
// the time.
#include "tests/unit/lmdb_fixture.h"

namespace ews_im::tests {
namespace {

constexpr std::uint64_t kTinyMap = 16 * 4096;

const RegisteredSuite suite("lmdb contract",
                            [] { return store_contract([] { return std::make_unique<LmdbPlace>(); }); });
const RegisteredSuite tiny("lmdb contract, tiny map", [] {
  return store_contract([] { return std::make_unique<LmdbPlace>(kTinyMap); });
});

}  // namespace
}  // namespace ews_im::tests
