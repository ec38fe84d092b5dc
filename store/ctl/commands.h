// SPDX-License-Identifier: Apache-2.0
// The functions behind the rows of the table of commands. Each does what its row says, prints, and returns
// the exit code.
#pragma once

#include "store/ctl/command.h"

namespace ews_im::store::ctl {

Exit init(const Invocation& invocation);

Exit mailbox_add(const Invocation& invocation);
Exit mailbox_show(const Invocation& invocation);
Exit mailbox_list(const Invocation& invocation);
Exit mailbox_set(const Invocation& invocation);
Exit mailbox_remove(const Invocation& invocation);
Exit alias_add(const Invocation& invocation);
Exit alias_remove(const Invocation& invocation);

Exit settings_show(const Invocation& invocation);
Exit settings_set(const Invocation& invocation);
Exit dl_add(const Invocation& invocation);
Exit dl_remove(const Invocation& invocation);
Exit dl_list(const Invocation& invocation);
Exit right_grant(const Invocation& invocation);
Exit right_revoke(const Invocation& invocation);
Exit right_list(const Invocation& invocation);

Exit list_show(const Invocation& invocation);
Exit migration_on(const Invocation& invocation);
Exit migration_off(const Invocation& invocation);
Exit migration_show(const Invocation& invocation);

Exit group_add(const Invocation& invocation);
Exit group_add_dl(const Invocation& invocation);
Exit group_rename(const Invocation& invocation);
Exit group_remove(const Invocation& invocation);
Exit group_list(const Invocation& invocation);

Exit contact_add(const Invocation& invocation);
Exit contact_add_tel(const Invocation& invocation);
Exit contact_copy(const Invocation& invocation);
Exit contact_move(const Invocation& invocation);
Exit contact_remove(const Invocation& invocation);
Exit contact_list(const Invocation& invocation);

Exit backup(const Invocation& invocation);
Exit restore(const Invocation& invocation);
Exit check(const Invocation& invocation);
Exit stat(const Invocation& invocation);
Exit compact(const Invocation& invocation);

}  // namespace ews_im::store::ctl
