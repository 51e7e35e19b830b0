/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/column_label.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/checkpoint_name.h"

void column_epoch(const json_t *model, char out[32])
{
	const json_t *epoch = json_object_get(model, "epoch");
	epoch_label(json_is_number(epoch) ? json_number_value(epoch) : NAN, out);
}

bool column_epoch_is_shared(const json_t *family, const json_t *model)
{
	char mine[32], other[32];
	const json_t *each;
	size_t i;
	int n = 0;

	column_epoch(model, mine);
	json_array_foreach(json_object_get(family, "checkpoints"), i, each) {
		column_epoch(each, other);
		n += strcmp(mine, other) == 0;
	}
	return *mine && n > 1 && json_is_integer(json_object_get(model, "step"));
}

char *column_label(const struct cli *cli, const char *name, const json_t *epoch)
{
	char number[32];

	if (!json_is_number(epoch))
		return mem_strdup(name);
	epoch_label(json_number_value(epoch), number);
	return cli_text(cli, "cli_label_epoch", "name=%s|epoch=%s", name, number);
}
