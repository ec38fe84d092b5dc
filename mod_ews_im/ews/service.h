// SPDX-License-Identifier: Apache-2.0
// From an envelope to its answer: version header, shape, ids, operation (in this order). Who calls, and
// whether he may, has been settled before. Knows no HTTP server and no particular store.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "mod_ews_im/ews/envelope.h"
#include "mod_ews_im/ews/reply.h"
#include "store/store.h"

namespace ews_im::ews {

/// What ServerVersionInfo says of this server.
struct ServerVersion {
  int major_version = 15;
  int minor_version = 0;
  int major_build_number = 578;
  int minor_build_number = 11;
  std::string version = "Exchange2013";
};

/// The version from its directive's form "15.0.578.11 Exchange2013" (the second word optional); false if it
/// is none.
[[nodiscard]] bool parse_server_version(std::string_view text, ServerVersion& version);

/// The wire names of the operations that are served, in the order of the table. Lives for ever.
[[nodiscard]] std::span<const Operation> operations();
[[nodiscard]] std::string_view operation_name(const Operation& operation);
/// True for an operation that may change a mailbox.
[[nodiscard]] bool is_write(const Operation& operation);

/// Answers a request for the mailbox `mailbox`. Whatever happens there is an answer; faults of the store are
/// told in Reply::detail(). An operation that reads does so by `reader` alone, be it the store or a snapshot of it; one
/// that writes leaves it alone, and must not be served within a snapshot.
[[nodiscard]] Reply serve(const Envelope& envelope, store::Reader& reader, store::Store& store,
                          const store::Guid& mailbox, const ServerVersion& version, store::Deadline deadline);

/// A response message of the request's operation that says why it failed (HTTP status 200).
[[nodiscard]] Reply error_reply(const Envelope& envelope, const ServerVersion& version,
                                const ErrorMessage& error);

/// What a client is told of a fault of the store; the detail is kept for the log. ErrorServerBusy is a SOAP
/// fault with BackOffMilliseconds, everything else an error of the operation: `failure` if there is no use in
/// trying again.
[[nodiscard]] Reply store_fault_reply(const Envelope& envelope, const ServerVersion& version,
                                      const store::Status& status,
                                      ResponseCode failure = ResponseCode::ErrorInternalServerError);

/// A SOAP fault (HTTP status 500). `https`: how the request spells the namespaces, as far as that is known.
[[nodiscard]] Reply fault_reply(const SoapFault& fault, bool https = false);

}  // namespace ews_im::ews
