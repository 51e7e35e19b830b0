/* SPDX-License-Identifier: Apache-2.0
 *
 * A model of a hub: the first line is its name as somebody types it, the second what is wanted of it, the rest what the hub
 * says.  Whatever that is: nothing that is chosen leads out of its folder, and every number fits. */
#include <string.h>

#include "base/limits.h"
#include "base/msg.h"
#include "hub/hub_choice.h"
#include "hub/hub_id.h"
#include "hub/hub_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_of(struct arena *a, struct str s)
{
	return arena_strndup(a, s.ptr ? s.ptr : "", s.len); /* ends at a NUL byte */
}

/* An error has a sentence, and success has none. */
static void check_error(enum err_code code, const struct err *err)
{
	struct buf text = BUF_INIT(64 * KIB);

	if ((code == ERR_OK) != (err->code == ERR_OK))
		BUG("code %d, error %s", (int)code, err->key);
	if (code != ERR_OK && !msg_text(LANG_EN, err->key))
		BUG("no sentence for %s", err->key);
	err_message(&text, LANG_ZH_TW, err);
	buf_release(&text);
}

static void check_path(const char *path)
{
	size_t n = strlen(path);

	if (n == 0 || path[0] == '/' || path[n - 1] == '/' || strstr(path, "//") || strstr(path, "/../") || strncmp(path, "../", 3) == 0 ||
	    strcmp(path, "..") == 0 || (n >= 3 && strcmp(path + n - 3, "/..") == 0))
		BUG("%s leads elsewhere", path);
}

static void read_name(struct arena *a, const char *text)
{
	struct err err = { 0 };
	struct hub_id id;
	enum err_code code = hub_id_parse(a, text, "https://hub.example", &id, &err);

	check_error(code, &err);
	if (code != ERR_OK)
		return;
	check_path(id.repo);
	if (*id.file && strcmp(id.file, ".") != 0)
		check_path(id.file);
	const char *url = hub_list_url(a, "https://hub.example", id.repo, *id.revision ? id.revision : HUB_REVISION);
	if (url[strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/%?=")])
		BUG("%s is no address", url);
}

static void check_choice(const struct hub_list *list, const struct hub_choice *c)
{
	uint64_t sum = 0;

	if (c->n_files == 0 || (c->kind == HUB_GGUF && !*c->name))
		BUG("an empty choice");
	for (size_t i = 0; i < c->n_files; i++) {
		if (c->files[i] >= list->n_files)
			BUG("file %zu of %zu", c->files[i], list->n_files);
		sum += list->files[c->files[i]].size;
	}
	if (sum != c->size || sum > INT64_MAX)
		BUG("%llu bytes", (unsigned long long)sum);
}

static void read_list(struct arena *a, struct str text, const char *wanted)
{
	struct err err = { 0 };
	struct hub_list list;
	const struct hub_choice *choices, *choice;
	size_t n;
	enum err_code code = hub_list_read(a, text, "hub", &list, &err);

	check_error(code, &err);
	if (code != ERR_OK)
		return;
	for (size_t i = 0; i < list.n_files; i++)
		check_path(list.files[i].path);
	code = hub_choices(a, &list, &choices, &n, &err);
	check_error(code, &err);
	if (code != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		check_choice(&list, &choices[i]);
	code = hub_choose(&list, choices, n, wanted, &choice, &err);
	check_error(code, &err);
	if (code == ERR_OK)
		check_choice(&list, choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };
	struct arena *a = arena_new();
	const char *name = text_of(a, str_split(&rest, '\n')), *wanted = text_of(a, str_split(&rest, '\n'));

	read_name(a, name);
	read_list(a, rest.ptr ? rest : STR(""), wanted);
	arena_free(a);
	return 0;
}
