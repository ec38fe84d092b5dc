// SPDX-License-Identifier: Apache-2.0
// Runs the registered tests: all, or those whose names contain one of the arguments. --list names them
// instead.
#include <cppunit/Exception.h>
#include <cppunit/SourceLine.h>
#include <cppunit/Test.h>
#include <cppunit/TestFailure.h>
#include <cppunit/TestResult.h>
#include <cppunit/TestResultCollector.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

void collect(CppUnit::Test* test, std::vector<CppUnit::Test*>& leaves) {
  const int children = test->getChildTestCount();
  if (children == 0 && test->countTestCases() == 1) leaves.push_back(test);
  for (int i = 0; i < children; ++i) collect(test->getChildTestAt(i), leaves);
}

class Printer final : public CppUnit::TestListener {
 public:
  void startTest(CppUnit::Test*) override { failed_ = false; }
  void addFailure(const CppUnit::TestFailure& failure) override {
    const CppUnit::SourceLine line = failure.sourceLine();
    std::printf("FAILED %s\n  %s:%d: %s\n", failure.failedTestName().c_str(), line.fileName().c_str(),
                line.lineNumber(), failure.thrownException()->what());
    std::fflush(stdout);
    if (!failed_) ++failures_;
    failed_ = true;
  }
  [[nodiscard]] std::size_t failures() const { return failures_; }

 private:
  bool failed_ = false;
  std::size_t failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::unique_ptr<CppUnit::Test> all(CppUnit::TestFactoryRegistry::getRegistry().makeTest());
  std::vector<CppUnit::Test*> tests;
  collect(all.get(), tests);
  std::sort(tests.begin(), tests.end(), [](auto* a, auto* b) { return a->getName() < b->getName(); });

  std::vector<std::string> filters;
  bool list = false;
  for (const std::string& argument : arguments) {
    if (argument == "--list") {
      list = true;
    } else {
      filters.push_back(argument);
    }
  }
  const auto is_wanted = [&](const CppUnit::Test* test) {
    return filters.empty() || std::any_of(filters.begin(), filters.end(), [&](const std::string& filter) {
             return test->getName().find(filter) != std::string::npos;
           });
  };
  tests.erase(std::remove_if(tests.begin(), tests.end(), [&](auto* test) { return !is_wanted(test); }),
              tests.end());
  if (list) {
    for (const auto* test : tests) std::printf("%s\n", test->getName().c_str());
    return 0;
  }

  Printer printer;
  CppUnit::TestResult result;
  result.addListener(&printer);
  for (auto* test : tests) test->run(&result);
  std::printf("%zu passed, %zu failed\n", tests.size() - printer.failures(), printer.failures());
  return printer.failures() == 0 && !tests.empty() ? 0 : 1;
}
