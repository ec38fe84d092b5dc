// SPDX-License-Identifier: Apache-2.0
// One call of ews-imctl: what the command line says, taken apart. Knows no store and prints nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "store/ctl/command.h"
#include "store/store.h"

namespace ews_im::store::ctl {

/// An option of the command line. Those with `everywhere` go with each command, the others with those that
/// name them in their synopsis.
struct Option {
  const char* name;      ///< without the dashes
  char letter;           ///< the short form, or 0
  const char* argument;  ///< what it takes, for the help; nullptr: nothing
  bool everywhere;
  const char* description;
};

[[nodiscard]] std::span<const Option> options();

struct Invocation {
  const Command* command = nullptr;  ///< nullptr: only --help or --version
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> given;  ///< options, in their order
  std::string store;
  std::optional<std::uint64_t> map_size;  ///< bytes
  bool json = false;
  bool help = false;
  bool version = false;
  Deadline deadline;  ///< until when a change may wait for its turn

  [[nodiscard]] bool has(std::string_view option) const;
  /// The last value of an option.
  [[nodiscard]] std::optional<std::string> value(std::string_view option) const;
  [[nodiscard]] std::vector<std::string> values(std::string_view option) const;
};

struct UsageError {
  std::string message;
  const Command* command;  ///< whose synopsis helps; nullptr: none
};

/// What the command line asks for, or what is wrong with it. `default_store`: where the store is if --store
/// is left out.
[[nodiscard]] std::variant<Invocation, UsageError> parse_invocation(int argc, char** argv,
                                                                    std::string default_store);

/// Decimal digits alone, in range.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ews_im::store::ctl
