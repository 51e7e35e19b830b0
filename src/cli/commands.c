/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/str.h"

const struct command *command_list(void)
{
	static struct command all[24];
	static const struct command *const each[] = { &cmd_serve, &cmd_open, &cmd_run,    &cmd_auto, &cmd_ask,
						      &cmd_runs,  &cmd_create, &cmd_chat, &cmd_models, &cmd_providers, &cmd_audit, &cmd_doctor,
						      &cmd_man,   &cmd_completion, &cmd_version };

	/* Each file describes its own command; copies side by side make one list of them, ended by a NULL name. */
	for (size_t i = sizeof each / sizeof each[0]; !all[0].name && i > 0; i--)
		all[i - 1] = *each[i - 1];
	return all;
}

void command_each(command_fn each, void *user)
{
	for (const struct command *c = command_list(); c->name; c++) {
		each(user, c, c->name);
		for (const struct command *sub = c->subs; sub && sub->name; sub++) {
			char full_name[128];
			(void)str_format(full_name, sizeof full_name, "%s %s", c->name, sub->name);
			each(user, sub, full_name);
		}
	}
}
