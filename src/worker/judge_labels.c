/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/judge_labels.h"

#include "base/limits.h"
#include "base/mem.h"
#include "worker/protocol.h"
#include "worker/scoring.h"

#define LABEL_PAIRS_MAX 8
#define LABEL_BYTES 64

/* --- labels --- */

struct label_texts {
	const char *a, *b;
};

static enum err_code wrong(const char *field, struct err *err)
{
	return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", field);
}

/* The one token that `label` adds to `lead`; -1 where it is more, or changes those before it. */
static llama_token added_token(const struct loaded *m, const char *lead, const char *label, struct err *err)
{
	struct tokens alone = { 0 }, with = { 0 };
	char text[2 * LABEL_BYTES];
	llama_token added = -1;

	if (str_format(text, sizeof(text), "%s%s", lead, label) && tokens_add(&alone, m, str_of(lead), false, false, err) == ERR_OK &&
	    tokens_add(&with, m, str_of(text), false, false, err) == ERR_OK && with.n == alone.n + 1 &&
	    (alone.n == 0 || memcmp(alone.ids, with.ids, sizeof(*alone.ids) * (size_t)alone.n) == 0))
		added = with.ids[with.n - 1];
	tokens_release(&alone);
	tokens_release(&with);
	return added;
}

/* Which pair of labels goes with this lead; -1: none. */
static int find_labels(const struct loaded *m, const struct label_texts *pairs, size_t n, const char *lead, struct label_pair *out,
		       struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		*out = (struct label_pair){ added_token(m, lead, pairs[i].a, err), added_token(m, lead, pairs[i].b, err) };
		if (out->a >= 0 && out->b >= 0 && out->a != out->b)
			return (int)i;
	}
	return -1;
}

static enum err_code read_labels(const json_t *body, struct label_texts *out, size_t *n, struct err *err)
{
	const json_t *list = json_object_get(body, "labels");

	*n = json_array_size(list);
	if (*n == 0 || *n > LABEL_PAIRS_MAX)
		return wrong("labels", err);
	for (size_t i = 0; i < *n; i++) {
		const json_t *pair = json_array_get(list, i);
		out[i] = (struct label_texts){ json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)) };
		if (json_array_size(pair) != 2 || !out[i].a || !out[i].b || strlen(out[i].a) >= LABEL_BYTES || strlen(out[i].b) >= LABEL_BYTES)
			return wrong("labels", err);
	}
	return ERR_OK;
}

/* --- the request --- */

/* One item of the request; its texts are the request's. */
struct asked {
	json_t *cell;
	const char *system, *user, *lead, *label;
	struct label_pair pair;
	int index; /* of the pair */
	bool is_taken;
};

struct judgement {
	struct scoring s;
	const json_t *body;
	bool has_system; /* the template knows that role */
	struct asked *asked;
	size_t n;
	/* What is fed at once: the items of one system text. */
	size_t *group; /* indices of asked */
	size_t n_group;
};

static enum err_code read_asked(struct asked *a, const json_t *item, struct err *err)
{
	const json_t *system = json_object_get(item, "system");

	*a = (struct asked){ .cell = json_object_get(item, "cell"), .system = system ? json_string_value(system) : "",
			     .user = json_string_value(json_object_get(item, "user")), .lead = json_string_value(json_object_get(item, "lead")) };
	if (!json_is_integer(a->cell) || !a->system || !a->user || !a->lead || strlen(a->lead) >= LABEL_BYTES)
		return wrong("items", err);
	return ERR_OK;
}

static enum err_code read_items(struct judgement *j, struct err *err)
{
	const json_t *list = json_object_get(j->body, "items");
	struct label_texts pairs[LABEL_PAIRS_MAX];
	size_t n_pairs, n = json_array_size(list);

	if (read_labels(j->body, pairs, &n_pairs, err) != ERR_OK)
		return err->code;
	if (n == 0)
		return wrong("items", err);
	j->asked = mem_array(n, sizeof(*j->asked));
	j->group = mem_array(n, sizeof(*j->group));
	for (; j->n < n; j->n++) {
		struct asked *a = &j->asked[j->n];
		if (read_asked(a, json_array_get(list, j->n), err) != ERR_OK)
			return err->code;
		if (j->n > 0 && strcmp(a->lead, a[-1].lead) == 0) {
			a->index = a[-1].index;
			a->pair = a[-1].pair;
			a->label = a[-1].label;
			continue;
		}
		a->index = find_labels(j->s.engine->model, pairs, n_pairs, a->lead, &a->pair, err);
		if (err->code == ERR_OK && a->index < 0)
			return err_set(err, ERR_UNSUPPORTED, "err_judge_labels", "lead=%s", a->lead);
		if (err->code != ERR_OK)
			return err->code;
		a->label = pairs[a->index].a;
	}
	return ERR_OK;
}

/* Whether what a system message says comes into the prompt: templates without that role refuse it, or leave it away. */
static enum err_code learn_system(struct judgement *j, struct err *err)
{
	static const char WORDS[] = "Compare them.";
	struct column *c;
	struct tokens tokens = { 0 };
	struct buf text = BUF_INIT(LIMIT_PROMPT_BYTES);
	struct err refused = { 0 };
	uint32_t stream = j->s.job.stream;

