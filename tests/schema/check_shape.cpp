// SPDX-License-Identifier: Apache-2.0
// Tells what the server thinks of a request's shape, for tests/schema/test_checker.py: reads envelopes, each
// behind its length in four bytes (most significant first), and writes a line for each: "ok", or "LINE COLUMN
// violation" as the fault says it, or what else happened. Goes the way of every request, up to a store that
// is never there; knows no operation.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/service.h"
#include "store/store.h"

namespace {

using namespace ews_im;  // NOLINT(google-build-using-namespace)

/// Every call fails: a request that gets here has passed the check of its shape.
class NoStore final : public store::Store {
 public:
  store::Status snapshot(const store::SnapshotFunction&) override { return gone(); }
  store::Status write(const store::Guid&, store::Deadline, const store::WriteFunction&) override {
    return gone();
  }
  using Store::find;
  store::Result<std::optional<store::DirectoryEntry>> find(const store::Guid&) override { return gone(); }
  store::Status add_mailbox(const store::DirectoryEntry&, store::Deadline) override { return gone(); }
  store::Status change_mailbox(const store::Guid&, store::Deadline, const store::EntryFunction&) override {
    return gone();
  }
  store::Status remove_mailbox(const store::Guid&, store::Deadline) override { return gone(); }
  store::Result<std::vector<store::DirectoryEntry>> mailboxes(const std::optional<store::Guid>&,
                                                              std::size_t) override {
    return gone();
  }
  store::Result<store::Settings> settings() override { return gone(); }
  store::Status change_settings(store::Deadline, const store::SettingsFunction&) override { return gone(); }
  store::Result<std::vector<store::DistributionGroup>> distribution_groups() override { return gone(); }
  store::Status add_distribution_group(const store::DistributionGroup&, store::Deadline) override {
    return gone();
  }
  store::Status remove_distribution_group(std::string_view, store::Deadline) override { return gone(); }
  store::Status grant_impersonation(const store::ImpersonationRight&, store::Deadline) override {
    return gone();
  }
  store::Status revoke_impersonation(const store::ImpersonationRight&, store::Deadline) override {
    return gone();
  }

 private:
  static store::Status gone() { return {store::Fault::Unavailable, "there is none"}; }
};

/// The text of the first element with this local name.
std::string_view text_of(std::string_view xml, std::string_view name) {
  const std::size_t tag = xml.find(std::string(name) + ">");
  if (tag == std::string_view::npos) return {};
  const std::size_t from = tag + name.size() + 1;
  return xml.substr(from, xml.find('<', from) - from);
}

std::string verdict_on(std::string_view data) {
  ews::EnvelopeReader reader;
  reader.feed(data);
  if (reader.finish() != ews::Verdict::Ours) return "not ours";
  NoStore nowhere;
  const ews::Reply reply =
      ews::serve(reader.envelope(), nowhere, nowhere, store::Guid{}, ews::ServerVersion{},
                 std::chrono::steady_clock::now() + std::chrono::seconds(1));
  if (!reply.is_fault()) return "ok";
  std::string body;
  reply.write([&body](std::string_view piece) {
    body += piece;
    return true;
  });
  if (reply.response_code() != ews::ResponseCode::ErrorSchemaValidation) return "fault " + body;
  return std::string(text_of(body, "LineNumber")) + " " + std::string(text_of(body, "LinePosition")) + " " +
         std::string(text_of(body, "Violation"));
}

}  // namespace

int main() {
  std::array<char, 4> length;  // NOLINT(cppcoreguidelines-pro-type-member-init): read before use
  while (std::cin.read(length.data(), length.size())) {
    std::uint32_t size = 0;
    for (const char byte : length) size = size << 8U | static_cast<unsigned char>(byte);
    std::string data(size, '\0');
    if (!std::cin.read(data.data(), size)) return EXIT_FAILURE;
    std::cout << verdict_on(data) << '\n';
  }
  return EXIT_SUCCESS;
}
