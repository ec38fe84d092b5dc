// SPDX-License-Identifier: Apache-2.0
// What the operations share: reading ids and texts from a request that has passed its shape check, running a
// rule of the IM list in a transaction, and turning a refusal into a response code.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "mod_ews_im/ews/item_id.h"
#include "mod_ews_im/ews/message.h"
#include "mod_ews_im/ews/operation.h"
#include "store/im_list.h"

namespace ews_im::ews {

/// The text of a child of the request; empty if it was left out.
[[nodiscard]] std::string_view text_argument(const Call& call, std::string_view name);

/// ErrorDataSizeLimitExceeded if a text is longer than the store keeps (store/model.h).
[[nodiscard]] std::optional<ErrorMessage> check_display_name(std::string_view text);
[[nodiscard]] std::optional<ErrorMessage> check_address(std::string_view text);

/// What an id is expected to name: decides the code for an id of another kind.
enum class Named : std::uint8_t { Group, Contact };

/// The id in the child `name` (t:ItemIdType), checked against the caller's mailbox; nullopt if the child was
/// left out.
[[nodiscard]] std::variant<std::optional<ItemId>, ErrorMessage> id_argument(const Call& call,
                                                                            std::string_view name,
                                                                            Named named);

/// The codes that differ between operations (the code matrix of MS-OXWSCOS and its documentation).
struct RefusalCodes {
  ResponseCode no_such_group = ResponseCode::ErrorInvalidImGroupId;
  ResponseCode no_such_contact = ResponseCode::ErrorItemNotFound;
  ResponseCode failure = ResponseCode::ErrorInternalServerError;  ///< the store failed for good
};
[[nodiscard]] ResponseCode refusal_code(store::Refusal refusal, const RefusalCodes& codes);

/// Runs `rule` in a transaction of the caller's mailbox, and answers with what `payload` writes for its
/// result.
template <class T>
[[nodiscard]] Reply run_rule(const Call& call, const RefusalCodes& codes,
                             const std::function<store::Accepted<T>(store::MailboxTransaction&)>& rule,
                             const std::function<void(Output&, const IdWriter&, const T&)>& payload) {
  std::optional<store::Accepted<T>> accepted;
  store::Mailbox mailbox;
  const auto status = call.store.write(call.mailbox, call.deadline, [&](store::MailboxTransaction& txn) {
    accepted.emplace(rule(txn));
    mailbox = txn.mailbox();
    return std::holds_alternative<T>(*accepted) ? store::Outcome::Commit : store::Outcome::Rollback;
  });
  if (!status.ok()) return store_fault_reply(call.envelope, call.version, status, codes.failure);
  if (const auto* refusal = std::get_if<store::Refusal>(&*accepted)) {
    return error_reply(call.envelope, call.version, {.code = refusal_code(*refusal, codes)});
  }
  if (!payload) return success_reply(call.envelope, call.version);
  std::string body;
  Output out(body);
  write_success_head(out, call.envelope, call.version);
  payload(out, IdWriter(mailbox), std::get<T>(*accepted));
  write_success_tail(out, call.envelope);
  return {200, ResponseCode::NoError, std::move(body)};
}

}  // namespace ews_im::ews
