/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/show.h"

const struct arg_option model_options[] = {
	{ "model", "SPEC", "cli_opt_model", true },
	{ NULL, NULL, NULL, false },
};

char *resolve_path(const char *path)
{
	if (path[0] == '/' || strcmp(path, "~") == 0 || strncmp(path, "~/", 2) == 0)
		return mem_strdup(path);
	char *here = getcwd(NULL, 0);
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	char *whole = strcmp(path, ".") == 0 ? mem_strdup(here ? here : "/") : fs_join(here ? here : "/", path);
	free(here);
	return whole;
}

/* Why nothing of a scan can be used: the server's words about the first file. */
static enum err_code refused(const char *path, const json_t *scan, struct err *err)
{
	const json_t *problem = json_object_get(json_array_get(json_object_get(scan, "refusals"), 0), "problem");
	const char *message = json_string_value(json_object_get(problem, "message"));
	const char *hint = json_string_value(json_object_get(problem, "hint"));
	if (!message)
		return err_set(err, ERR_NOT_FOUND, "err_scan_nothing", "path=%s", path);
	return err_set(err, ERR_DATA, "err_server_says", "message=%s|hint=%s", message, hint ? hint : "");
}

enum err_code resolve_add(struct client *c, const char *path, int64_t base_id, const char *name, json_t **scan,
			  struct err *err)
{
	*scan = NULL;
	if (!*path) /* not the current folder */
		return err_set(err, ERR_INVALID, "err_path_empty", "field=path");
	char *whole = resolve_path(path);
	enum err_code code = ERR_OK;
	if (whole[0] == '/' && !fs_exists(whole)) {
		code = fs_error(err, errno, "err_fs_open", whole);
	} else {
		json_t *body = json_pack("{s:o}", "path", json_text(str_of(whole)));
		if (base_id)
			json_object_set_new(body, "base_model_id", json_integer(base_id));
		if (name)
			json_object_set_new(body, "name", json_text(str_of(name)));
		code = client_call(c, "POST", "/models", body, scan, err);
		json_decref(body);
	}
	if (code == ERR_OK && !json_array_size(json_object_get(*scan, "model_ids"))) {
		code = refused(whole, *scan, err);
		json_decref(*scan);
		*scan = NULL;
	}
	mem_free(whole);
	return code;
}

/* One model at a path. */
static enum err_code add_one(struct client *c, const char *path, int64_t base_id, int64_t *model_id, struct err *err)
{
	json_t *scan;
	enum err_code code = resolve_add(c, path, base_id, NULL, &scan, err);
	if (code != ERR_OK)
		return code;
	const json_t *ids = json_object_get(scan, "model_ids");
	*model_id = json_integer_value(json_array_get(ids, 0));
	if (json_array_size(ids) != 1)
		code = err_set(err, ERR_NOT_FOUND, "err_spec_several", "path=%s|n=%zu", path, json_array_size(ids));
	json_decref(scan);
	return code;
}

/* The checkpoint at `path` in the API's ModelList, with its family. */
static const json_t *checkpoint_at(const json_t *list, const char *path, const json_t **family)
{
	size_t i, k;
	const json_t *checkpoint;
	json_array_foreach(json_object_get(list, "families"), i, *family)
		json_array_foreach(json_object_get(*family, "checkpoints"), k, checkpoint)
			if (strcmp(show_text(checkpoint, "path"), path) == 0)
				return checkpoint;
	return NULL;
}

static const char *model_name(const json_t *list, int64_t id)
{
	size_t i;
	const json_t *model;
	json_array_foreach(json_object_get(list, "models"), i, model)
		if (show_int(model, "id") == id)
			return show_text(model, "name");
	return "?";
}

/* An adapter has one base.  One that is known with another must not get a new one by the way: "family@base" would mean
 * another model from then on. */