	if (column_get(&j->s.engine->columns, j->s.engine->model, stream, j->body, &c, err) != ERR_OK)
		return err->code;
	json_t *messages = json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", WORDS, "role", "user", "content", "A or B?");
	j->has_system = column_prompt(c, j->s.engine->model, stream, messages, &tokens, &text, &refused) == ERR_OK && text.len > 0 &&
			strstr(text.ptr, WORDS) != NULL;
	json_decref(messages);
	tokens_release(&tokens);
	buf_release(&text);
	return ERR_OK;
}

/* --- one group --- */

/* The next items of one system text, which then belongs to their common prefix: what is computed for an item does not depend
 * on the items of other texts.  False: all are taken. */
static bool next_group(struct judgement *j)
{
	const char *system = NULL;

	j->n_group = 0;
	for (size_t i = 0; i < j->n; i++) {
		struct asked *a = &j->asked[i];
		if (a->is_taken || (j->has_system && system && strcmp(a->system, system) != 0))
			continue;
		system = a->system;
		a->is_taken = true;
		j->group[j->n_group++] = i;
	}
	return j->n_group > 0;
}

/* What the judge is told as the user; without a system role all of it. */
static json_t *user_text(const struct judgement *j, const struct asked *a)
{
	if (j->has_system || !a->system[0])
		return json_string(a->user);
	return json_pack("s++", a->system, "\n\n", a->user);
}

/* The group as items_open() reads it: what follows a prompt is the lead and, in the place that is predicted, a label. */
static json_t *group_body(const struct judgement *j)
{
	json_t *body = json_copy((json_t *)(uintptr_t)j->body), *items = json_array();

	for (size_t k = 0; k < j->n_group; k++) {
		const struct asked *a = &j->asked[j->group[k]];
		json_array_append_new(items, json_pack("{s:O, s:[{s:s, s:o}], s:s+}", "cell", a->cell, "messages", "role", "user", "content",
						       user_text(j, a), "answer", a->lead, a->label));
	}
	json_object_set_new(body, "items", items);
	json_object_set_new(body, "system", json_string(j->has_system ? j->asked[j->group[0]].system : ""));
	return body;
}

static const struct asked *asked_of(const struct judgement *j, size_t item)
{
	return &j->asked[j->group[j->s.items.list[item].at]];
}

static void send_labels(struct scoring *s, size_t item)
{
	const struct judgement *j = (const struct judgement *)s;

	link_send_json(s->job.link, MSG_JUDGED, s->job.stream,
		       json_pack("{s:I, s:i, s:f, s:f, s:i}", "cell", (json_int_t)s->items.list[item].id, "labels", asked_of(j, item)->index,
				 "log_a", s->scored[item].log_a, "log_b", s->scored[item].log_b, "n_prompt", s->items.list[item].n_prompt));
}

/* Of each item only the row before the label is wanted. */
static enum err_code run_group(struct judgement *j, struct err *err)
{
	struct scoring *s = &j->s;
	struct label_pair *labels = mem_array(s->items.n, sizeof(*labels));

	for (size_t i = 0; i < s->items.n; i++) {
		labels[i] = asked_of(j, i)->pair;
		s->items.lengths[i].first = s->items.lengths[i].n - 2;
	}
	s->labels = labels;
	enum err_code code = scoring_run(s, err);
	s->labels = NULL;
	mem_free(labels);
	return code;
}

/* --- all of them --- */

static enum err_code run_groups(struct judgement *j, json_t **reply, struct err *err)
{
	size_t n_judged = 0, n_before = 0;
	int64_t n_tokens = 0;

	for (; next_group(j); n_before += j->n_group) {
		struct err unusable = { 0 };
		json_t *body = group_body(j);
		j->s.begin = (double)n_before / (double)j->n;
		j->s.share = (double)j->n_group / (double)j->n;
		enum err_code code = scoring_open(&j->s, body, &unusable);
		size_t n = j->s.items.n;
		/* Where no item of the group can be used, each has been failed: others go on. */
		bool is_empty = code != ERR_OK && strcmp(unusable.key, "err_items_none") == 0;
		if (code == ERR_OK && run_group(j, err) == ERR_OK) {
			n_judged += n;
			n_tokens += j->s.fed;
		}
		scoring_close(&j->s);
		json_decref(body);
		if (code != ERR_OK && !is_empty)
			*err = unusable;
		if (err->code != ERR_OK)
			return err->code;
	}
	*reply = scoring_stats(&j->s, n_judged, n_tokens);
	return ERR_OK;
}

enum err_code judge_labels(struct engine *e, struct request *r, json_t **reply, struct err *err)
{
	struct judgement j = { .s = { .engine = e, .send = send_labels }, .body = r->body };

	job_begin(&j.s.job, e->link, r, "judge");
	if (!e->model->model)
		(void)err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	else if (read_items(&j, err) == ERR_OK && learn_system(&j, err) == ERR_OK)
		(void)run_groups(&j, reply, err);
	mem_free(j.asked);
	mem_free(j.group);
	return err->code;
}
