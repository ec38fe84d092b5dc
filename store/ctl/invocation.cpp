// SPDX-License-Identifier: Apache-2.0
// Takes the command line apart: options anywhere, the command's one or two words, its arguments.
#include "store/ctl/invocation.h"

#include <getopt.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

namespace ews_im::store::ctl {
namespace {

constexpr std::uint64_t kDefaultWait = 10;    // seconds
constexpr std::uint64_t kLongestWait = 3600;  // seconds
constexpr std::uint64_t kSmallestMapSize = std::uint64_t{1} << 20;
constexpr std::uint64_t kLargestMapSize = std::uint64_t{1} << 45;

constexpr Option kOptions[] = {
    {"store", 's', "DIR", true, "where the store is; else $EWS_IM_STORE, else /var/lib/mod_ews_im"},
    {"json", 'j', nullptr, true, "print results as JSON"},
    {"wait", 'w', "SECONDS", true, "how long a change may wait for its turn, 1 to 3600 (default 10)"},
    {"mapsize", 0, "SIZE", true,
     "address space for the store, as 512M or 16G (default 64G), taken twice; it grows when needed"},
    {"help", 'h', nullptr, true, "show this help, or that of a command"},
    {"version", 'V', nullptr, true, "show the version"},
    {"account", 0, "NAME", false, "the account name of a mailbox, for instance tsmith or CONTOSO\\tsmith"},
    {"address", 0, "ADDRESS", false, "the primary SMTP address of a mailbox"},
    {"alias", 0, "ADDRESS", false, "a further SMTP address; may be repeated"},
    {"group", 0, "GROUP", false, "a group, by its number or its name"},
    {"guid", 0, "GUID", false, "the GUID of the new mailbox; else a random one"},
    {"name", 0, "NAME", false, "the display name; else the address"},
    {"owner", 0, "USER[:GROUP]", false, "for root: to whom the new store shall belong"},
    {"replace", 0, nullptr, false, "replace the store that is there"},
    {"sid", 0, "SID", false, "the security identifier of a mailbox, S-1-..."},
    {"upn", 0, "NAME", false, "the user principal name of a mailbox"},
    {"yes", 'y', nullptr, false, "do not ask"},
};

constexpr int kFirstLong = 256;  // above every letter

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  unsigned shift = 0;
  if (!text.empty()) {
    const char unit = static_cast<char>(text.back() & ~0x20);
    if (const auto at = kUnits.find(unit); at != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(at) + 1);
      text.remove_suffix(1);
    }
  }
  const auto number = parse_number(text);
  if (!number || *number > (kLargestMapSize >> shift)) return std::nullopt;
  return *number << shift;
}

const Command* find_command(std::string_view name) {
  const auto all = commands();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Command& command) { return command.name == name; });
  return found == all.end() ? nullptr : &*found;
}

// Takes the command's name off the front of `words`. A family's name alone means its `show`, where that takes
// nothing.
const Command* take_command(std::vector<std::string>& words) {
  if (const Command* command = find_command(words[0])) {
    words.erase(words.begin());
    return command;
  }
  if (words.size() == 1) {
    const Command* show = find_command(words[0] + " show");
    if (show != nullptr && count_arguments(show->synopsis).most == 0) {
      words.clear();
      return show;
    }
    return nullptr;
  }
  const Command* command = find_command(words[0] + " " + words[1]);
  if (command != nullptr) words.erase(words.begin(), words.begin() + 2);
  return command;
}

std::string unknown_command(const std::vector<std::string>& words) {
  std::string family;
  for (const Command& command : commands()) {
    if (!command.name.starts_with(words[0] + " ")) continue;
    family += (family.empty() ? "" : ", ") + std::string(command.name);
  }
  if (family.empty()) return "unknown command '" + words[0] + "'";
  return (words.size() == 1 ? "'" + words[0] + "' is not complete"
                            : "unknown command '" + words[0] + " " + words[1] + "'") +
         "; there are: " + family;
}

