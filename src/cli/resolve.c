/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resolve.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "cli/spec.h"

enum err_code resolve_add(struct client *client, const char *path, int64_t base_id, const char *name, json_t **reply,
			  struct err *err)
{
	char *absolute = realpath(path, NULL);

	if (!absolute)
		return err_set(err, ERR_NOT_FOUND, "err_fs_not_found", "path=%s", path);
	json_t *body = json_pack("{s:s}", "path", absolute);
	if (base_id > 0)
		json_object_set_new(body, "base_model_id", json_integer(base_id));
	if (name)
		json_object_set_new(body, "name", json_string(name));
	enum err_code code = client_call(client, "POST", "/models", body, reply, err);
	json_decref(body);
	free(absolute);
	return code;
}

/* A file that stands for one model: the only one found there. */
static enum err_code add_one(struct client *client, const char *path, int64_t base_id, int64_t *id, struct err *err)
{
	json_t *reply = NULL;

	if (resolve_add(client, path, base_id, NULL, &reply, err) != ERR_OK)
		return err->code;
	const json_t *ids = json_object_get(reply, "model_ids"), *refusals = json_object_get(reply, "refusals");
	enum err_code code = ERR_OK;
	if (json_array_size(ids) == 1)
		*id = json_integer_value(json_array_get(ids, 0));
	else if (json_array_size(ids) == 0 && json_array_size(refusals) > 0) {
		const json_t *problem = json_object_get(json_array_get(refusals, 0), "problem");
		const char *message = json_string_value(json_object_get(problem, "message"));
		const char *hint = json_string_value(json_object_get(problem, "hint"));
		code = err_set(err, ERR_DATA, "err_server_says", "message=%s|hint=%s", message ? message : "", hint ? hint : "");
	} else
		code = err_set(err, ERR_INVALID, "err_spec_family", "name=%s|names=%s", path, "@base, @1, @2, ...");
	json_decref(reply);
	return code;
}

static enum err_code find(struct client *client, const struct spec *s, int64_t *id, struct err *err)
{
	json_t *list = NULL;

	if (s->kind == SPEC_FILE)
		return add_one(client, s->name, 0, id, err);
	if (s->kind == SPEC_PAIR) {
		int64_t base = 0;
		if (add_one(client, s->name, 0, &base, err) != ERR_OK)
			return err->code;
		return add_one(client, s->adapter, base, id, err);
	}
	if (client_call(client, "GET", "/models", NULL, &list, err) != ERR_OK)
		return err->code;
	enum err_code code = spec_match(s, list, id, err);
	json_decref(list);
	return code;
}

json_t *resolve_column(struct client *client, const char *text, struct err *err)
{
	struct spec spec = { 0 };
	json_t *column = NULL;
	int64_t id = 0;

	if (spec_parse(text, &spec, err) == ERR_OK && find(client, &spec, &id, err) == ERR_OK) {
		column = json_pack("{s:I}", "model_id", (json_int_t)id);
		if (json_object_size(spec.params) > 0)
			json_object_set(column, "params", spec.params);
	}
	spec_release(&spec);
	return column;
}
