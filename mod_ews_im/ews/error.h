// SPDX-License-Identifier: Apache-2.0
// The response codes that this server can answer (ResponseCodeType of the Messages schema), the text of each,
// and the one place where refusals and faults of the store become codes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/status.h"

namespace ews_im::ews {

/// Spelled as in the schema.
enum class ResponseCode : std::uint8_t {
  NoError,
  ErrorAccessDenied,
  ErrorCannotUseFolderIdForItemId,
  ErrorDataSizeLimitExceeded,
  ErrorImContactLimitReached,
  ErrorImGroupDisplayNameAlreadyExists,
  ErrorImGroupLimitReached,
  ErrorImpersonateUserDenied,
  ErrorImpersonationFailed,
  ErrorIncorrectSchemaVersion,
  ErrorInternalServerError,
  ErrorInternalServerTransientError,
  ErrorInvalidChangeKey,
  ErrorInvalidExchangeImpersonationHeaderData,
  ErrorInvalidExtendedProperty,
  ErrorInvalidIdEmpty,
  ErrorInvalidIdMalformed,
  ErrorInvalidIdMalformedEwsLegacyIdFormat,
  ErrorInvalidIdMonikerTooLong,
  ErrorInvalidIdStoreObjectIdTooLong,
  ErrorInvalidImContactId,
  ErrorInvalidImDistributionGroupSmtpAddress,
  ErrorInvalidImGroupId,
  ErrorInvalidRequest,
  ErrorInvalidServerVersion,
  ErrorInvalidSid,
  ErrorInvalidUserPrincipalName,
  ErrorItemNotFound,
  ErrorMailboxStoreUnavailable,
  ErrorNonExistentMailbox,
  ErrorNonPrimarySmtpAddress,
  ErrorSchemaValidation,
  ErrorServerBusy,
  ErrorUnableToRemoveImContactFromGroup,
};

/// The code as it stands in a reply, for instance "ErrorItemNotFound". Lives for ever.
[[nodiscard]] std::string_view response_code_name(ResponseCode code);
/// The usual MessageText of a code. Lives for ever.
[[nodiscard]] std::string_view message_text(ResponseCode code);
/// The texts of ErrorNonExistentMailbox when it is found from an id, and from an address.
inline constexpr std::string_view kNoMailboxWithSuchGuid = "No mailbox with such guid.";
inline constexpr std::string_view kNoMailboxForSmtpAddress =
    "The SMTP address has no mailbox associated with it.";

/// What a fault of the store is to a client.
[[nodiscard]] ResponseCode response_code(store::Fault fault);

/// How long a client is asked to wait after ErrorServerBusy.
inline constexpr int kBackOffMilliseconds = 1000;

/// One line of MessageXml: <t:Value Name="name">value</t:Value>.
struct MessageXmlValue {
  std::string name;
  std::string value;
};

/// An error that an operation finds: a response message with ResponseClass="Error" and HTTP status 200.
struct ErrorMessage {
  ResponseCode code = ResponseCode::ErrorInternalServerError;
  std::string_view text = {};  ///< empty: message_text(code); else lives for ever
  std::optional<MessageXmlValue> message_xml = {};
};

/// Where a request breaks its schema or is not well-formed; line and column count from 1, 0 if unknown.
struct Violation {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string text;
};

/// A SOAP fault, HTTP status 500.
struct SoapFault {
  enum class Kind : std::uint8_t {
    Exchange,         ///< faultcode a:<ResponseCode>
    VersionMismatch,  ///< faultcode s:VersionMismatch: the envelope is not SOAP 1.1
    MustUnderstand,   ///< faultcode s:MustUnderstand: a header that the client insists on is unknown
  };
  Kind kind = Kind::Exchange;
  ResponseCode code = ResponseCode::ErrorInternalServerError;
  std::string text = {};                            ///< empty: message_text(code)
  std::optional<Violation> violation = {};          ///< with ErrorSchemaValidation
  std::optional<MessageXmlValue> message_xml = {};  ///< with ErrorServerBusy, ErrorNonPrimarySmtpAddress
};

}  // namespace ews_im::ews
