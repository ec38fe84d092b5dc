// SPDX-License-Identifier: Apache-2.0
// The main program of a fuzz target without libFuzzer: runs the files it is given, and as many changed copies
// of each as --mutations=N says; the same ones every time. The last line tells how many inputs there were.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string changed(std::string input, std::mt19937& random) {
  const auto below = [&](std::size_t limit) {
    return std::size_t{random()} % std::max<std::size_t>(limit, 1);
  };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(input.size());
    const std::size_t length = 1 + below(16);
    switch (below(5)) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<char>(below(256));
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(at, input.substr(below(input.size()), length));
        break;
      default:
        input.resize(at);
        break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::string_view kMutations = "--mutations=";
  unsigned long mutations = 0;
  unsigned long inputs = 0;
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with(kMutations)) {
      mutations = std::strtoul(argv[i] + kMutations.size(), nullptr, 10);
      continue;
    }
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s cannot be read\n", argv[i]);
      return 1;
    }
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    run(input);
    for (unsigned long n = 0; n < mutations; ++n) run(changed(input, random));
    inputs += 1 + mutations;
  }
  std::printf("%lu inputs\n", inputs);
  return 0;
}