static enum err_code check_pair(struct client *c, const char *adapter, int64_t base_id, struct err *err)
{
	char *whole = resolve_path(adapter), *path = realpath(whole, NULL);
	json_t *list = NULL;
	enum err_code code = client_call(c, "GET", "/models", NULL, &list, err);
	const json_t *family = NULL;
	const json_t *known = code == ERR_OK && path ? checkpoint_at(list, path, &family) : NULL;
	int64_t base = show_int(known, "base_model_id");
	if (base && base != base_id)
		code = err_set(err, ERR_CONFLICT, "err_spec_other_base", "path=%s|family=%s|base=%s|spec=id:%lld", adapter,
			       show_text(family, "name"), model_name(list, base), (long long)show_int(known, "id"));
	json_decref(list);
	free(path);
	mem_free(whole);
	return code;
}

static enum err_code resolve_pair(struct client *c, const struct spec *s, int64_t *model_id, struct err *err)
{
	int64_t base;
	enum err_code code = add_one(c, s->name, 0, &base, err);
	if (code == ERR_OK)
		code = check_pair(c, s->adapter, base, err);
	return code == ERR_OK ? add_one(c, s->adapter, base, model_id, err) : code;
}

/* The provider whose name stands before the first '/' of `text`; 0: none. */
static int64_t provider_of(const json_t *list, const char *text)
{
	const json_t *provider;
	size_t i, len = strcspn(text, "/");
	json_array_foreach(json_object_get(list, "providers"), i, provider) {
		const char *name = show_text(provider, "name");
		if (text[len] && text[len + 1] && strlen(name) == len && strncasecmp(name, text, len) == 0)
			return show_int(provider, "id");
	}
	return 0;
}

/* "provider/model" as a model that can be a column; ERR_NOT_FOUND with err->key "" where no provider has that name. */
static enum err_code resolve_remote(struct client *c, const char *text, int64_t *model_id, struct err *err)
{
	json_t *list = NULL, *model = NULL;
	enum err_code code = client_call(c, "GET", "/providers", NULL, &list, err);
	int64_t provider = code == ERR_OK ? provider_of(list, text) : 0;
	json_decref(list);
	if (code != ERR_OK)
		return code;
	if (!provider)
		return ERR_NOT_FOUND;
	char *path = mem_printf("/providers/%lld/models/use", (long long)provider);
	json_t *body = json_pack("{s:s}", "name", text + strcspn(text, "/") + 1);
	code = client_call(c, "POST", path, body, &model, err);
	*model_id = show_int(model, "id");
	json_decref(model);
	json_decref(body);
	mem_free(path);
	return code;
}

/* A path where something is, or else the model of a provider. */
static enum err_code resolve_file(struct client *c, const char *text, int64_t *model_id, struct err *err)
{
	struct err problem = { 0 };
	char *whole = resolve_path(text);
	bool is_here = fs_exists(whole) || text[0] == '/' || text[0] == '.' || text[0] == '~';
	mem_free(whole);
	enum err_code code = is_here ? ERR_NOT_FOUND : resolve_remote(c, text, model_id, &problem);
	if (code == ERR_NOT_FOUND && !problem.key[0])
		return add_one(c, text, 0, model_id, err);
	if (code != ERR_OK && err)
		*err = problem;
	return code;
}

/* A name that is none of the server's models may still be a file or folder here. */
static bool is_path_after_all(const struct spec *s, const struct err *err)
{
	return s->kind == SPEC_NAME && err->code == ERR_NOT_FOUND &&
	       (strcmp(err->key, "err_spec_no_model") == 0 || strcmp(err->key, "err_spec_no_models") == 0) &&
	       fs_exists(s->name);
}

