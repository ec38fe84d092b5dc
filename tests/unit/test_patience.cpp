// SPDX-License-Identifier: Apache-2.0
#include <cppunit/TestAssert.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
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
  std::int64_t count;
  std::int64_t commit;  // microseconds
  std::int64_t apart;
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
    {"not yet long enough", {{20, 8, 10000, 400}}, 2, 850, 3999, 6},
    {"long enough", {{20, 8, 10000, 400}}, 2, 850, 4001, 0},
    {"as long as anybody may wait", {{20, 8, 1000000, 5000}}, 2, 11000, 49999, 6},
    {"longer than anybody may wait", {{20, 8, 1000000, 5000}}, 2, 11000, 50001, 0},
    {"so late that they do something else", {{20, 8, 10000, 100}}, 1, 3300, 0, 0},
    {"clients that became slow", {{20, 8, 10000, 100}, {20, 8, 10000, 2000}}, 1, 2100, 0, 0},
    {"clients that became quick", {{20, 8, 10000, 2000}, {40, 8, 10000, 100}}, 1, 150, 0, 7},
    {"clients that were away for an hour",
     {{20, 8, 10000, 100}, {1, 1, 10000, 3600000000}, {1, 8, 10000, 100}},
     1,
     150,
     0,
     7},
    {"a client that looked at the clock an hour before the answers",
     {{20, 8, 10000, 100}, {1, 1, 10000, -3600000000}, {1, 8, 10000, 100}},
     1,
     150,
     0,
     7},
    {"a disk that became slow", {{20, 8, 1000, 100}, {1, 8, 10000, 100}}, 1, 150, 0, 7},
};

void expects(const Row& row) {
  Patience patience;
  Patience::Clock::time_point now{std::chrono::hours(1)};
  std::int64_t apart = 0;
  for (const Past& past : row.past) {
    for (int round = 0; round < past.rounds; ++round) {
      for (int i = 1; i <= past.count; ++i) patience.came(now + microseconds(i * past.apart));
      now += microseconds(past.commit + past.count * past.apart);
      patience.answered(static_cast<std::size_t>(past.count), microseconds(past.commit), now);
    }
    apart = past.apart;
  }
  for (int i = 1; i <= row.came; ++i) patience.came(now + microseconds(i * apart));
  now += microseconds(row.begun);
  patience.begin(now);
  CPPUNIT_ASSERT_EQUAL(row.expected, patience.wait(now + microseconds(row.asked)).count);
}

/// It ends when those who are missing have become unlikely to come, well before what could be borne.
void end_of_a_wait() {
  Patience patience;
  Patience::Clock::time_point now{std::chrono::hours(1)};
  for (int round = 0; round < 20; ++round) {
    for (int i = 1; i <= 8; ++i) patience.came(now + microseconds(i * 100));
    now += microseconds(100000);
    patience.answered(8, microseconds(100000), now);
  }
  patience.begin(now + microseconds(100));
  const auto wait = patience.wait(now + microseconds(200));
  CPPUNIT_ASSERT_EQUAL(std::size_t{8}, wait.count);
  CPPUNIT_ASSERT(wait.until - now > microseconds(3000) && wait.until - now < microseconds(3400));
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Row& row : kRows) all.push_back({row.name, [&row] { expects(row); }});
  all.push_back({"the end of a wait", end_of_a_wait});
  return all;
}

const RegisteredSuite suite("patience", cases);

}  // namespace
}  // namespace ews_im::tests
