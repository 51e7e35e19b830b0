/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "deploy/creation_private.h"
#include "engine/load_request.h"
#include "engine/machine.h"
#include "worker/protocol.h"

#define ADAPTER_ID 1
#define ITEMS_MAX 256
#define TOKENS_MAX 8000    /* of answers: 5,000 give a mean KL divergence to within .0025 (evaluation of the sampling error) */
#define ITEM_BYTES (64 * KIB)   /* of prompt and answer; longer ones are left out */
#define REQUEST_BYTES (2 * MIB) /* of all: JSON may take six times as many, and a frame 16 MiB */

int creation_threads(const struct creation *c)
{
	return c->cs->options.n_threads > 0 ? c->cs->options.n_threads : machine_cores();
}

struct gpu_use creation_gpu(const struct creation *c)
{
	return gpu_use_of(&c->cs->options.gpu, &c->facts.base);
}

/* --- the validated model in the job's worker --- */

static const char *reference_file(const struct creation *c)
{
	return c->reference ? c->reference : c->facts.base.model.path;
}

static void reference_ready(struct creation *c, const json_t *body)
{
	(void)body;
	c->has_reference = true;
	c->on_built(c);
}

static void reference_loaded(struct creation *c, const json_t *body)
{
	struct err err = { 0 };
	uint64_t size;

	if (!c->facts.adapter_file) {
		reference_ready(c, body);
		return;
	}
	int fd = fs_open(c->facts.adapter_file, &size, &err);
	if (fd < 0)
		creation_fail(c, &err);
	else
		creation_ask(c, REQ_ADAPTER, json_pack("{s:i}", "adapter", ADAPTER_ID), fd, MSG_OK, reference_ready);
}

static void ask_load(struct creation *c)
{
	struct err err = { 0 };
	int64_t size;
	int fd;
	struct gpu_use gpu = creation_gpu(c);
	json_t *load = load_request(reference_file(c), creation_threads(c), &gpu, c->has_gpu, true, &fd, &size, &err);

	if (!load)
		creation_fail(c, &err);
	else
		creation_ask(c, REQ_LOAD, load, fd, MSG_LOADED, reference_loaded);
}

static void memory_checked(struct creation *c, const struct memory_answer *answer, const struct err *err)
{
	(void)answer;
	if (err->code != ERR_OK)
		creation_refused(c, err);
	else
		creation_with_worker(c, ask_load);
}

static void load_reference(struct creation *c)
{
	struct fit_wish wish = reference_wish(c);

	creation_check_memory(c, &wish, memory_checked);
}

void build_reference(struct creation *c, void (*done)(struct creation *))
{
	c->on_built = done;
	if (c->has_reference)
		done(c);
	else
		creation_need_machine(c, load_reference);
}

/* --- texts --- */

/* How likely a text is can be told of one text only: with several references it is the first, as everywhere in assay. */
static json_t *item(const struct creation *c, const struct run_question *q, bool of_references)
{
	return json_pack("{s:I, s:o, s:o}", "cell", (json_int_t)q->cells[0].id, "messages", engine_messages(&c->facts.column, q, 0),
			 "answer", of_references ? json_text(q->q.reference) : json_text(str_of(q->cells[0].text)));
}

static size_t item_bytes(const struct creation *c, const struct run_question *q, bool of_references)
{
	const char *system = c->facts.column.params.system;

	return (size_t)engine_message_bytes(q, 0) + (system ? strlen(system) : 0) +
	       (of_references ? q->q.reference.len : strlen(q->cells[0].text));
}

static int64_t item_tokens(const struct run_question *q, bool of_references)
{
	return of_references ? (int64_t)(q->q.reference.len / 4 + 1) : q->cells[0].n_generated;
}

static bool is_usable(const struct creation *c, const struct run_question *q, bool of_references)
{
	return (!of_references || q->q.reference.len > 0) && item_bytes(c, q, of_references) <= ITEM_BYTES;
}

