// SPDX-License-Identifier: Apache-2.0
// The table of commands. A new command is a row here, a function declared in commands.h, and a paragraph in
// the manual.
#include "store/ctl/command.h"

#include "store/ctl/commands.h"

namespace ews_im::store::ctl {
namespace {

constexpr Command kCommands[] = {
    {"init", "[--owner USER[:GROUP]]", "Make an empty store.", init},

    {"mailbox add", "ADDRESS [--alias ADDRESS]... [--guid GUID] [--upn NAME] [--sid SID] [--account NAME]",
     "Make a mailbox, and the store if there is none.", mailbox_add},
    {"mailbox show", "MAILBOX", "Show what a mailbox is called and how much is in it.", mailbox_show},
    {"mailbox list", "", "List all mailboxes.", mailbox_list},
    {"mailbox set", "MAILBOX [--address ADDRESS] [--upn NAME] [--sid SID] [--account NAME]",
     "Change what a mailbox is called. An empty NAME or SID takes it away.", mailbox_set},
    {"mailbox remove", "MAILBOX [--yes]",
     "Remove a mailbox with its list, its names and the rights that name it. Asks first on a terminal.",
     mailbox_remove},
    {"alias add", "MAILBOX ADDRESS", "Give a mailbox a further address.", alias_add},
    {"alias remove", "MAILBOX ADDRESS", "Take a further address away from a mailbox.", alias_remove},

    {"settings show", "", "Show the limits that hold for every mailbox.", settings_show},
    {"settings set", "NAME VALUE",
     "Set a limit: im-contact-limit (contacts of a mailbox) or im-group-limit (its user and distribution "
     "groups).",
     settings_set},

    {"list show", "MAILBOX", "Show the groups and contacts, as GetImItemList tells them to clients.",
     list_show},
    {"migration on", "MAILBOX", "Record that the list has been migrated to this server.", migration_on},
    {"migration off", "MAILBOX", "Record that the list has not been migrated.", migration_off},
    {"migration show", "MAILBOX", "Show whether the list has been migrated.", migration_show},

    {"group add", "MAILBOX NAME", "Add a user group.", group_add},
    {"group add-dl", "MAILBOX ADDRESS [--name NAME]",
     "Add a distribution group of the directory to the list.", group_add_dl},
    {"group rename", "MAILBOX GROUP NAME", "Rename a user group.", group_rename},
    {"group remove", "MAILBOX GROUP",
     "Remove a user group or distribution group. Contacts that are in no other group join Other Contacts.",
     group_remove},
    {"group list", "MAILBOX", "List the groups.", group_list},

    {"contact add", "MAILBOX ADDRESS [--name NAME] [--group GROUP]",
     "Add a contact to a group, by default to Other Contacts.", contact_add},
    {"contact add-tel", "MAILBOX TEL-URI SIP-URI NUMBER [--group GROUP]",
     "Add a contact that is a telephone number to a group, by default to Other Contacts.", contact_add_tel},
    {"contact copy", "MAILBOX CONTACT GROUP", "Add a contact of the list to one more group.", contact_copy},
    {"contact move", "MAILBOX CONTACT FROM TO", "Move a contact from one group to another.", contact_move},
    {"contact remove", "MAILBOX CONTACT [--group GROUP]",
     "Remove a contact from the list, or from one group. A contact whose last group that was leaves the "
     "list.",
     contact_remove},
    {"contact list", "MAILBOX", "List the contacts.", contact_list},

    {"dl add", "ADDRESS [--name NAME]", "Make a distribution group known, so that lists can contain it.",
     dl_add},
    {"dl remove", "ADDRESS", "Forget a distribution group. Lists that contain it keep it.", dl_remove},
    {"dl list", "", "List the distribution groups that are known.", dl_list},

    {"right grant", "CALLER [MAILBOX]",
     "Let a caller, named as Apache authenticates it, act for a mailbox, or for all.", right_grant},
    {"right revoke", "CALLER [MAILBOX]", "Take back the right for a mailbox, or the one for all.",
     right_revoke},
    {"right list", "[CALLER]", "List the rights of a caller, or of all.", right_list},

    {"backup", "FILE",
     "Copy the store, compact and checked, into a new file, while servers use it. If FILE is a directory, "
     "into a file in "
     "it that is named after the time.",
     backup},
    {"restore", "FILE [--replace] [--owner USER[:GROUP]]",
     "Check a backup and put it in place as the store. A store that is there is only replaced when asked "
     "for, and must "
     "not be in use.",
     restore},
    {"check", "[FILE]", "Look at every page and record of the store, or of a backup, and tell what is wrong.",
     check},
    {"stat", "", "Show sizes, free space and how many records there are.", stat},
    {"compact", "",
     "Write the store anew without its free space, its list of free pages too. It must not be in use.",
     compact},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

ArgumentCount count_arguments(std::string_view synopsis) {
  ArgumentCount count;
  bool of_option = false;
  while (!synopsis.empty()) {
    const std::string_view word = synopsis.substr(0, synopsis.find(' '));
    synopsis.remove_prefix(word.size() < synopsis.size() ? word.size() + 1 : word.size());
    if (of_option) {
      of_option = false;
    } else if (word.starts_with("[--")) {
      of_option = !word.ends_with(']');
    } else {
      ++count.most;
      if (!word.starts_with('[')) ++count.least;
    }
  }
  return count;
}

bool names_option(std::string_view synopsis, std::string_view option) {
  for (std::size_t at = synopsis.find("[--"); at != std::string_view::npos;
       at = synopsis.find("[--", at + 3)) {
    const std::string_view rest = synopsis.substr(at + 3);
    if (rest.substr(0, rest.find_first_of(" ]")) == option) return true;
  }
  return false;
}

}  // namespace ews_im::store::ctl
