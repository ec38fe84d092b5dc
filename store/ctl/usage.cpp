// SPDX-License-Identifier: Apache-2.0
#include "store/ctl/usage.h"

#include <algorithm>

#include "store/ctl/invocation.h"

namespace ews_im::store::ctl {
namespace {

constexpr std::size_t kWidth = 96;

// `text` in lines of at most kWidth characters, each after `indent` spaces.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string out;
  const std::string margin(indent, ' ');
  while (!text.empty()) {
    std::size_t length = text.size();
    if (length > kWidth - indent) length = text.rfind(' ', kWidth - indent);
    out += margin + std::string(text.substr(0, length)) + "\n";
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return out;
}

std::string option_line(const Option& option) {
  std::string left = option.letter != 0 ? std::string("  -") + option.letter + ", --" : "      --";
  left += option.name;
  if (option.argument != nullptr) left += std::string(" ") + option.argument;
  if (left.size() < 28) left.resize(28, ' ');
  return left + "  " + option.description + "\n";
}

std::string call(const Command& command) {
  std::string line(command.name);
  if (!command.synopsis.empty()) line += " " + std::string(command.synopsis);
  return line;
}

}  // namespace

std::string usage_line(const Command& command) { return "ews-imctl [OPTION]... " + call(command); }

std::string help() {
  std::string text =
      "Usage: ews-imctl [OPTION]... COMMAND\n\n"
      "Administers the store of mod_ews_im, also while Apache serves it.\n\n"
      "MAILBOX is an address, a user principal name, an account name, a SID or the GUID of a mailbox.\n"
      "GROUP and CONTACT are numbers, as the lists show them, or a group's name and a contact's "
      "address.\n\nCommands:\n";
  for (const Command& command : commands()) {
    text += "  " + call(command) + "\n" + wrapped(command.description, 6);
  }
  text += "\nOptions for every command:\n";
  for (const Option& option : options()) {
    if (option.everywhere) text += option_line(option);
  }
  text += "\nOptions for some commands:\n";
  for (const Option& option : options()) {
    if (!option.everywhere) text += option_line(option);
  }
  text +=
      "\nExit codes: 0 done; 1 not there, there already, or against a rule; 2 wrong command line; 3 the "
      "store cannot be\n"
      "used; 4 busy, try again; 5 the check found something wrong.";
  return text;
}

std::string help(const Command& command) {
  std::string text =
      "Usage: " + usage_line(command) + "\n\n" + wrapped(command.description, 0) + "\nOptions:\n";
  for (const Option& option : options()) {
    if (option.everywhere || names_option(command.synopsis, option.name)) text += option_line(option);
  }
  text.pop_back();
  return text;
}

}  // namespace ews_im::store::ctl
