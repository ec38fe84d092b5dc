# SPDX-License-Identifier: Apache-2.0
"""The text of each response code, as Exchange words it where that is known; every answer of the tests is compared."""

TEXTS = {
    "ErrorAccessDenied": ["Access is denied. Check credentials and try again."],
    "ErrorCannotUseFolderIdForItemId": ["A folder id cannot be used where an item id is expected."],
    "ErrorDataSizeLimitExceeded": ["A value or the number of values in the request exceeds the limit."],
    "ErrorImContactLimitReached": ["The maximum number of IM contacts has been reached."],
    "ErrorImGroupDisplayNameAlreadyExists": ["An IM group with the specified display name already exists."],
    "ErrorImGroupLimitReached": ["The maximum number of IM groups has been reached."],
    "ErrorImpersonateUserDenied": ["The account does not have permission to impersonate the requested user."],
    "ErrorImpersonationFailed": ["Impersonation failed."],
    "ErrorIncorrectSchemaVersion": [
        "The request is valid but does not specify the correct server version in the RequestServerVersion SOAP header.  "
        "Ensure that the RequestServerVersion SOAP header is set with the correct RequestServerVersionValue."],
    "ErrorInternalServerError": ["An internal server error occurred. The operation failed."],
    "ErrorInternalServerTransientError": ["An internal server error occurred. Try again later."],
    "ErrorInvalidChangeKey": ["The change key is invalid."],
    "ErrorInvalidExchangeImpersonationHeaderData": [
        "An ExchangeImpersonation SOAP header must contain a user principal name, user SID, or primary SMTP address."],
    "ErrorInvalidExtendedProperty": ["The extended property attribute combination is invalid."],
    "ErrorInvalidIdEmpty": ["Id must be non-empty."],
    "ErrorInvalidIdMalformed": ["Id is malformed."],
    "ErrorInvalidIdMalformedEwsLegacyIdFormat": [
        "The EWS Id is in EwsLegacyId format which is not supported by the Exchange version specified by your request. Please "
        "use the ConvertId method to convert from EwsLegacyId to EwsId format."],
    "ErrorInvalidIdMonikerTooLong": ["Moniker exceeded allowable length."],
    "ErrorInvalidIdStoreObjectIdTooLong": ["Id exceeded allowable length."],
    "ErrorInvalidImContactId": ["The specified Im Contact Id is invalid."],
    "ErrorInvalidImDistributionGroupSmtpAddress": ["The specified IM distribution group SMTP address is invalid."],
    "ErrorInvalidImGroupId": ["The specified Im Group Id is invalid."],
    "ErrorInvalidRequest": ["The request is invalid."],
    "ErrorInvalidServerVersion": ["The specified server version is invalid."],
    "ErrorInvalidSid": ["A SID with an invalid format was encountered."],
    "ErrorInvalidUserPrincipalName": ["The impersonation principal name is invalid."],
    "ErrorItemNotFound": ["The specified object was not found in the store."],
    "ErrorMailboxStoreUnavailable": ["The mailbox database is temporarily unavailable."],
    "ErrorNonExistentMailbox": ["No mailbox with such guid.", "The SMTP address has no mailbox associated with it.",
                                "Mailbox does not exist."],
    "ErrorNonPrimarySmtpAddress": ["The primary SMTP address must be specified when referencing a mailbox."],
    "ErrorSchemaValidation": ["The request failed schema validation: "],  # what is wrong follows
    "ErrorServerBusy": ["The server cannot service this request right now. Try again later."],
    "ErrorUnableToRemoveImContactFromGroup": ["The IM contact could not be removed from the group."],
}


def text_problem(code, text):
    """What is wrong with the text of an answer, or None. Plain SOAP faults (s:...) word theirs freely."""
    if code.startswith("s:"):
        return None if text else "no text"
    texts = TEXTS.get(code)
    if texts is None:
        return f"{code} has no text that these tests know"
    good = text.startswith(texts[0]) if code == "ErrorSchemaValidation" else text in texts
    return None if good else f"{code}: the text is {text!r}"
