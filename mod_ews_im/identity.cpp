// SPDX-License-Identifier: Apache-2.0
#include "mod_ews_im/identity.h"

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "mod_ews_im/note.h"

namespace ews_im {
namespace {

using ews::ConnectingSid;
using ews::ResponseCode;
using ews::SoapFault;
using store::DirectoryEntry;
using store::NameKind;
using store::Result;
using store::Status;

using Found = Result<std::optional<DirectoryEntry>>;

/// nullopt if EWSImMailbox cannot be evaluated; httpd tells the log why.
std::optional<std::string> caller_name(request_rec* r, const ServerConfig& config) {
  if (config.mailbox == nullptr) return r->user;
  const char* error = nullptr;
  const char* name = ap_expr_str_exec(r, config.mailbox, &error);
  if (error == nullptr) return name != nullptr ? name : "";
  return std::nullopt;
}

/// nullopt if EWSImImpersonation cannot be evaluated, which allows nothing; httpd tells the log why.
std::optional<bool> expression_allows(request_rec* r, const ServerConfig& config) {
  if (config.impersonation == nullptr) return false;
  const char* error = nullptr;
  const int result = ap_expr_exec(r, config.impersonation, &error);
  if (result < 0 || error != nullptr) return std::nullopt;
  return result > 0;
}

/// As SMTP address or alias, as UPN, as account name; always whole. The realm of user@REALM and the domain
/// of DOMAIN\user are never cut off: tsmith of another realm must not become tsmith of this one.
Identified mailbox_of(store::Reader& reader, const std::string& caller) {
  if (caller.empty() || caller.size() > store::kLongestAddress) return NotHere{};
  for (const NameKind kind : {NameKind::SmtpAddress, NameKind::UserPrincipalName, NameKind::Account}) {
    const Found found = reader.find(kind, caller);
    if (!found.ok()) return found.status();
    if (found.value()) return found.value()->guid;
  }
  return NotHere{};
}

class Identification {
 public:
  Identification(request_rec* r, Mode mode, store::Reader& reader)
      : request_(r), mode_(mode), reader_(reader) {}

  /// What the caller may do is settled before the target is looked up, and a caller with rights for some
  /// mailboxes learns nothing of others: whether they exist here or not, it is refused.
  ///
  /// Where something else serves the URL too (EWSIm On), a target that is not here has its mailbox there, and
  /// the request goes there as it came: for a caller who may act for everyone here, and for one who has
  /// neither a mailbox nor a right here. What that one may do is for the other side to say.
  ///
  /// `allowed`, `own`: what EWSImImpersonation and EWSImMailbox say of the caller; `own` counts with EWSIm On alone.
  Identified act_for(const ConnectingSid& target, const std::optional<bool>& allowed,
                     const std::optional<std::string>& own) {
    const auto rights = reader_.impersonation_rights(request_->user);
    if (!rights.ok()) return rights.status();
    const bool everyone =
        allowed.value_or(false) ||
        std::ranges::any_of(rights.value(), [](const auto& right) { return !right.mailbox.has_value(); });
    if (!allowed && rights.value().empty()) return SoapFault{.code = ResponseCode::ErrorImpersonationFailed};
    if (!everyone && rights.value().empty()) return without_rights(own);
    if (target.kind == ConnectingSid::Kind::Sid && !store::is_sid(target.value)) {
      return SoapFault{.code = ResponseCode::ErrorInvalidSid};
    }
    const Found found = find_target(target);
    if (!found.ok()) return found.status();
    const auto& entry = found.value();
    const auto names = [&](const auto& right) { return entry && right.mailbox == entry->guid; };
    if (!everyone && std::ranges::none_of(rights.value(), names)) return denied();
    if (!entry) return not_found(target);
    if (target.kind == ConnectingSid::Kind::PrimarySmtpAddress &&
        store::ascii_lower(target.value) != store::ascii_lower(entry->primary_smtp_address)) {
      return SoapFault{.code = ResponseCode::ErrorNonPrimarySmtpAddress,
                       .message_xml = ews::MessageXmlValue{"Primary", entry->primary_smtp_address}};
    }
    return entry->guid;
  }

 private:
  Identified without_rights(const std::optional<std::string>& own) {
    if (mode_ == Mode::On) {
      if (!own) return SoapFault{.code = ResponseCode::ErrorInternalServerError};
      Identified mailbox = mailbox_of(reader_, *own);
      if (!std::holds_alternative<store::Guid>(mailbox)) return mailbox;
    }
    return denied();
  }

  static SoapFault denied() { return {.code = ResponseCode::ErrorImpersonateUserDenied}; }

