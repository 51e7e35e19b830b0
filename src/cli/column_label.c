/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/column_label.h"

#include <math.h>

#include "base/mem.h"

char *column_label(const struct cli *cli, const char *name, const json_t *epoch)
{
	char number[32];

	if (!json_is_number(epoch))
		return mem_strdup(name);
	double value = json_number_value(epoch);
	bool whole = fabs(value - round(value)) <= 0.05;
	(void)str_format(number, sizeof number, whole ? "%.0f" : "%.1f", value);
	return cli_text(cli, "cli_label_epoch", "name=%s|epoch=%s", name, number);
}
