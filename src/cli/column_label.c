/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/column_label.h"

#include "base/mem.h"
#include "model/checkpoint_name.h"

char *column_label(const struct cli *cli, const char *name, const json_t *epoch)
{
	char number[32];

	if (!json_is_number(epoch))
		return mem_strdup(name);
	epoch_label(json_number_value(epoch), number);
	return cli_text(cli, "cli_label_epoch", "name=%s|epoch=%s", name, number);
}
