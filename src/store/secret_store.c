/* SPDX-License-Identifier: Apache-2.0 */
#include "store/secret_store.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define SHOWN 4
#define COMMAND_MAX 1000
#define SHOWN_FROM 12 /* of a shorter key, four characters would be too much */

void secret_last4(const char *key, char out[8])
{
	size_t len = key ? strlen(key) : 0;

	out[0] = 0;
	if (len >= SHOWN_FROM)
		(void)str_format(out, 8, "%s", key + len - SHOWN);
}

const char *secret_env_name(const char *key_source)
{
	static const char prefix[] = "env:";

	if (!key_source || strncmp(key_source, prefix, sizeof prefix - 1) != 0)
		return NULL;
	const char *name = key_source + sizeof prefix - 1;
	if (!*name || isdigit((unsigned char)*name) || strlen(name) > 128)
		return NULL;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return NULL;
	return name;
}

const char *secret_command(const char *key_source)
{
	static const char prefix[] = "cmd:";

	if (!key_source || strncmp(key_source, prefix, sizeof prefix - 1) != 0)
		return NULL;
	const char *command = key_source + sizeof prefix - 1;
	if (strlen(command) > COMMAND_MAX || !str_trim(str_of(command)).len)
		return NULL;
	for (const char *c = command; *c; c++)
		if (iscntrl((unsigned char)*c) && *c != '\t')
			return NULL;
	return command;
}

/* A new reference to the file's object, empty where there is none; NULL on failure. */
static json_t *read_file(const char *path, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);
	struct stat st;
	json_t *all = NULL;

	if (stat(path, &st) != 0)
		return json_object();
	if ((st.st_mode & 077) != 0)
		err_set(err, ERR_DENIED, "err_secrets_open", "path=%s", path);
	else if (fs_read(path, &text, err) == ERR_OK)
		all = json_parse(buf_str(&text), path, err);
	if (text.ptr)
		explicit_bzero(text.ptr, text.len);
	buf_release(&text);
	return all;
}

static const char *name_of(int64_t provider_id, char out[40])
{
	(void)str_format(out, 40, "provider:%lld", (long long)provider_id);
	return out;
}

static enum err_code get_from_file(const char *data_dir, struct arena *a, const struct provider_row *p, const char **key,
				   struct err *err)
{
	char name[40], *path = fs_join(data_dir, "secrets");
	json_t *all = read_file(path, err);
	const char *found = all ? json_string_value(json_object_get(all, name_of(p->id, name))) : NULL;
	enum err_code code = ERR_OK;

	if (!all)
		code = err ? err->code : ERR_IO;
	else if (!found)
		code = err_set(err, ERR_NOT_FOUND, "err_key_lost", "provider=%s|path=%s", p->name, path);
	else
		*key = arena_strdup(a, found);
	json_decref(all);
	mem_free(path);
	return code;
}

enum err_code secret_store_get(const char *data_dir, struct arena *a, const struct provider_row *p, const char **key,
			       struct err *err)
{
	const char *variable = secret_env_name(p->key_source);
	enum err_code code = ERR_OK;

	*key = NULL;
	if (variable) {
		const char *value = getenv(variable);
		if (!value || !*value || strlen(value) > LIMIT_KEY_BYTES)
			return err_set(err, ERR_NOT_FOUND, "err_key_env", "name=%s|provider=%s", variable, p->name);
		*key = arena_strdup(a, value);
	} else if (p->key_source[0] && !secret_command(p->key_source)) {
		code = get_from_file(data_dir, a, p, key, err);
	}
	if (*key)
		log_add_secret(*key);
	return code;
}

enum err_code secret_store_set(const char *data_dir, int64_t provider_id, const char *key, struct err *err)
{
	struct err own = { 0 };
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);
	char name[40], *path = fs_join(data_dir, "secrets");
	json_t *all = read_file(path, &own);
	enum err_code code = own.code;

	if (!all)
		goto out;
	if (key && *key) {
		log_add_secret(key);
		json_object_set_new(all, name_of(provider_id, name), json_text(str_of(key)));
	} else if (json_object_del(all, name_of(provider_id, name)) != 0) {
		goto out; /* it had none */
	}
	json_write(&text, all);
	code = fs_write(path, text.ptr, text.len, &own);
	explicit_bzero(text.ptr, text.len);
out:
	if (err && own.code != ERR_OK)
		*err = own;
	buf_release(&text);
	json_decref(all);
	mem_free(path);
	return code;
}
