// SPDX-License-Identifier: Apache-2.0
// The disk's own limit: one writer that writes a page and flushes it, again and again.
//
//   serial_sync FOLDER SECONDS
//
// prints how many times a second. The file is made full size before, so that no flush has to grow it.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kPages = 4096;
  if (argc != 3) return 2;
  const std::string file = std::string(argv[1]) + "/serial_sync.tmp";
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return 1;
  unlink(file.c_str());
  const std::vector<char> page(kPage, 'x');
  bool good = true;
  const auto put = [&](std::size_t number) {
    good = good && pwrite(fd, page.data(), kPage, static_cast<off_t>(number * kPage)) == ssize_t{kPage};
  };
  for (std::size_t i = 0; i < kPages; ++i) put(i);
  good = good && fsync(fd) == 0;

  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const std::chrono::duration<double> limit(std::strtod(argv[2], nullptr));
  std::size_t count = 0;
  while (good && Clock::now() - begin < limit) {
    put(count++ % kPages);
    good = good && fdatasync(fd) == 0;
  }
  const std::chrono::duration<double> spent = Clock::now() - begin;
  std::printf("%.1f\n", static_cast<double>(count) / spent.count());
  return good ? 0 : 1;
}
