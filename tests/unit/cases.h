// SPDX-License-Identifier: Apache-2.0
// Tables of named cases as CppUnit tests: `const RegisteredSuite suite("guid", cases);` registers each under
// "guid: name".
#pragma once

#include <cppunit/TestAssert.h>
#include <cppunit/TestCase.h>
#include <cppunit/TestFailure.h>
#include <cppunit/TestSuite.h>
#include <cppunit/extensions/TestFactory.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace ews_im::tests {

struct Case {
  std::string name;
  std::function<void()> body;  ///< fails by CPPUNIT_ASSERT...
};

class FunctionCase final : public CppUnit::TestCase {
 public:
  FunctionCase(const std::string& name, std::function<void()> body)
      : TestCase(name), body_(std::move(body)) {}
  void runTest() override { body_(); }

 private:
  std::function<void()> body_;
};

class RegisteredSuite final : public CppUnit::TestFactory {
 public:
  RegisteredSuite(std::string name, std::function<std::vector<Case>()> cases)
      : name_(std::move(name)), cases_(std::move(cases)) {
    CppUnit::TestFactoryRegistry::getRegistry().registerFactory(this);
  }
  RegisteredSuite(const RegisteredSuite&) = delete;
  RegisteredSuite& operator=(const RegisteredSuite&) = delete;
  ~RegisteredSuite() override { CppUnit::TestFactoryRegistry::getRegistry().unregisterFactory(this); }

  CppUnit::Test* makeTest() override {
    auto* suite = new CppUnit::TestSuite(name_);
    for (Case& c : cases_()) suite->addTest(new FunctionCase(name_ + ": " + c.name, std::move(c.body)));
    return suite;
  }

 private:
  std::string name_;
  std::function<std::vector<Case>()> cases_;
};

}  // namespace ews_im::tests
