// SPDX-License-Identifier: Apache-2.0
// What is done with a request, in order: is it for us to look at, whose operation is it, whose mailbox, the
// answer. Each way out ends in declined(), an answer, or a status that httpd turns into its own answer.
#include "mod_ews_im/handler.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <tuple>

#include "mod_ews_im/answer.h"
#include "mod_ews_im/body.h"
#include "mod_ews_im/claim.h"
#include "mod_ews_im/config.h"
#include "mod_ews_im/ews/operation.h"
#include "mod_ews_im/identity.h"
#include "mod_ews_im/note.h"
#include "mod_ews_im/wsdl.h"

namespace ews_im {
namespace {

using ews::ResponseCode;
using ews::SoapFault;
using ews::Verdict;

/// The media type text/xml with any parameters.
bool is_xml(std::string_view type) {
  constexpr std::string_view kXml = "text/xml";
  if (type.size() < kXml.size() || ap_cstr_casecmpn(type.data(), kXml.data(), kXml.size()) != 0) return false;
  const std::string_view rest = type.substr(kXml.size());
  const std::size_t next = rest.find_first_not_of(" \t");
  return next == std::string_view::npos || rest[next] == ';';
}

/// False only for a whole body that cannot be ours, since no name of an operation stands in it. Far cheaper
/// than reading XML, and right for nearly all that passes by. UTF-16 has NUL bytes, and is not looked into.
bool names_an_operation(std::string_view body) {
  constexpr auto kNone = std::string_view::npos;
  static constexpr std::string_view kCommon = "Im";  // of nearly all names: one search does for them
  constexpr unsigned kMostPlaces = 64;               // with more of them reading XML costs less
  if (body.find('\0') != kNone) return true;
  const auto any = [](const auto& condition) {
    return std::ranges::any_of(ews::operations(), [&](const ews::Operation& operation) {
      const std::string_view name = ews::operation_name(operation);
      return condition(name, name.find(kCommon));
    });
  };
  const auto is_there = [&](std::string_view name, std::size_t common) {
    return common == kNone && body.find(name) != kNone;
  };
  if (any(is_there)) return true;
  unsigned places = 0;
  for (std::size_t at = body.find(kCommon); at != kNone; at = body.find(kCommon, at + 1)) {
    if (++places > kMostPlaces) return true;
    const auto is_here = [&](std::string_view name, std::size_t common) {
      return common <= at && body.substr(at - common).starts_with(name);
    };
    if (any(is_here)) return true;
  }
  return false;
}

std::string printable(std::string_view text) {
  std::string result(text.substr(0, 64));
  std::ranges::replace_if(
      result, [](char c) { return c < ' ' || c > '~'; }, '?');
  return result;
}

/// Of this process, and never destroyed: when it ends, threads of it may still be at work.
ews::ParserStock& parsers() {
  static auto* const stock = new ews::ParserStock;
  return *stock;
}

/// What an administrator can do about a fault of the store.
const char* advice(ResponseCode code) {
  switch (code) {
    case ResponseCode::ErrorServerBusy:
      return "a change waited longer than EWSImWriteTimeout for its turn: the disk is slow, or another "
             "process holds the store";
    case ResponseCode::ErrorMailboxStoreUnavailable:
      return "the store cannot be used: look for a full disk, missing rights or a missing store (ews-imctl "
             "init), or, after EWSIM0013, a damaged one";
    case ResponseCode::ErrorInternalServerTransientError:
      return "there is no room: the disk, a quota or a limit on the size of files; with room again writing "
             "goes on by itself";
    default:
      return "the store failed: check it with ews-imctl check";
  }
}

class Handling {
 public:
  Handling(request_rec* r, const Claim& claim)
      : request_(r), claim_(claim), config_(server_config(r->server)), started_(apr_time_now()) {}

  int run() {
    if (request_->method_number == M_GET) return get();
    if (!is_service(request_)) return passes_on() ? declined("another path") : refused(HTTP_NOT_FOUND);
    if (request_->method_number != M_POST)
      return passes_on() ? declined("another method") : method_not_allowed();
    if (!is_xml(header("Content-Type"))) return passes_on() ? declined("not text/xml") : wrong_content_type();
    if (is_encoded()) return passes_on() ? declined("encoded") : wrong_content_encoding();
    if (request_->user == nullptr || *request_->user == '\0')
      return passes_on() ? declined("no user") : unauthenticated();
    if (has_odd_transfer_coding(request_)) return refused(HTTP_NOT_IMPLEMENTED);
    return read();
  }

  /// After an unexpected failure, of which the log has been told.
  int failed() {
    if (request_->sent_bodyct != 0) return broken_off(request_);
    return answer(ews::fault_reply({.code = ResponseCode::ErrorInternalServerError}));
  }

