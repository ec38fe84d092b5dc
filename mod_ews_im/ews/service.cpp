// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/ews/service.h"

#include <array>
#include <charconv>

#include "mod_ews_im/ews/headers.h"
#include "mod_ews_im/ews/operation.h"

namespace ews_im::ews {

bool parse_server_version(std::string_view text, ServerVersion& version) {
  constexpr int kLargestNumber = 65535;
  constexpr std::size_t kLongestName = 32;
  const auto space = text.find(' ');
  std::string_view numbers = text.substr(0, space);
  ServerVersion parsed;
  const std::array<int*, 4> fields{&parsed.major_version, &parsed.minor_version, &parsed.major_build_number,
                                   &parsed.minor_build_number};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto [end, error] = std::from_chars(numbers.data(), numbers.data() + numbers.size(), *fields[i]);
    if (error != std::errc{} || *fields[i] < 0 || *fields[i] > kLargestNumber) return false;
    numbers.remove_prefix(static_cast<std::size_t>(end - numbers.data()));
    if (i + 1 < fields.size()) {
      if (!numbers.starts_with('.')) return false;
      numbers.remove_prefix(1);
    }
  }
  if (!numbers.empty()) return false;
  if (space != std::string_view::npos) {
    const std::string_view name = text.substr(space + 1);
    if (name.empty() || name.size() > kLongestName) return false;
    for (const char c : name) {
      const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      if (!letter && !(c >= '0' && c <= '9') && c != '_') return false;
    }
    parsed.version = name;
  }
  version = parsed;
  return true;
}

std::string_view operation_name(const Operation& operation) { return operation.name; }
bool is_write(const Operation& operation) { return operation.writes; }

Reply serve(const Envelope& envelope, store::Reader& reader, store::Store& store, const store::Guid& mailbox,
            const ServerVersion& version, store::Deadline deadline) {
  if (auto fault = check_version(envelope)) return fault_reply(*fault, envelope.https);
  if (auto violation = check_shape(*envelope.request, envelope.operation->shape)) {
    return fault_reply({.code = ResponseCode::ErrorSchemaValidation, .violation = std::move(*violation)},
                       envelope.https);
  }
  return envelope.operation->run({envelope, *envelope.request, reader, store, mailbox, version, deadline});
}

}  // namespace ews_im::ews
