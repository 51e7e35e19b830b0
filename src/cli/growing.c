/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/growing.h"

#include <string.h>

#include "base/mem.h"

const char *growing_next(struct growing *g, const char *text, bool *anew)
{
	const char *shown = g->shown ? g->shown : "";
	size_t old = strlen(shown), len = strlen(text);

	*anew = false;
	if (len <= old && strncmp(shown, text, len) == 0)
		return "";
	if (strncmp(text, shown, old) != 0) {
		*anew = true;
		old = 0;
	}
	mem_free(g->shown);
	g->shown = mem_strdup(text);
	return g->shown + old;
}

void growing_release(struct growing *g)
{
	mem_free(g->shown);
	g->shown = NULL;
}