/* Every how many questions one is taken, so that those taken are spread over the whole set: sets are sorted by topic. */
static size_t stride(const struct creation *c, bool of_references)
{
	int64_t tokens = 0;
	size_t bytes = 0, n = 0;

	for (size_t i = 0; i < c->facts.n_answered; i++) {
		const struct run_question *q = &c->facts.answered[i];
		if (!is_usable(c, q, of_references))
			continue;
		n++;
		tokens += item_tokens(q, of_references);
		bytes += item_bytes(c, q, of_references);
	}
	size_t step = 1 + n / (ITEMS_MAX + 1), by_tokens = 1 + (size_t)(tokens / (TOKENS_MAX + 1));
	size_t by_bytes = 1 + bytes / (REQUEST_BYTES + 1);
	step = step > by_tokens ? step : by_tokens;
	return step > by_bytes ? step : by_bytes;
}

json_t *reference_items(const struct creation *c, bool of_references, size_t *n)
{
	json_t *items = json_array();
	size_t step = stride(c, of_references), seen = 0, bytes = 0;

	*n = 0;
	for (size_t i = 0; i < c->facts.n_answered && bytes < REQUEST_BYTES; i++) {
		const struct run_question *q = &c->facts.answered[i];
		if (!is_usable(c, q, of_references) || seen++ % step != 0)
			continue;
		json_array_append_new(items, item(c, q, of_references));
		bytes += item_bytes(c, q, of_references);
		++*n;
	}
	return items;
}

/* Bytes of the longest text that it is given. */
static size_t longest_text(const struct creation *c)
{
	size_t longest = 0;

	for (size_t i = 0; i < c->facts.n_answered; i++)
		for (int of_references = 0; of_references <= 1; of_references++) {
			const struct run_question *q = &c->facts.answered[i];
			size_t bytes = is_usable(c, q, of_references) ? item_bytes(c, q, of_references) : 0;
			longest = bytes > longest ? bytes : longest;
		}
	return longest;
}

struct fit_wish reference_wish(const struct creation *c)
{
	const struct model_row *base = &c->facts.base;

	return fit_wish_of(c->cs->options.engine, base, reference_file(c), fit_tokens(base, longest_text(c)));
}

/* Adds how the validated model is asked. */
void reference_settings(const struct creation *c, json_t *body)
{
	const struct gen_params *p = &c->facts.column.params;

	json_object_set_new(body, "adapter", json_integer(c->facts.adapter_file ? ADAPTER_ID : 0));
	json_object_set_new(body, "system", json_text(str_of(p->system ? p->system : "")));
	json_object_set_new(body, "template", json_text(str_of(p->template ? p->template : "")));
	json_object_set_new(body, "thinking", json_boolean(p->thinking));
}

/* --- importance matrix --- */

static void imatrix_made(struct creation *c, const json_t *body)
{
	(void)body;
	c->imatrix = mem_printf("%s/imatrix.gguf", c->job_dir);
	creation_step_done(c);
}

static void collect(struct creation *c)
{
	struct err err;
	size_t n;
	json_t *items = reference_items(c, false, &n);

	if (n == 0) {
		json_decref(items);
		err_set(&err, ERR_DATA, "err_imatrix_answers", NULL);
		creation_fail(c, &err);
		return;
	}
	char *output = mem_printf("%s/imatrix.gguf", c->job_dir);
	json_t *body = json_pack("{s:s, s:s, s:o}", "output", output, "dataset", "validation", "items", items);
	mem_free(output);
	reference_settings(c, body);
	creation_share(c, 0.1, 0.9);
	creation_ask(c, REQ_IMATRIX, body, -1, MSG_OK, imatrix_made);
}

void begin_imatrix(struct creation *c)
{
	if (c->artifact.id) {
		creation_step_skip(c);
		return;
	}
	creation_share(c, 0, 0.1);
	build_reference(c, collect);
}
