// SPDX-License-Identifier: Apache-2.0
#include "store/ctl/output.h"

#include <cstdio>
#include <ctime>

#include "store/directory.h"

namespace ews_im::store::ctl {
namespace {

std::string escaped(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// Length in bytes of a character at the start of valid `text` that must not reach a terminal; 0 if it may.
std::size_t harmful_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) < 0xa0) return 2;   // C1 controls
  if (byte(0) == 0xd8 && byte(1) == 0x9c) return 2;  // Arabic letter mark
  if (byte(0) != 0xe2) return 0;
  if (byte(1) == 0x80 && (byte(2) == 0x8e || byte(2) == 0x8f || (byte(2) >= 0xa8 && byte(2) <= 0xae)))
    return 3;
  return byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9 ? 3 : 0;
}

Exit exit_of(Fault fault) {
  switch (fault) {
    case Fault::NotFound:
    case Fault::AlreadyExists:
      return Exit::Refused;
    case Fault::Invalid:
      return Exit::Usage;
    case Fault::Busy:
      return Exit::Busy;
    case Fault::Unavailable:
    case Fault::Full:
    case Fault::Corrupt:
    case Fault::TooNew:
    case Fault::Denied:
    case Fault::Internal:
      break;
  }
  return Exit::StoreUnusable;
}

// What to do about a fault whose detail says only what happened.
std::string_view advice(Fault fault) {
  switch (fault) {
    case Fault::Corrupt:
      return "; 'ews-imctl check' tells what is wrong, 'ews-imctl restore' puts a backup in place";
    case Fault::TooNew:
      return "; use the version of this software that wrote it";
    case Fault::Full:
      return "; nothing was changed: make room and try again";
    default:
      return "";
  }
}

}  // namespace

std::string printable(std::string_view text) {
  const bool valid = is_xml_text(text);
  std::string out;
  while (!text.empty()) {
    std::size_t length = valid ? harmful_length(text) : 0;
    if (!valid && (static_cast<unsigned char>(text[0]) >= 0x7f || static_cast<unsigned char>(text[0]) < 0x20))
      length = 1;
    if (length == 0) {
      out += text[0];
      text.remove_prefix(1);
    } else {
      out += escaped(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
  return out;
}

void print(std::string_view line) { std::printf("%.*s\n", static_cast<int>(line.size()), line.data()); }

void print_json(const Json& json) { print(json.dump(2, ' ', true, Json::error_handler_t::replace)); }

void note(std::string_view message) { std::fprintf(stderr, "ews-imctl: %s\n", printable(message).c_str()); }

Exit fail(Exit exit, std::string_view message) {
  note(message);
  return exit;
}

Exit fail(const Status& status) {
  return fail(exit_of(status.fault()), status.detail() + std::string(advice(status.fault())));
}

std::string time_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return std::to_string(seconds);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string refusal_text(Refusal refusal, std::string_view what) {
  std::string name(what);
  switch (refusal) {
    case Refusal::NoSuchGroup:
      return "there is no group " + name;
    case Refusal::NotAnImGroup:
      return name + " is no group";
    case Refusal::WrongGroupType:
      return "the type of group " + name + " does not allow that";
    case Refusal::NoSuchContact:
      return "there is no contact " + name;
    case Refusal::NotAnImContact:
      return name + " is no contact";
    case Refusal::ContactNotInGroup:
      return "the contact is not in group " + name;
    case Refusal::ImContactLimitReached:
      return "the list has as many contacts as it may have; 'ews-imctl settings set im-contact-limit' sets "
             "how many";
    case Refusal::ImGroupLimitReached:
      return "the list has as many groups as it may have; 'ews-imctl settings set im-group-limit' sets how "
             "many";
    case Refusal::ImGroupDisplayNameAlreadyExists:
      return "there is a group with the name " + name + " already";
    case Refusal::NoSuchDistributionGroup:
      return "there is no distribution group " + name + "; 'ews-imctl dl add' makes it known";
  }
  return name;
}

bool finish_output() { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

}  // namespace ews_im::store::ctl