  Found find_target(const ConnectingSid& target) const {
    if (target.value.size() > store::kLongestAddress) return std::optional<DirectoryEntry>();
    switch (target.kind) {
      case ConnectingSid::Kind::PrincipalName:
        return reader_.find(NameKind::UserPrincipalName, target.value);
      case ConnectingSid::Kind::Sid:
        return reader_.find(NameKind::Sid, target.value);
      case ConnectingSid::Kind::PrimarySmtpAddress:
      case ConnectingSid::Kind::SmtpAddress:
        break;
    }
    return reader_.find(NameKind::SmtpAddress, target.value);
  }

  Identified not_found(const ConnectingSid& target) const {
    if (mode_ == Mode::On) return NotHere{};
    if (target.kind == ConnectingSid::Kind::PrincipalName) {
      return SoapFault{.code = ResponseCode::ErrorInvalidUserPrincipalName};
    }
    return SoapFault{.code = ResponseCode::ErrorNonExistentMailbox,
                     .text = std::string(ews::kNoMailboxForSmtpAddress)};
  }

  request_rec* request_;
  Mode mode_;
  store::Reader& reader_;
};

Identified create(request_rec* r, const std::string& name, store::Store& store, store::Deadline deadline) {
  if (!store::is_smtp_address(name)) {
    static LogGate gate;
    if (gate.opens()) {
      ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                    EWSIM(0040) "EWSImAutoCreate: no mailbox for '%.64s': that is no SMTP address; EWSImMailbox must give one",
                    name.c_str());
    }
    return NotHere{};
  }
  DirectoryEntry entry;
  entry.guid = store::Guid::random();
  entry.primary_smtp_address = name;
  const Status status = store.add_mailbox(entry, deadline);
  if (status.ok()) {
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, EWSIM(0041) "made the mailbox %s for %.64s",
                  entry.guid.text().c_str(), name.c_str());
    return entry.guid;
  }
  if (status.fault() != store::Fault::AlreadyExists) return status;
  // Another request of this user was quicker.
  Identified mailbox = mailbox_of(store, name);
  if (std::holds_alternative<NotHere>(mailbox)) return status;
  return mailbox;
}

/// What `find` finds in a snapshot, and `then` was called with; what that throws is not the store's fault.
template <class Find>
Identified look(store::Store& store, const Find& find, const InSnapshot& then) {
  Identified identified = NotHere{};
  std::exception_ptr thrown;
  Status status = store.snapshot([&](store::Reader& reader) {
    identified = find(reader);
    const auto* mailbox = std::get_if<store::Guid>(&identified);
    if (mailbox == nullptr) return;
    try {
      then(reader, *mailbox);
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  if (thrown) std::rethrow_exception(thrown);
  if (!status.ok()) return status;
  return identified;
}

void log_denial(request_rec* r, const ConnectingSid& target, const Identified& identified) {
  const auto* fault = std::get_if<SoapFault>(&identified);
  if (fault == nullptr || fault->code != ResponseCode::ErrorImpersonateUserDenied) return;
  ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, EWSIM(0042) "%.64s may not act for '%.64s'", r->user,
                target.value.c_str());
}

Identified impersonation_failed(request_rec* r, const Status& status) {
  static LogGate gate;
  if (gate.opens()) {
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  EWSIM(0043) "ErrorImpersonationFailed: %s; check the store with ews-imctl check",
                  status.detail().c_str());
  }
  return SoapFault{.code = ResponseCode::ErrorImpersonationFailed};
}

}  // namespace

// Expressions are evaluated before there is a snapshot, and the log is written after it: who knows how long they take.
Identified identify(request_rec* r, const ServerConfig& config, Mode mode, store::Store& store,
                    const ews::Envelope& envelope, store::Deadline deadline, const InSnapshot& then) {
  const auto asked = ews::read_impersonation(envelope);
  if (const auto* fault = std::get_if<SoapFault>(&asked)) return *fault;
  if (const auto* target = std::get_if<ConnectingSid>(&asked)) {
    note(r, kActingUserNote, r->user);
    const std::optional<bool> allowed = expression_allows(r, config);
    const std::optional<std::string> own = mode == Mode::On ? caller_name(r, config) : std::nullopt;
    const auto find = [&](store::Reader& reader) {
      return Identification(r, mode, reader).act_for(*target, allowed, own);
    };
    Identified identified = look(store, find, then);
    log_denial(r, *target, identified);
    const auto* status = std::get_if<Status>(&identified);
    if (status == nullptr || ews::response_code(status->fault()) != ResponseCode::ErrorInternalServerError)
      return identified;
    return impersonation_failed(r, *status);
  }
  const std::optional<std::string> name = caller_name(r, config);
  if (!name) return SoapFault{.code = ResponseCode::ErrorInternalServerError};
  Identified identified = look(
      store, [&](store::Reader& reader) { return mailbox_of(reader, *name); }, then);
  if (std::holds_alternative<NotHere>(identified) && config.auto_create.value_or(false))
    return create(r, *name, store, deadline);
  return identified;
}

}  // namespace ews_im
