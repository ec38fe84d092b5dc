// SPDX-License-Identifier: Apache-2.0
// The table of commands, from which dispatch, help, usage errors and the test of the manual page follow.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ews_im::store::ctl {

/// The exit codes of ews-imctl. Scripts rely on the values: never change them.
enum class Exit {
  Ok = 0,
  Refused = 1,        ///< what was asked for is not there, is there already, or breaks a rule of the list
  Usage = 2,          ///< the command line is wrong; nothing was tried
  StoreUnusable = 3,  ///< the store cannot be opened or used
  Busy = 4,           ///< no turn in time, or the store is in use where it must not be; worth trying again
  Findings = 5,       ///< the check found something wrong
};

struct Invocation;

struct Command {
  std::string_view name;  ///< one or two words
  std::string_view
      synopsis;  ///< arguments and options; ARG is required, [ARG] is not, --option goes with this command
  std::string_view description;  ///< sentences for people
  Exit (*run)(const Invocation&);
};

[[nodiscard]] std::span<const Command> commands();

/// How many arguments a synopsis asks for, and how many it allows.
struct ArgumentCount {
  std::size_t least = 0;
  std::size_t most = 0;
};
[[nodiscard]] ArgumentCount count_arguments(std::string_view synopsis);
/// Whether `--option` stands in the synopsis.
[[nodiscard]] bool names_option(std::string_view synopsis, std::string_view option);

}  // namespace ews_im::store::ctl