 private:
  [[nodiscard]] bool passes_on() const { return claim_.mode == Mode::On; }

  int get() {
    const int status = config_.wsdl.value_or(!passes_on()) ? answer_get(request_, config_) : DECLINED;
    if (status != DECLINED) return status;
    return passes_on() ? declined("GET") : refused(HTTP_NOT_FOUND);
  }

  int read() {
    Body body(request_);
    const apr_size_t xml_limit = ap_get_limit_xml_body(request_);
    apr_size_t limit = config_.body_limit.value_or(kDefaultBodyLimit);
    if (xml_limit != 0) limit = std::min(limit, xml_limit);  // 0: none, as httpd told it before 2.4.53
    const std::uint64_t announced = content_length();
    if (!passes_on() && announced > limit) return refused(HTTP_REQUEST_ENTITY_TOO_LARGE);
    std::string_view piece;
    if (const int status = body.read(std::min(kPrefixLimit, limit + 1), piece); status != OK) {
      return refused(status);
    }
    // A filter may make it longer.
    const bool is_plain = request_->input_filters == request_->proto_input_filters;
    const bool whole = body.ended() || (is_plain && body.size() == announced);
    if (passes_on() && whole && !names_an_operation(piece)) return declined("not ours", &body);
    ews::EnvelopeReader reader(&parsers());
    feed(reader, piece);
    while (!body.ended() && reader.verdict() != Verdict::NotOurs) {
      const bool may_stream = passes_on() && reader.verdict() == Verdict::Undecided;
      const apr_size_t most = may_stream ? std::min(kPrefixLimit, limit + 1) : limit + 1;
      if (body.size() >= most || (!may_stream && announced > limit)) {
        return passes_on() ? declined("too long", &body) : refused(HTTP_REQUEST_ENTITY_TOO_LARGE);
      }
      if (const int status = body.read(most - body.size(), piece); status != OK) return refused(status);
      feed(reader, piece);
    }
    const Verdict verdict = reader.verdict() == Verdict::NotOurs ? Verdict::NotOurs : reader.finish();
    note_operation(reader);
    if (verdict == Verdict::Ours) return serve(reader.envelope(), body);
    if (passes_on()) return declined("not ours", &body);
    return answer(ews::fault_reply(reader.refusal(), reader.https()));
  }

  void feed(ews::EnvelopeReader& reader, std::string_view piece) {
    trace_text(request_, "request", piece);
    reader.feed(piece);
    note_operation(reader);
  }

  void note_operation(const ews::EnvelopeReader& reader) {
    if (reader.operation() == nullptr || !operation_.empty()) return;
    operation_ = ews::operation_name(*reader.operation());
    note(request_, kOperationNote, operation_);
  }

  int serve(const ews::Envelope& envelope, Body& body) {
    warn_of_plain_password(request_);
    std::optional<ews::Reply> reply;
    {
      // Over before the answer is sent: a client that reads slowly is in no call of the store.
      const CrashGuard::Call call(config_.store != nullptr ? config_.store->guard() : nullptr, body.bytes(),
                                  request_->user);
      reply = reply_from_store(envelope);
    }
    return reply ? answer(*reply) : declined("no mailbox here", &body);
  }

  /// nullopt: there is no such mailbox here, and something else may have it.
  std::optional<ews::Reply> reply_from_store(const ews::Envelope& envelope) {
    const ews::ServerVersion version = config_.version.value_or(ews::ServerVersion{});
    store::Store* store = config_.store != nullptr ? config_.store->get(request_->server) : nullptr;
    if (store == nullptr) {
      // Here too where something else serves the URL: nobody shall get another list because of a full disk.
      auto reply = ews::error_reply(envelope, version, {.code = ResponseCode::ErrorMailboxStoreUnavailable});
      reply.set_detail("it is not open");
      return reply;
    }
    const auto deadline =
        std::chrono::steady_clock::now() + config_.write_timeout.value_or(kDefaultWriteTimeout);
    const bool writes = ews::is_write(*envelope.operation);
    std::optional<ews::Reply> reply;
    const Identified identified = identify(
        request_, config_, claim_.mode, *store, envelope, deadline, [&](auto& reader, const auto& mailbox) {
          if (!writes) reply = ews::serve(envelope, reader, *store, mailbox, version, deadline);
        });
    if (const auto* fault = std::get_if<SoapFault>(&identified))
      return ews::fault_reply(*fault, envelope.https);
    if (const auto* status = std::get_if<store::Status>(&identified)) {
      return ews::store_fault_reply(envelope, version, *status);
    }
    if (std::holds_alternative<NotHere>(identified)) {
      if (passes_on()) return std::nullopt;
      return ews::error_reply(
          envelope, version,
          {.code = ResponseCode::ErrorNonExistentMailbox, .text = ews::kNoMailboxForSmtpAddress});
    }
    mailbox_ = std::get<store::Guid>(identified).text();
    note(request_, kMailboxNote, mailbox_);
    if (reply) return reply;
    return ews::serve(envelope, *store, *store, std::get<store::Guid>(identified), version, deadline);
  }

