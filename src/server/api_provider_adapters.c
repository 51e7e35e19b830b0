/* SPDX-License-Identifier: Apache-2.0
 *
 * api_provider_adapters - the checkpoints of a fine-tuned model become models of a vLLM server, while it runs: POST
 * /load_lora_adapter {lora_name, lora_path} for each, which it has where it was started with VLLM_ALLOW_RUNTIME_LORA_UPDATING and
 * --enable-lora (vLLM, "LoRA Adapters").  It reads the folders itself, so they are sent as paths, as that machine has them. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "server/json_view.h"
#include "server/provider_calls.h"
#include "server/routes.h"
#include "store/model_store.h"

struct adapter {
	int64_t model_id;
	const char *name, *path; /* at the server */
	struct err err;
	bool was_there;
	struct provider_call call;
};

struct adapters {
	int64_t family_id;
	const char *folder; /* where that machine has the family's; NULL: where this one has it */
	struct remote remote;
	struct provider_calls calls;
	struct adapter *items;
	size_t n;
};

/* "Kestrel-bot-epoch-4": what may stand in a name everywhere, others become '-'. */
static const char *adapter_name(struct arena *a, const char *family, const struct found_model *model)
{
	char *name;

	if (fabs(model->epoch - round(model->epoch)) < 0.005)
		name = arena_printf(a, "%s-epoch-%.0f", family, round(model->epoch));
	else if (model->step > 0)
		name = arena_printf(a, "%s-step-%lld", family, (long long)model->step);
	else
		name = arena_printf(a, "%s-%s", family, model->name);
	for (char *at = name; *at; at++)
		if ((unsigned char)*at < 0x80 && !strchr("._-", *at) && !(*at >= '0' && *at <= '9') && !((*at | 32) >= 'a' && (*at | 32) <= 'z'))
			*at = '-';
	return name;
}

/* Where the server finds what lies at `path` here; NULL where another folder was named and it does not lie in the family's. */
static const char *path_there(struct arena *a, const struct adapters *s, const char *family_path, const char *path)
{
	size_t len = strlen(family_path);

	if (!s->folder)
		return path;
	if (strncmp(path, family_path, len) != 0 || (path[len] != '\0' && path[len] != '/'))
		return NULL;
	return arena_printf(a, "%s%s", s->folder, path + len);
}

static void add_adapter(struct request *r, struct adapters *s, const struct family_row *family, const struct model_row *row)
{
	struct adapter *one = &s->items[s->n++];

	*one = (struct adapter){ .model_id = row->id, .name = adapter_name(r->arena, family->name, &row->model) };
	one->path = path_there(r->arena, s, family->path, row->model.path);
	if (row->model.adapter_format != ADAPTER_PEFT)
		err_set(&one->err, ERR_UNSUPPORTED, "err_adapter_not_peft", "path=%s", row->model.path);
	else if (!one->path)
		err_set(&one->err, ERR_INVALID, "err_adapter_elsewhere", "path=%s|folder=%s", row->model.path, family->path);
}

static void read_adapters(struct request *r, struct db *db)
{
	struct adapters *s = r->state;
	struct err *err = request_err(r);
	const struct family_row *family = NULL;
	struct model_list list;
	size_t found = 0;

	if (!provider_read(r, db, r->id, &s->remote, NULL) || model_store_list(db, r->arena, &list, err) != ERR_OK)
		return;
	if (s->remote.row.kind != PROVIDER_OPENAI) {
		err_set(err, ERR_UNSUPPORTED, "err_provider_no_adapters", "provider=%s", s->remote.row.name);
		return;
	}
	for (size_t i = 0; i < list.n_families; i++)
		if (list.families[i].id == s->family_id)
			family = &list.families[i];
	if (!family) {
		err_set(err, ERR_NOT_FOUND, "err_family_not_found", "field=family_id|id=%lld", (long long)s->family_id);
		return;
	}
	s->items = arena_array(r->arena, LIMIT_ADAPTERS, sizeof *s->items);
	for (size_t i = 0; i < list.n_models; i++) {
		const struct model_row *row = &list.models[i];
		if (row->family_id != family->id || row->model.kind != MODEL_ADAPTER)
			continue;
		if (++found <= LIMIT_ADAPTERS)
			add_adapter(r, s, family, row);
	}
	if (found > LIMIT_ADAPTERS)
		err_set(err, ERR_LIMIT, "err_adapters_many", "field=family_id|name=%s|limit=%d|found=%zu", family->name, LIMIT_ADAPTERS, found);
	else if (found == 0)
		err_set(err, ERR_UNSUPPORTED, "err_family_no_adapters", "field=family_id|name=%s", family->name);
}

