/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/duration.h"

#include <string.h>

#include "base/str.h"

static int64_t unit_of(char c)
{
	switch (c) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	default:
		return 0;
	}
}

enum err_code duration_parse(const char *text, int64_t *seconds, struct err *err)
{
	int64_t sum = 0, last = INT64_MAX;

	for (const char *at = text; *at;) {
		size_t digits = strspn(at, "0123456789");
		int64_t n, unit = unit_of(at[digits]);
		if (digits == 0 || digits > 6 || !str_to_i64((struct str){ at, digits }, &n) || unit == 0 || unit >= last) {
			sum = 0;
			break;
		}
		sum += n * unit;
		last = unit;
		at += digits + 1;
	}
	if (sum < 1 || sum > DURATION_MAX_S)
		return err_set(err, ERR_INVALID, "err_cli_duration", "text=%s", text);
	*seconds = sum;
	return ERR_OK;
}
