/* SPDX-License-Identifier: Apache-2.0 */
#include "server/openai_name.h"

#include <string.h>

#include "model/checkpoint_name.h"
#include "server/model_name.h"

static bool is_taken(const struct openai_name *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].name, name))
			return true;
	return false;
}

static void add_model(struct arena *a, struct openai_name *all, size_t *n, struct openai_name one)
{
	while (is_taken(all, *n, one.name))
		one.name = arena_printf(a, "%s-%lld", one.name, (long long)one.model_id);
	all[(*n)++] = one;
}

static void name_model(struct arena *a, const struct model_list *list, const struct model_row *m, struct openai_name *out)
{
	const char *family = NULL;
	char epoch[32];
	out->name = m->model.name;
	for (size_t i = 0; i < list->n_families; i++)
		if (list->families[i].id == m->family_id)
			family = list->families[i].name;
	if (!family)
		return;
	epoch_label(m->model.epoch, epoch);
	if (*epoch)
		out->exact = arena_printf(a, "%s@%g", family, m->model.epoch);
	if (*epoch && (m->model.step < 0 || model_epoch_is_its_own(list, m)))
		out->name = arena_printf(a, "%s@%s", family, epoch);
	else
		out->name = arena_printf(a, "%s@step:%lld", family, (long long)m->model.step);
}

enum err_code openai_names(struct db *db, struct arena *a, struct openai_name **out, size_t *n, struct err *err)
{
	struct workspace_row *workspaces;
	struct model_list list;
	size_t n_workspaces;
	*n = 0;
	if (workspace_store_list(db, a, &workspaces, &n_workspaces, err) != ERR_OK || model_store_list(db, a, &list, err) != ERR_OK)
		return err->code;
	*out = arena_array(a, n_workspaces + list.n_models + 1, sizeof **out);
	for (size_t i = 0; i < n_workspaces; i++) {
		const struct workspace_row *w = &workspaces[i];
		(*out)[(*n)++] = (struct openai_name){ w->api_name, w->id, w->model_id, w->created_ms, NULL };
	}
	for (size_t i = 0; i < list.n_models; i++) {
		const struct model_row *m = &list.models[i];
		struct openai_name one = { .model_id = m->id };
		name_model(a, &list, m, &one);
		if (m->model.kind != MODEL_ADAPTER || m->base_model_id)
			add_model(a, *out, n, one);
	}
	return ERR_OK;
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "My Bot 2" and "my-bot-2" are the same: letters of any script and digits, everything else one dash. */
static bool same_address(const char *name, const char *wanted)
{
	while (*name && *wanted) {
		if (!is_plain(*name)) {
			if (*wanted++ != '-')
				return false;
			while (*name && !is_plain(*name))
				name++;
			continue;
		}
		char lower = *name >= 'A' && *name <= 'Z' ? (char)(*name + ('a' - 'A')) : *name;
		if (lower != *wanted)
			return false;
		name++;
		wanted++;
	}
	return !*name && !*wanted;
}

enum err_code openai_name_find(struct db *db, struct arena *a, const char *name, struct openai_name *out, struct err *err)
{
	struct openai_name *all;
	size_t n;
	if (openai_names(db, a, &all, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].name, name) != 0)
			continue;
		*out = all[i];
		return ERR_OK;
	}
	for (size_t i = 0; i < n; i++) {
		if (!all[i].exact || strcmp(all[i].exact, name) != 0)
			continue;
		*out = all[i];
		return ERR_OK;
	}
	for (size_t i = 0; i < n; i++) {
		if (!all[i].workspace_id || !same_address(all[i].name, name))
			continue;
		*out = all[i];
		return ERR_OK;
	}
	return err_set(err, ERR_NOT_FOUND, "err_openai_model", "field=model|name=%s", name);
}
