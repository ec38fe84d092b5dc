// SPDX-License-Identifier: Apache-2.0
// What every store does alike: a call that reads by itself has a snapshot of its own.
#include "store/store.h"

namespace ews_im::store {
namespace {

/// What `function` returns, unless there was no snapshot.
template <class T, class Function>
T in_own_snapshot(Store& store, const Function& function) {
  std::optional<T> result;
  Status status = store.snapshot([&](Reader& reader) { result = function(reader); });
  if (!status.ok()) return status;
  return *std::move(result);
}

}  // namespace

Status Store::read(const Guid& mailbox, const ReadFunction& function) {
  return in_own_snapshot<Status>(*this, [&](Reader& reader) { return reader.read(mailbox, function); });
}

Result<std::optional<DirectoryEntry>> Store::find(NameKind kind, std::string_view name) {
  return in_own_snapshot<Result<std::optional<DirectoryEntry>>>(
      *this, [&](Reader& reader) { return reader.find(kind, name); });
}

Result<std::vector<ImpersonationRight>> Store::impersonation_rights(std::string_view caller) {
  return in_own_snapshot<Result<std::vector<ImpersonationRight>>>(
      *this, [&](Reader& reader) { return reader.impersonation_rights(caller); });
}

}  // namespace ews_im::store
