/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "selection/selection_judge.h"
#include "worker/protocol.h"

#define BATCH_QUESTIONS 32
#define BATCH_BYTES (1 * MIB) /* of prompts: JSON may take six times as many, and a frame 16 MiB */
#define ORDERS 2
#define FRAME_BYTES 2048 /* of a prompt, around the texts */

/* Some of the questions, on their way to the judge and back.  Prompt i is order i % 2 of question from + i / 2. */
struct judge_batch {
	struct chore chore;
	struct store *store;
	const struct judging *judging; /* its questions are not touched meanwhile */
	size_t from, n;
	struct verdict_row rows[BATCH_QUESTIONS * ORDERS];
	bool found[BATCH_QUESTIONS * ORDERS];
	bool is_answered[BATCH_QUESTIONS * ORDERS];
	json_t *items; /* those to ask */
	bool is_asking; /* more of them follow at once */
};

/* --- prompts, and what is known of them --- */

static void make_key(const struct judging *j, const struct judge_prompt *p, char key[VERDICT_KEY_SIZE])
{
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	char version[64];

	str_format(version, sizeof version, "%s %d %d", ASSAY_VERSION, PROMPTS_VERSION, j->is_in_words);
	hash_add_text(h, str_of(version));
	hash_add_text(h, str_of(j->identity));
	if (j->template[0])
		hash_add_text(h, str_of(j->template));
	hash_add_text(h, buf_str(&p->system));
	hash_add_text(h, buf_str(&p->user));
	hash_add_text(h, str_of(p->lead));
	hash_finish(h, digest);
	hash_hex(digest, key);
}

static json_t *item(const struct judge_prompt *p, size_t index)
{
	return json_pack("{s:I, s:o, s:o, s:s}", "cell", (json_int_t)index + 1, "system", json_text(buf_str(&p->system)), "user",
			 json_text(buf_str(&p->user)), "lead", p->lead);
}

static void run_prepare(struct task *task, void *context)
{
	struct judge_batch *b = (struct judge_batch *)task;
	const struct judging *j = b->judging;
	struct db *db = NULL;
	json_t *all = json_array();
	size_t bytes = 0;

	(void)context;
	for (; b->from + b->n < j->n && b->n < BATCH_QUESTIONS && bytes < BATCH_BYTES; b->n++)
		for (size_t order = 0; order < ORDERS; order++) {
			struct judge_prompt p;
			size_t at = b->n * ORDERS + order;
			judge_prompt_make(&j->questions[b->from + b->n].texts, order == 1, &p);
			make_key(j, &p, b->rows[at].key);
			bytes += p.system.len + p.user.len;
			json_array_append_new(all, item(&p, at));
			judge_prompt_release(&p);
		}
	if (store_open_reader(b->store, &db, &task->err) == ERR_OK) {
		(void)!verdict_store_find(db, b->rows, b->n * ORDERS, b->found, &task->err);
		db_close(db);
	}
	b->items = json_array();
	for (size_t i = 0; i < b->n * ORDERS; i++) {
		if (!b->found[i] || j->questions[b->from + i / ORDERS].is_fresh) {
			b->found[i] = false;
			json_array_append(b->items, json_array_get(all, i));
		}
	}
	json_decref(all);
}

static void release_batch(struct chore *c)
{
	json_decref(((struct judge_batch *)c)->items);
}

/* --- the worker's answers --- */

static void next_batch(struct selection *s);

static void on_item(struct selection *s, uint8_t kind, const json_t *body)
{
	struct judge_batch *b = s->judging->batch;
	struct err err = { 0 };
	int64_t at = json_get_int(body, "cell", 1, BATCH_QUESTIONS * ORDERS, 0, &err) - 1;
	double log_a = json_get_number(body, "log_a", -1e9, 1e-6, NAN, &err), log_b = json_get_number(body, "log_b", -1e9, 1e-6, NAN, &err);

	if (!b || kind != MSG_JUDGED || err.code != ERR_OK || at < 0 || (size_t)at >= b->n * ORDERS || isnan(log_a) || isnan(log_b))
		return;
	struct reading r = reading_of_logprobs(log_a, log_b);
	b->rows[at].a = r.a;
	b->rows[at].b = r.b;
	b->is_answered[at] = true;
	s->steps[s->at].n_calls++;
}

/* The questions have their readings; what was new is stored. */
static void take(struct judging *j, const struct judge_batch *b)
{
	for (size_t i = 0; i < b->n * ORDERS; i++) {
		struct judge_question *q = &j->questions[b->from + i / ORDERS];
		q->readings[i % ORDERS] = (struct reading){ b->rows[i].a, b->rows[i].b };
	}
	j->at = b->from + b->n;
}

struct keep_chore {
	struct chore chore;
	struct verdict_row *rows;
	size_t n;
};

static void run_keep(struct task *task, void *context)
{
	struct keep_chore *k = (struct keep_chore *)task;
	(void)!verdict_store_add(context, k->rows, k->n, &task->err);
}

static void home_kept(struct chore *c)
{
	if (!chore_failed(c))
		next_batch(c->s);
}

static void keep(struct selection *s, const struct judge_batch *b)
{
	struct keep_chore *k = chore_new(s, sizeof *k, run_keep, home_kept);

	k->rows = arena_array(k->chore.arena, b->n * ORDERS + 1, sizeof *k->rows);
	for (size_t i = 0; i < b->n * ORDERS; i++)
		if (b->is_answered[i])
			k->rows[k->n++] = b->rows[i];
	chore_write(&k->chore);
}

void judge_batch_free(struct judge_batch *b)
{
	if (!b)
		return;
	json_decref(b->items);
	mem_free(b);
}

