// SPDX-License-Identifier: Apache-2.0
#include <cppunit/TestAssert.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "store/lmdb/patience.h"
#include "tests/unit/cases.h"

namespace ews_im::tests {
namespace {

using std::chrono::microseconds;
using store::Patience;

/// `rounds` commits of `count` changes by clients of which each comes again `apart` microseconds after the one before.
struct Past {
  int rounds;
  int count;
  int commit;  // microseconds
  int apart;
};

struct Row {
  const char* name;
  std::vector<Past> past;
  int came;   // of those who were answered last, each at its time
  int begun;  // microseconds after the answers
  int asked;  // after that
  std::size_t expected;
};

const Row kRows[] = {
    {"nobody was ever answered", {}, 1, 0, 0, 0},
    {"a slow disk and quick clients", {{20, 8, 10000, 100}}, 2, 250, 0, 6},
    {"all have come", {{20, 8, 10000, 100}}, 8, 850, 0, 0},
    {"a quick disk", {{20, 8, 1000, 100}}, 2, 250, 0, 0},
    {"slow clients", {{20, 8, 10000, 1000}}, 2, 2500, 0, 0},
    {"one client alone", {{20, 1, 10000, 100}}, 1, 150, 0, 0},
    {"two clients in turns", {{20, 2, 10000, 100}}, 1, 150, 0, 1},
    {"nobody has ever come again", {{1, 8, 10000, 100}}, 1, 150, 0, 7},
    {"long enough", {{20, 8, 10000, 100}}, 2, 250, 4001, 0},
    {"so late that they do something else", {{20, 8, 10000, 100}}, 1, 3300, 0, 0},
    {"clients that became slow", {{20, 8, 10000, 100}, {20, 8, 10000, 2000}}, 1, 2100, 0, 0},
    {"clients that became quick", {{20, 8, 10000, 2000}, {40, 8, 10000, 100}}, 1, 150, 0, 7},
    {"a disk that became slow", {{20, 8, 1000, 100}, {1, 8, 10000, 100}}, 1, 150, 0, 7},
};

void expects(const Row& row) {
  Patience patience;
  Patience::Clock::time_point now{std::chrono::hours(1)};
  int apart = 0;
  for (const Past& past : row.past) {
    for (int round = 0; round < past.rounds; ++round) {
      if (round != 0) {
        for (int i = 1; i <= past.count; ++i) patience.came(now + microseconds(i * past.apart));
      }
      now += microseconds(past.commit + past.count * past.apart);
      patience.answered(static_cast<std::size_t>(past.count), microseconds(past.commit), now);
    }
    apart = past.apart;
  }
  for (int i = 1; i <= row.came; ++i) patience.came(now + microseconds(i * apart));
  now += microseconds(row.begun);
  patience.begin(now);
  CPPUNIT_ASSERT_EQUAL(row.expected, patience.expected(now + microseconds(row.asked)));
}

/// A look at the clock from before the answers counts as none.
void clocks_read_early() {
  Patience patience;
  Patience::Clock::time_point now{std::chrono::hours(1)};
  for (int round = 0; round < 20; ++round) {
    patience.answered(2, microseconds(10000), now);
    patience.came(now - microseconds(50));
    patience.came(now - microseconds(40));
    now += microseconds(12000);
  }
  patience.answered(2, microseconds(10000), now);
  patience.begin(now);
  CPPUNIT_ASSERT_EQUAL(std::size_t{0}, patience.expected(now + microseconds(1)));
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Row& row : kRows) all.push_back({row.name, [&row] { expects(row); }});
  all.push_back({"clocks read early", clocks_read_early});
  return all;
}

const RegisteredSuite suite("patience", cases);

}  // namespace
}  // namespace ews_im::tests
