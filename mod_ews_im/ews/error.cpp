// SPDX-License-Identifier: Apache-2.0
// The table of response codes: name and usual text, in the order of the enumeration.
#include "mod_ews_im/ews/error.h"

#include <array>

namespace ews_im::ews {
namespace {

struct Row {
  ResponseCode code;
  std::string_view name;
  std::string_view text;
};

#define EWS_IM_ROW(code, text) \
  Row { ResponseCode::code, #code, text }
constexpr std::array kRows{
    EWS_IM_ROW(NoError, ""),
    EWS_IM_ROW(ErrorAccessDenied, "Access is denied. Check credentials and try again."),
    EWS_IM_ROW(ErrorCannotUseFolderIdForItemId, "A folder id cannot be used where an item id is expected."),
    EWS_IM_ROW(ErrorDataSizeLimitExceeded,
               "A value or the number of values in the request exceeds the limit."),
    EWS_IM_ROW(ErrorImContactLimitReached, "The maximum number of IM contacts has been reached."),
    EWS_IM_ROW(ErrorImGroupDisplayNameAlreadyExists,
               "An IM group with the specified display name already exists."),
    EWS_IM_ROW(ErrorImGroupLimitReached, "The maximum number of IM groups has been reached."),
    EWS_IM_ROW(ErrorImpersonateUserDenied,
               "The account does not have permission to impersonate the requested user."),
    EWS_IM_ROW(ErrorImpersonationFailed, "Impersonation failed."),
    EWS_IM_ROW(
        ErrorIncorrectSchemaVersion,
        "The request is valid but does not specify the correct server version in the RequestServerVersion "
        "SOAP header.  Ensure that the RequestServerVersion SOAP header is set with the correct "
        "RequestServerVersionValue."),
    EWS_IM_ROW(ErrorInternalServerError, "An internal server error occurred. The operation failed."),
    EWS_IM_ROW(ErrorInternalServerTransientError, "An internal server error occurred. Try again later."),
    EWS_IM_ROW(ErrorInvalidChangeKey, "The change key is invalid."),
    EWS_IM_ROW(
        ErrorInvalidExchangeImpersonationHeaderData,
        "An ExchangeImpersonation SOAP header must contain a user principal name, user SID, or primary SMTP "
        "address."),
    EWS_IM_ROW(ErrorInvalidExtendedProperty, "The extended property attribute combination is invalid."),
    EWS_IM_ROW(ErrorInvalidIdEmpty, "Id must be non-empty."),
    EWS_IM_ROW(ErrorInvalidIdMalformed, "Id is malformed."),
    EWS_IM_ROW(
        ErrorInvalidIdMalformedEwsLegacyIdFormat,
        "The EWS Id is in EwsLegacyId format which is not supported by the Exchange version specified by "
        "your request. Please use the ConvertId method to convert from EwsLegacyId to EwsId format."),
    EWS_IM_ROW(ErrorInvalidIdMonikerTooLong, "Moniker exceeded allowable length."),
    EWS_IM_ROW(ErrorInvalidIdStoreObjectIdTooLong, "Id exceeded allowable length."),
    EWS_IM_ROW(ErrorInvalidImContactId, "The specified Im Contact Id is invalid."),
    EWS_IM_ROW(ErrorInvalidImDistributionGroupSmtpAddress,
               "The specified IM distribution group SMTP address is invalid."),
    EWS_IM_ROW(ErrorInvalidImGroupId, "The specified Im Group Id is invalid."),
    EWS_IM_ROW(ErrorInvalidRequest, "The request is invalid."),
    EWS_IM_ROW(ErrorInvalidServerVersion, "The specified server version is invalid."),
    EWS_IM_ROW(ErrorInvalidSid, "A SID with an invalid format was encountered."),
    EWS_IM_ROW(ErrorInvalidUserPrincipalName, "The impersonation principal name is invalid."),
    EWS_IM_ROW(ErrorItemNotFound, "The specified object was not found in the store."),
    EWS_IM_ROW(ErrorMailboxStoreUnavailable, "The mailbox database is temporarily unavailable."),
    EWS_IM_ROW(ErrorNonExistentMailbox, "Mailbox does not exist."),
    EWS_IM_ROW(ErrorNonPrimarySmtpAddress,
               "The primary SMTP address must be specified when referencing a mailbox."),
    EWS_IM_ROW(ErrorSchemaValidation, "The request failed schema validation."),
    EWS_IM_ROW(ErrorServerBusy, "The server cannot service this request right now. Try again later."),
    EWS_IM_ROW(ErrorUnableToRemoveImContactFromGroup, "The IM contact could not be removed from the group."),
};
#undef EWS_IM_ROW

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].code) != i) return false;
  }
  return true;
}
static_assert(in_order());

const Row& row(ResponseCode code) { return kRows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view response_code_name(ResponseCode code) { return row(code).name; }
std::string_view message_text(ResponseCode code) { return row(code).text; }

ResponseCode response_code(store::Fault fault) {
  using store::Fault;
  switch (fault) {
    case Fault::NotFound:
      return ResponseCode::ErrorNonExistentMailbox;
    case Fault::Busy:
      return ResponseCode::ErrorServerBusy;
    case Fault::Unavailable:
    case Fault::TooNew:
    case Fault::Denied:
      return ResponseCode::ErrorMailboxStoreUnavailable;
    case Fault::Full:
      return ResponseCode::ErrorInternalServerTransientError;
    case Fault::AlreadyExists:
    case Fault::Invalid:
    case Fault::Corrupt:
    case Fault::Internal:
      break;
  }
  return ResponseCode::ErrorInternalServerError;
}

}  // namespace ews_im::ews