static void end_batch(struct selection *s)
{
	struct judging *j = s->judging;
	struct judge_batch *b = j->batch;

	j->batch = NULL;
	take(j, b);
	step_progress(s, (double)j->at / (double)(j->n > 0 ? j->n : 1));
	keep(s, b);
	judge_batch_free(b);
}

static void answered(struct selection *s, const json_t *body)
{
	(void)body;
	end_batch(s);
}

void judging_time_up(struct selection *s)
{
	struct judging *j = s->judging;
	struct judge_batch *b = j ? j->batch : NULL;
	size_t n_whole = 0;

	if (!b)
		return;
	while (n_whole < b->n && (b->found[n_whole * ORDERS] || b->is_answered[n_whole * ORDERS]) &&
	       (b->found[n_whole * ORDERS + 1] || b->is_answered[n_whole * ORDERS + 1]))
		n_whole++;
	b->n = n_whole;
	selection_give_machine(s); /* also where it was only waited for */
	j->is_loaded = false;
	judging_leave(s);
	end_batch(s);
}

static json_t *labels(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < JUDGE_LABELS_COUNT; i++)
		json_array_append_new(list, json_pack("[s, s]", JUDGE_LABELS[i].a, JUDGE_LABELS[i].b));
	return list;
}

static void ask_batch(struct selection *s)
{
	struct judging *j = s->judging;
	struct judge_batch *b = j->batch;

	j->is_loaded = true;
	s->on_item = on_item;
	s->share = 0;
	selection_ask(s, REQ_JUDGE,
		      json_pack("{s:i, s:o, s:s, s:b, s:O}", "adapter", j->adapter_file ? 1 : 0, "labels", labels(), "template",
				j->template, "thinking", 0, "items", b->items),
		      -1, MSG_OK, answered);
}

static void give_adapter(struct selection *s)
{
	selection_load_adapter(s, s->judging->adapter_file, 1, ask_batch);
}

/* --- a judge that is elsewhere --- */

static void remote_read(void *user, size_t index, struct reading reading, bool in_words)
{
	struct selection *s = user;
	struct judge_batch *b = s->judging->batch;

	if (!b || index >= b->n * ORDERS)
		return;
	b->rows[index].a = reading.a;
	b->rows[index].b = reading.b;
	b->rows[index].in_words = in_words;
	b->is_answered[index] = true;
	s->steps[s->at].n_calls++;
}

static void remote_idle(void *user)
{
	struct selection *s = user;

	if (s->judging->batch && !s->judging->batch->is_asking)
		end_batch(s);
}

static void remote_failed(void *user, const struct err *cause)
{
	judging_give_up(user, cause);
}

static const struct remote_judge_events remote_events = { remote_read, remote_idle, remote_failed };

static void ask_remote(struct selection *s)
{
	struct judging *j = s->judging;
	struct judge_batch *b = j->batch;
	const char *slash = strchr(j->model.model.path, '/');
	struct remote_judge_options options = { .loop = s->ss->options.loop, .http_client = s->ss->options.http_client, .remote = j->provider,
						.model = slash ? slash + 1 : j->model.model.name };
	size_t i;
	json_t *item;

	if (!j->remote)
		j->remote = remote_judge_new(&options, &remote_events, s);
	b->is_asking = true;
	json_array_foreach(b->items, i, item) {
		b->is_asking = i + 1 < json_array_size(b->items);
		remote_judge_ask(j->remote, (size_t)json_integer_value(json_object_get(item, "cell")) - 1,
				 str_of(json_string_value(json_object_get(item, "system"))), str_of(json_string_value(json_object_get(item, "user"))));
	}
}

/* Bytes of the longest prompt: a text is cut where it is longer than a judge reads. */
static size_t longest_prompt(const struct judging *j)
{
	size_t longest = 0;

	for (size_t i = 0; i < j->n; i++) {
		const struct judge_case *c = &j->questions[i].texts;
		const size_t parts[] = { c->question.len, c->reference.len, c->x.len, c->y.len };
		size_t bytes = FRAME_BYTES;
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
			bytes += parts[k] < LIMIT_JUDGE_TEXT ? parts[k] : LIMIT_JUDGE_TEXT;
		longest = bytes > longest ? bytes : longest;
	}
	return longest;
}

static void load_judge(struct selection *s)
{
	const struct judging *j = s->judging;

	if (j->is_loaded && s->worker)
		ask_batch(s);
	else
		selection_load(s, j->base.model.path, &j->base, longest_prompt(j), give_adapter, judging_give_up);
}

static void home_prepared(struct chore *c)
{
	struct selection *s = c->s;
	struct judging *j = s->judging;
	struct judge_batch *b;

	if (chore_failed(c))
		return;
	if (s->is_time_up) {
		j->asked(s);
		return;
	}
	/* The chore is freed when this returns; what it found goes on. */
	b = mem_alloc(sizeof *b);
	*b = *(struct judge_batch *)c;
	b->chore = (struct chore){ .s = s };
	((struct judge_batch *)c)->items = NULL;
	j->batch = b;
	if (json_array_size(b->items) == 0)
		end_batch(s);
	else if (j->provider)
		ask_remote(s);
	else
		selection_need_machine(s, load_judge);
}

static void next_batch(struct selection *s)
{
	struct judging *j = s->judging;

	if (j->at >= j->n || s->is_time_up) {
		j->asked(s);
		return;
	}
	struct judge_batch *b = chore_new(s, sizeof *b, run_prepare, home_prepared);
	b->chore.release = release_batch;
	b->store = s->ss->options.store;
	b->judging = j;
	b->from = j->at;
	chore_work(&b->chore);
}

void ask_judge(struct selection *s, void (*asked)(struct selection *))
{
	s->judging->asked = asked;
	s->judging->at = 0;
	next_batch(s);
}