// Reads the options, which then stand in `invocation.given`, and the words between them.
std::optional<std::string> read_options(int argc, char** argv, Invocation& invocation,
                                        std::vector<std::string>& words) {
  std::vector<option> longs;
  std::string letters = ":";
  for (std::size_t i = 0; i < std::size(kOptions); ++i) {
    const Option& known = kOptions[i];
    const int has_argument = known.argument != nullptr ? required_argument : no_argument;
    longs.push_back({known.name, has_argument, nullptr, kFirstLong + static_cast<int>(i)});
    if (known.letter == 0) continue;
    letters += known.letter;
    if (has_argument != no_argument) letters += ':';
  }
  longs.push_back({nullptr, 0, nullptr, 0});

  opterr = 0;
  while (true) {
    const int which = getopt_long(argc, argv, letters.c_str(), longs.data(), nullptr);
    if (which == -1) break;
    const std::string word = argv[std::max(optind - 1, 1)];
    if (which == ':') return word + " needs a value";
    if (which == '?') {
      if (optopt > 0 && optopt < kFirstLong)
        return std::string("unknown option -") + static_cast<char>(optopt);
      return optopt <= 0 ? "unknown or ambiguous option " + word : word + " takes no value";
    }
    const Option* found = which >= kFirstLong
                              ? &kOptions[which - kFirstLong]
                              : std::find_if(std::begin(kOptions), std::end(kOptions),
                                             [&](const Option& o) { return o.letter == which; });
    invocation.given.emplace_back(found->name, found->argument != nullptr ? optarg : "");
  }
  words.assign(argv + optind, argv + argc);
  return std::nullopt;
}

std::optional<std::string> read_common_options(Invocation& invocation) {
  invocation.help = invocation.has("help");
  invocation.version = invocation.has("version");
  invocation.json = invocation.has("json");
  if (const auto store = invocation.value("store")) invocation.store = *store;
  if (invocation.store.empty()) return "--store needs the name of a directory";

  std::uint64_t seconds = kDefaultWait;
  if (const auto wait = invocation.value("wait")) {
    const auto number = parse_number(*wait);
    if (!number || *number == 0 || *number > kLongestWait) return "--wait takes whole seconds from 1 to 3600";
    seconds = *number;
  }
  invocation.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);

  if (const auto size = invocation.value("mapsize")) {
    invocation.map_size = parse_size(*size);
    if (!invocation.map_size || *invocation.map_size < kSmallestMapSize) {
      return "--mapsize takes a size from 1M to 32T, for instance 512M or 16G";
    }
  }
  return std::nullopt;
}

std::optional<std::string> check_shape(const Invocation& invocation) {
  const Command& command = *invocation.command;
  for (const auto& [name, value] : invocation.given) {
    const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                      [&, &wanted = name](const Option& o) { return o.name == wanted; });
    if (!option->everywhere && !names_option(command.synopsis, name)) {
      return "--" + name + " does not go with " + std::string(command.name);
    }
  }
  const auto [least, most] = count_arguments(command.synopsis);
  if (invocation.arguments.size() < least) return std::string(command.name) + ": something is missing";
  if (invocation.arguments.size() > most) {
    return std::string(command.name) + ": '" + invocation.arguments[most] +
           "' is too much; put names with spaces in quotes";
  }
  return std::nullopt;
}

}  // namespace

std::span<const Option> options() { return kOptions; }

bool Invocation::has(std::string_view option) const { return value(option).has_value(); }

std::optional<std::string> Invocation::value(std::string_view option) const {
  auto all = values(option);
  if (all.empty()) return std::nullopt;
  return std::move(all.back());
}

std::vector<std::string> Invocation::values(std::string_view option) const {
  std::vector<std::string> result;
  for (const auto& [name, value] : given) {
    if (name == option) result.push_back(value);
  }
  return result;
}

std::variant<Invocation, UsageError> parse_invocation(int argc, char** argv, std::string default_store) {
  Invocation invocation;
  invocation.store = std::move(default_store);
  std::vector<std::string> words;
  if (auto wrong = read_options(argc, argv, invocation, words)) return UsageError{*wrong, nullptr};
  if (auto wrong = read_common_options(invocation)) return UsageError{*wrong, nullptr};
  if (words.empty()) {
    if (invocation.help || invocation.version) return invocation;
    return UsageError{"no command is given", nullptr};
  }
  invocation.command = take_command(words);
  if (invocation.command == nullptr) return UsageError{unknown_command(words), nullptr};
  invocation.arguments = std::move(words);
  if (invocation.help || invocation.version) return invocation;
  if (auto wrong = check_shape(invocation)) return UsageError{*wrong, invocation.command};
  return invocation;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace ews_im::store::ctl