enum err_code resolve_spec(struct client *c, const struct spec *s, int64_t *model_id, struct err *err)
{
	json_t *list;
	if (s->kind == SPEC_FILE)
		return resolve_file(c, s->name, model_id, err);
	if (s->kind == SPEC_PAIR)
		return resolve_pair(c, s, model_id, err);
	struct err problem = { 0 };
	enum err_code code = client_call(c, "GET", "/models", NULL, &list, &problem);
	if (code == ERR_OK) {
		code = spec_match(s, list, model_id, &problem);
		json_decref(list);
		if (code != ERR_OK && is_path_after_all(s, &problem))
			return add_one(c, s->name, 0, model_id, err);
	}
	if (code != ERR_OK && err)
		*err = problem;
	return code;
}

enum err_code resolve_text(struct client *c, const char *text, int64_t *model_id, struct err *err)
{
	struct spec s;
	if (str_to_i64(str_of(text), model_id) && *model_id > 0)
		return ERR_OK;
	enum err_code code = spec_parse(text, &s, err);
	if (code == ERR_OK && json_object_size(s.params))
		code = err_set(err, ERR_INVALID, "err_spec_no_settings", "spec=%s", text);
	if (code == ERR_OK)
		code = resolve_spec(c, &s, model_id, err);
	spec_release(&s);
	return code;
}

/* The family that a model belongs to, -1: none. */
static int64_t family_of(const json_t *list, json_int_t model_id)
{
	size_t i, k;
	const json_t *family, *checkpoint;
	json_array_foreach(json_object_get(list, "families"), i, family)
		json_array_foreach(json_object_get(family, "checkpoints"), k, checkpoint)
			if (show_int(checkpoint, "id") == model_id)
				return show_int(family, "id");
	return -1;
}

enum err_code resolve_family(struct client *c, const char *name, int64_t *family_id, struct err *err)
{
	json_t *list = NULL, *scan = NULL;
	enum err_code code = client_call(c, "GET", "/models", NULL, &list, err);
	*family_id = code == ERR_OK ? spec_match_family(name, list) : -1;
	char *whole = resolve_path(name);
	if (code == ERR_OK && *family_id < 0 && fs_exists(whole)) {
		code = resolve_add(c, name, 0, NULL, &scan, err);
		json_decref(list);
		list = NULL;
		if (code == ERR_OK)
			code = client_call(c, "GET", "/models", NULL, &list, err);
		if (code == ERR_OK)
			*family_id = family_of(list, json_integer_value(json_array_get(json_object_get(scan, "model_ids"), 0)));
	}
	if (code == ERR_OK && *family_id < 0)
		code = err_set(err, ERR_NOT_FOUND, "err_cli_no_family", "name=%s", name);
	mem_free(whole);
	json_decref(scan);
	json_decref(list);
	return code;
}

enum err_code resolve_check(const struct args *args, struct err *err)
{
	enum err_code code = ERR_OK;
	const char *text;
	if (!args_has(args, "model"))
		return err_set(err, ERR_INVALID, "err_args_required", "option=--model");
	for (size_t i = 0; code == ERR_OK && (text = args_nth(args, "model", i)) != NULL; i++) {
		struct spec s;
		code = spec_parse(text, &s, err);
		spec_release(&s);
	}
	return code;
}

enum err_code resolve_columns(struct client *c, const struct args *args, json_t **columns, struct err *err)
{
	enum err_code code = resolve_check(args, err);
	const char *text;
	*columns = json_array();
	for (size_t i = 0; code == ERR_OK && (text = args_nth(args, "model", i)) != NULL; i++) {
		struct spec s;
		int64_t id;
		code = spec_parse(text, &s, err);
		if (code == ERR_OK)
			code = resolve_spec(c, &s, &id, err);
		if (code == ERR_OK) {
			json_t *column = json_pack("{s:I}", "model_id", (json_int_t)id);
			if (json_object_size(s.params))
				json_object_set(column, "params", s.params);
			json_array_append_new(*columns, column);
		}
		spec_release(&s);
	}
	if (code != ERR_OK) {
		json_decref(*columns);
		*columns = NULL;
	}
	return code;
}
