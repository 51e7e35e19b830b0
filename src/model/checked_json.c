/* SPDX-License-Identifier: Apache-2.0 */
#include "model/checked_json.h"

void checked_bad(struct checked_json *c, const char *field)
{
	if (c->rc == ERR_OK)
		c->rc = err_set(c->err, ERR_DATA, "err_hf_config_field", "path=%s|field=%s", c->what, field);
}

const json_t *checked_member(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	return json_is_null(v) ? NULL : v;
}

double checked_number(struct checked_json *c, const json_t *v, const char *field, double min, double max, double absent)
{
	double n = json_number_value(v);
	if (!v)
		return absent;
	if (json_is_number(v) && n >= min && n <= max)
		return n;
	checked_bad(c, field);
	return min;
}

int64_t checked_whole(struct checked_json *c, const json_t *v, const char *field, int64_t min, int64_t max, int64_t absent)
{
	int64_t n = json_integer_value(v);
	if (!v)
		return absent;
	if (json_is_integer(v) && n >= min && n <= max)
		return n;
	checked_bad(c, field);
	return min;
}

bool checked_flag(struct checked_json *c, const json_t *v, const char *field, bool absent)
{
	if (!v)
		return absent;
	if (!json_is_boolean(v))
		checked_bad(c, field);
	return json_is_true(v);
}
