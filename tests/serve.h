// SPDX-License-Identifier: Apache-2.0
// How the server's glue serves a request whose mailbox is known, for tests that have no server.
#pragma once

#include <exception>
#include <optional>

#include "mod_ews_im/ews/service.h"

namespace ews_im::tests {

/// What reads is served in a snapshot; what that throws comes out of here.
inline ews::Reply serve(const ews::Envelope& envelope, store::Store& store, const store::Guid& mailbox,
                        store::Deadline deadline) {
  if (ews::is_write(*envelope.operation)) return ews::serve(envelope, store, store, mailbox, {}, deadline);
  std::optional<ews::Reply> reply;
  std::exception_ptr thrown;
  const store::Status status = store.snapshot([&](store::Reader& reader) {
    try {
      reply = ews::serve(envelope, reader, store, mailbox, {}, deadline);
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  if (thrown) std::rethrow_exception(thrown);
  if (!status.ok()) return ews::store_fault_reply(envelope, {}, status);
  return *std::move(reply);
}

}  // namespace ews_im::tests