  // ---- Ways out

  /// What was read of the body goes back.
  int declined(const char* reason, Body* body = nullptr) {
    if (body != nullptr) body->hand_back();
    end("declined", reason);
    return DECLINED;
  }

  int answer(const ews::Reply& reply) {
    const std::string_view code = ews::response_code_name(reply.response_code());
    if (!reply.detail().empty()) tell_of_store(reply);
    echo_client_request_id(request_);
    end(code);
    return send_reply(request_, reply);
  }

  /// httpd's own answer, or the one that a filter has sent already.
  int refused(int status) {
    end(std::to_string(status == AP_FILTER_ERROR ? request_->status : status));
    return status;
  }

  int method_not_allowed() {
    ap_allow_standard_methods(request_, MERGE_ALLOW, M_GET, M_POST, -1);
    return refused(HTTP_METHOD_NOT_ALLOWED);
  }

  int wrong_content_type() {
    return unsupported("the content type '" + printable(header("Content-Type")) +
                       "' was not the expected type 'text/xml; charset=utf-8'.");
  }

  int wrong_content_encoding() {
    return unsupported("the content encoding '" + printable(header("Content-Encoding")) +
                       "' is not supported.");
  }

  int unsupported(const std::string& reason) {
    end("415");
    const std::string text = "Cannot process the message because " + reason;
    request_->status_line = apr_pstrcat(request_->pool, "415 ", text.c_str(), nullptr);
    return send_text(request_, HTTP_UNSUPPORTED_MEDIA_TYPE, "text/plain; charset=utf-8", text + "\n");
  }

  int unauthenticated() {
    static LogGate gate;
    if (gate.opens()) {
      ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, request_,
                    EWSIM(0052) "a request without an authenticated user got ErrorAccessDenied: this location needs "
                    "authentication, for instance AuthType Basic, AuthUserFile and Require valid-user");
    }
    return answer(ews::fault_reply({.code = ResponseCode::ErrorAccessDenied}));
  }

  void tell_of_store(const ews::Reply& reply) {
    static LogGate gates[256];
    const ResponseCode code = reply.response_code();
    if (!gates[static_cast<std::uint8_t>(code)].opens()) return;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, request_, EWSIM(0053) "%s: %s; %s",
                  std::string(ews::response_code_name(code)).c_str(), reply.detail().c_str(), advice(code));
  }

  /// One line of the log for each request, and the access log's variables.
  void end(std::string_view result, const char* reason = nullptr) {
    const apr_time_t taken = apr_time_now() - started_;
    note(request_, kResultNote, result);
    note(request_, kMicrosecondsNote, std::to_string(taken));
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, request_,
                  EWSIM(0051) "%s: %s%s%s, user %.64s, mailbox %s, %" APR_TIME_T_FMT " us",
                  operation_.empty() ? "-" : operation_.c_str(), std::string(result).c_str(),
                  reason != nullptr ? " because " : "", reason != nullptr ? reason : "",
                  request_->user != nullptr ? request_->user : "-", mailbox_.empty() ? "-" : mailbox_.c_str(),
                  taken);
  }

  [[nodiscard]] std::string_view header(const char* name) const {
    const char* value = apr_table_get(request_->headers_in, name);
    return value != nullptr ? value : "";
  }

  [[nodiscard]] bool is_encoded() const {
    const std::string coding(header("Content-Encoding"));
    return !coding.empty() && ap_cstr_casecmp(coding.c_str(), "identity") != 0;
  }

  /// 0 if the length is not announced.
  [[nodiscard]] std::uint64_t content_length() const {
    const std::string_view text = header("Content-Length");
    std::uint64_t length = 0;
    std::from_chars(text.data(), text.data() + text.size(), length);
    return length;
  }

  request_rec* request_;
  const Claim& claim_;
  const ServerConfig& config_;
  apr_time_t started_;
  std::string operation_;
  std::string mailbox_;
};

}  // namespace

void prepare_parsers(apr_pool_t*, server_rec* first) {
  std::ignore = guarded(first, false, [] {
    parsers();
    return true;
  });
}

int handle_request(request_rec* r) noexcept {
  const Claim* claim = claim_of(r);
  if (claim == nullptr || r->main != nullptr) return DECLINED;
  constexpr int kFailed = -1000;
  const int status = guarded(r->server, kFailed, [&] { return Handling(r, *claim).run(); });
  if (status != kFailed) return status;
  return guarded(r->server, HTTP_INTERNAL_SERVER_ERROR, [&] { return Handling(r, *claim).failed(); });
}

}  // namespace ews_im