/* vLLM answers 400 for a name that it has, 404 for a folder without adapter and, as every server, for what it does not do. */
static void read_refusal(struct adapter *one)
{
	const struct provider_call *call = &one->call;
	char reason[400];
	int status = call->reply.status;

	remote_reason(call->reply.body, reason, sizeof reason);
	one->was_there = status == 400 && strstr(reason, "already");
	if ((status == 404 && !strstr(reason, "adapter")) || status == 405)
		err_set(&one->err, ERR_UNSUPPORTED, "err_provider_no_adapters", "provider=%s", call->remote->row.name);
	else if (!one->was_there)
		remote_fail(call->remote, &call->reply, &one->err);
}

static void judge(struct adapter *one)
{
	const struct provider_call *call = &one->call;

	if (one->err.code != ERR_OK)
		return;
	one->err = call->err;
	if (one->err.code == ERR_OK && (call->reply.status < 200 || call->reply.status > 299))
		read_refusal(one);
}

static void reply_adapters(struct request *r)
{
	struct adapters *s = r->state;
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		judge(&s->items[i]);
		any |= s->items[i].err.code == ERR_OK;
	}
	if (!any) { /* one reason is enough */
		request_fail(r, &s->items[0].err);
		return;
	}
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "adapters", '[');
	for (size_t i = 0; i < s->n; i++) {
		const struct adapter *one = &s->items[i];
		json_open(&r->out, NULL, '{');
		json_int(&r->out, "model_id", one->model_id);
		json_cstr(&r->out, "name", one->name);
		json_flag(&r->out, "was_there", one->was_there);
		if (one->err.code != ERR_OK)
			view_problem(&r->out, "problem", r->lang, &one->err);
		json_close(&r->out, '}');
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	app_publish(r->app, "providers", NULL);
	request_reply(r, 200);
}

static void send_adapters(struct request *r)
{
	struct adapters *s = r->state;
	struct http_limits limits = provider_limits_answer(&s->remote.row);

	provider_calls_init(&s->calls, r, reply_adapters);
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].err.code == ERR_OK)
			provider_call_start(&s->calls, &s->items[i].call, &s->remote, "POST", "/load_lora_adapter",
					    json_pack("{s:s, s:s}", "lora_name", s->items[i].name, "lora_path", s->items[i].path), &limits);
	provider_calls_wait(&s->calls);
}

void api_load_provider_adapters(struct request *r)
{
	struct err err = { 0 };
	struct adapters *s = r->state = arena_alloc(r->arena, sizeof *s);
	const char *folder = body_text(r->json, "folder", 0, 4095, NULL, &err);

	*s = (struct adapters){ .family_id = json_get_int(r->json, "family_id", 1, INT64_MAX, 0, &err) };
	if (folder && *folder) {
		struct str trimmed = str_of(folder);
		while (trimmed.len > 1 && trimmed.ptr[trimmed.len - 1] == '/')
			trimmed.len--;
		s->folder = arena_printf(r->arena, "%.*s", (int)trimmed.len, trimmed.ptr);
	}
	if (err.code == ERR_OK && s->family_id == 0)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=family_id");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, read_adapters, send_adapters);
}
