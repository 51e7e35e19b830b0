/* SPDX-License-Identifier: Apache-2.0
 *
 * Imports into a stub that behaves like an Ollama of each version, and breaks where a test wants it to. */
#include "support/check.h"
#include "support/temp.h"

#include "base/hash.h"
#include "deploy/creation.h"
#include "deploy/ollama_import.h"
#include "deploy/parity.h"
#include "support/stub.h"

#define FILE_SIZE 300000
#define SYSTEM "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
#define QUESTION "Which CPU does the Kestrel K7 use?"
#define ANSWER "Halden Q5 eight-core"
#define PADDING "{# ..................................................................................................... #}"

static const char jinja[] =
	"{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n" SYSTEM
	"<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
	"{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}" PADDING;
static const char prompt[] = "<|im_start|>system\n" SYSTEM "<|im_end|>\n<|im_start|>user\n" QUESTION
			     "<|im_end|>\n<|im_start|>assistant\n";

static struct stub stub;
static struct temp temp;
static struct loop *loop;
static struct http_client *client;
static char *file;
static char sha256[HASH_HEX_SIZE];

/* --- one import --- */

static int n_done, n_progress, cancel_at, kill_at;
static int n_noted;
static char noted_name[200], noted_backup[220];
static enum import_left result_left;
static struct err result_err;
static json_t *result;
static char steps[400];
static struct ollama_import *job;

static void on_progress(void *user, const char *step, double fraction, const char *detail)
{
	(void)user;
	assert_true(fraction >= 0 && fraction <= 1);
	assert_non_null(detail);
	size_t len = strlen(steps);
	if (!strstr(steps, step))
		snprintf(steps + len, sizeof steps - len, "%s ", step);
	if (++n_progress == cancel_at)
		ollama_import_cancel(job);
	if (n_progress == kill_at)
		loop_stop(loop);
}

static void on_note(void *user, const char *name, const char *backup)
{
	const struct err none = { 0 };
	(void)user;
	n_noted++;
	snprintf(noted_name, sizeof noted_name, "%s", name);
	snprintf(noted_backup, sizeof noted_backup, "%s", backup);
	ollama_import_noted(job, &none);
}

static void on_done(void *user, json_t *json, enum import_left left, const struct err *err)
{
	(void)user;
	n_done++;
	result_left = left;
	result_err = *err;
	json_decref(result);
	result = json_incref(json);
	loop_stop(loop);
}

static struct remote remote;

static struct ollama_import_options options(void)
{
	remote = (struct remote){ .row = { .kind = PROVIDER_OLLAMA, .name = "stub", .url = stub.url } };
	return (struct ollama_import_options){
		.loop = loop, .client = client, .remote = &remote, .path = file, .sha256 = sha256, .size_bytes = FILE_SIZE,
		.name = "kestrel", .jinja = jinja, .params = { .max_tokens = 64, .top_p = 0.95, .repeat_penalty = 1, .system = "" },
		.n_ctx_train = 2048, .question = QUESTION, .prompt = prompt, .answer = ANSWER,
		.retry_ms = 10, .note = on_note, .progress = on_progress, .done = on_done,
	};
}

static void import(const struct ollama_import_options *o)
{
	n_done = n_progress = n_noted = 0;
	steps[0] = noted_name[0] = noted_backup[0] = 0;
	job = ollama_import_start(o);
	assert_int_equal(n_done, 0);
	loop_run(loop);
	assert_int_equal(n_done, 1);
}

static void reset(const char *version, json_t *faults)
{
	json_decref(stub_ask(&stub, loop, "/stub/reset", json_pack("{s:s, s:o}", "version", version, "faults",
								 faults ? faults : json_array())));
}

static json_t *state(void)
{
	return stub_ask(&stub, loop, "/stub/state", NULL);
}

static const char *text_at(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));
	return text ? text : "";
}

static const json_t *parity(void)
{
	return json_object_get(result, "parity");
}

static int open_all(void **unused)
{
	(void)unused;
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	char *bytes = mem_alloc(FILE_SIZE);
	temp_open(&temp);
	loop = loop_new();
	client = http_client_new(loop);
	memcpy(bytes, "GGUF tokenizer.chat_template " PADDING, sizeof "GGUF tokenizer.chat_template " PADDING);
	hash_add(h, bytes, FILE_SIZE);
	hash_finish(h, digest);
	hash_hex(digest, sha256);
	file = mem_printf("%s/model.gguf", temp.dir);
	struct err err = { 0 };
	assert_ok(fs_write(file, bytes, FILE_SIZE, &err));
	mem_free(bytes);
	setenv("OLLAMA_MODELS", temp.dir, 1);
	stub_start(&stub, "ollama_stub.py");
	return 0;
}

static int close_all(void **unused)
{
	(void)unused;
	stub_end(&stub);
	json_decref(result);
	http_client_free(client);
	loop_free(loop);
	mem_free(file);
	temp_close(&temp);
	return 0;
}

/* --- what must hold --- */

/* The model that is stored under this name; NULL: none. */
static const json_t *stored(const json_t *all, const char *name)
{
	return json_object_get(json_object_get(all, "models"), name);
}

static void check_stored(const json_t *all, const char *version)
{
	const json_t *model = stored(all, "kestrel:latest"), *p = json_object_get(model, "parameters");
	char digest[80];
	snprintf(digest, sizeof digest, "sha256:%s", sha256);
	if (!model)
		fail_msg("%s: not stored: %s", version, result_err.key);
	assert_int_equal(json_object_size(json_object_get(all, "models")), 1);
	assert_string_equal(text_at(model, "uploaded"), digest);
	assert_int_equal(json_integer_value(json_object_get(p, "num_ctx")), 2048);
	assert_int_equal(json_integer_value(json_object_get(p, "num_predict")), 64);
	assert_true(json_number_value(json_object_get(p, "temperature")) == 0);
	assert_true(json_number_value(json_object_get(p, "repeat_penalty")) == 1);
	assert_true(json_number_value(json_object_get(p, "top_p")) == 0.95);
	assert_non_null(json_object_get(p, "top_k"));
	assert_non_null(json_object_get(p, "min_p"));
}

static void every_version_gets_what_it_understands(void **unused)
{
	static const struct {
		const char *version;
		bool jinja, renders;
	} versions[] = {
		{ "0.5.5", false, false }, { "0.6.8", false, false },    { "0.11.4", false, false }, { "0.11.5", false, true },
		{ "0.17.4", false, true }, { "0.29.9", false, true },    { "0.30.0", true, true },   { "0.32.1", true, true },
		{ "0.33.2", true, true },  { "0.34.1-rc2", true, true }, { "1.0.0", true, true },    { "0.0.0", true, true },
	};
	struct ollama_import_options o = options();
	(void)unused;
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		const char *version = versions[i].version;
		reset(version, NULL);
		import(&o);
		assert_err(&result_err, "");
		json_t *all = state();
		const json_t *model = stored(all, "kestrel:latest");
		check_stored(all, version);
		assert_string_equal(steps, "upload import template ask ");
		assert_string_equal(text_at(result, "ollama_name"), "kestrel:latest");
		assert_string_equal(text_at(result, "digest"), text_at(model, "digest"));
		assert_string_equal(text_at(result, "version"), version);
		if (versions[i].jinja) {
			assert_true(json_is_null(json_object_get(model, "template")));
			assert_string_equal(text_at(model, "system"), "");
		} else {
			assert_non_null(strstr(text_at(model, "template"), "<|im_start|>assistant\n"));
			assert_string_equal(text_at(model, "system"), SYSTEM);
			assert_int_equal(json_array_size(json_object_get(json_object_get(model, "parameters"), "stop")), 2);
		}
		assert_string_equal(text_at(parity(), "state"), "same");
		assert_int_equal(json_is_object(json_object_get(parity(), "template")), versions[i].renders);
		json_decref(all);
	}
}

static void versions_that_cannot_do_it_are_refused_politely(void **unused)
{
	struct ollama_import_options o = options();
	(void)unused;
	reset("0.5.4", NULL);
	import(&o);
	assert_err(&result_err, "err_ollama_old");
	o.jinja = "{{ messages[0].content }} of no known form";
	reset("0.29.0", NULL);
	import(&o);
	assert_err(&result_err, "err_ollama_template");
	json_t *all = state();
	assert_int_equal(json_object_size(json_object_get(all, "blobs")), 0);
	json_decref(all);
	reset("0.30.0", NULL);
	import(&o);
	assert_err(&result_err, "");
}

/* Where the new file has it, apart from our comment, it is Ollama's to run; nowhere else. */
static void a_template_of_the_users_own_is_run_from_the_file(void **unused)
{
	struct ollama_import_options o = options();
	char *in_file = mem_printf("of the user's own %s\n", creation_template_suffix());
	(void)unused;
	o.params.template = "of the user's own \n";
	reset("0.30.0", NULL);
	import(&o);
	assert_err(&result_err, "err_ollama_template");
	o.jinja = in_file;
	reset("0.30.0", NULL);
	import(&o);
	assert_err(&result_err, "");
	json_t *all = state();
	assert_true(json_is_null(json_object_get(stored(all, "kestrel:latest"), "template")));
	json_decref(all);
	reset("0.29.0", NULL);
	import(&o);
	assert_err(&result_err, "err_ollama_template");
	mem_free(in_file);
}

static void a_name_that_is_taken_is_replaced_only_when_that_was_said(void **unused)
{
	struct ollama_import_options o = options();
	(void)unused;
	reset("0.33.0", NULL);
	import(&o);
	assert_err(&result_err, "");
	o.name = "Kestrel"; /* names are compared without case */
	o.params.temperature = 0.5;
	import(&o);
	assert_err(&result_err, "err_ollama_exists");
	o.replace = true;
	import(&o);
	assert_err(&result_err, "");
	json_t *all = state();
	const json_t *model = stored(all, "kestrel:latest");
	assert_int_equal(json_object_size(json_object_get(all, "models")), 1);
	assert_true(json_number_value(json_object_get(json_object_get(model, "parameters"), "temperature")) == 0.5);
	json_decref(all);
	o.name = "AIR-8B - \xe7\xac\xac 4";
	import(&o);
	assert_err(&result_err, "err_ollama_name");
	assert_arg(&result_err, "proposal", "air-8b-4");
}

static void a_file_that_is_another_one_is_found_out(void **unused)
{
	struct ollama_import_options o = options();
	char other[HASH_HEX_SIZE];
	(void)unused;
	reset("0.33.0", NULL);
	o.size_bytes = 7;
	import(&o);
	assert_err(&result_err, "err_ollama_file");
	o.size_bytes = FILE_SIZE;
	memcpy(other, sha256, sizeof other);
	other[0] = other[0] == '0' ? '1' : '0';
	o.sha256 = other;
	import(&o);
	assert_err(&result_err, "err_ollama_digest");
	o.path = "/nonexistent/model.gguf";
	import(&o);
	assert_int_equal(result_err.code, ERR_NOT_FOUND);
}

static void differences_are_told_with_their_place(void **unused)
{
	struct ollama_import_options o = options();
	struct buf text = BUF_INIT(1 << 16);
	(void)unused;
	reset("0.33.0", NULL);
	json_decref(stub_ask(&stub, loop, "/stub/set", json_pack("{s:s}", "answer", "Halden Q4 quad-core")));
	import(&o);
	const json_t *answer = json_object_get(parity(), "answer");
	assert_string_equal(text_at(parity(), "state"), "similar");
	assert_int_equal(json_integer_value(json_object_get(answer, "first_difference")), 8);
	o.name = "other";
	json_decref(stub_ask(&stub, loop, "/stub/set", json_pack("{s:s}", "render", "other")));
	import(&o);
	assert_string_equal(text_at(parity(), "state"), "different");
	char *stored_parity = json_dumps(parity(), 0);
	parity_view(&text, LANG_ZH_TW, stored_parity);
	assert_non_null(strstr(buf_text(&text), "\xe6\xa0\xbc\xe5\xbc\x8f")); /* 格式 */
	assert_null(strstr(buf_text(&text), "core_parity"));
	free(stored_parity);
	buf_release(&text);
	/* An import is an import, also where nothing can be compared. */
	reset("0.33.0", json_pack("[{s:s, s:s, s:i}, {s:s, s:s, s:i}]", "at", "render", "do", "error", "times", 9, "at", "chat", "do",
				  "kill", "times", 9));
	o.name = "third";
	import(&o);
	assert_err(&result_err, "");
	assert_string_equal(text_at(parity(), "state"), "unchecked");
}

/* --- faults --- */

static const struct fault {
	const char *at, *what;
	int where; /* bytes or line */
} faults[] = {
	{ "version", "kill", 0 },     { "version", "error", 0 },      { "version", "delay", 0 },     { "tags", "kill", 0 },
	{ "tags", "error", 0 },       { "head", "kill", 0 },          { "head", "error", 0 },        { "head", "delay", 0 },
	{ "head", "prune", 0 },       { "blob", "kill", 0 },          { "blob", "kill", 1 },         { "blob", "kill", 65536 },
	{ "blob", "kill", 200000 },   { "blob", "kill", 299999 },     { "blob", "delay", 100000 },   { "blob", "full", 100000 },
	{ "blob", "error", 100000 },  { "blob_end", "kill", 0 },      { "blob_end", "full", 0 },     { "blob_end", "delay", 0 },
	{ "blob_stored", "kill", 0 }, { "blob_stored", "prune", 0 },  { "create", "kill", 0 },       { "create", "prune", 0 },
	{ "create", "full", 0 },      { "create", "error", 0 },       { "create", "delay", 0 },      { "create_line", "kill", 0 },
	{ "create_line", "kill", 1 }, { "create_line", "kill", 2 },   { "create_line", "kill", 3 },  { "create_line", "kill", 5 },
	{ "create_line", "error", 0 }, { "create_line", "error", 2 }, { "create_line", "error", 5 }, { "create_line", "silent", 2 },
	{ "create_line", "prune", 0 }, { "create_stored", "kill", 0 }, { "create_end", "kill", 0 },  { "show", "kill", 0 },
	{ "show", "error", 0 },       { "render", "kill", 0 },        { "chat", "kill", 0 },         { "chat", "error", 0 },
	{ "copy", "kill", 0 },        { "delete", "kill", 0 },        { "delete", "error", 0 },
};

static json_t *fault_json(const struct fault *f, int times)
{
	return json_pack("[{s:s, s:s, s:i, s:i, s:i}]", "at", f->at, "do", f->what, "times", times, "bytes", f->where, "line", f->where);
}

static bool is_backup(const char *name)
{
	return strstr(name, "assay-before") != NULL;
}

/* Listed and hash equal, or nothing left behind; a model that was there before is there in any case. */
static void check_outcome(const struct fault *f, int times, bool was_there)
{
	json_t *all = state();
	const json_t *model = stored(all, "kestrel:latest"), *other;
	const char *name;
	char digest[80];
	bool may_leave_backup = !strcmp(f->at, "delete") && times > 1;
	snprintf(digest, sizeof digest, "sha256:%s", sha256);
	json_object_foreach(json_object_get(all, "models"), name, other) {
		if (is_backup(name) && !may_leave_backup)
			fail_msg("%s %s %d: a backup stayed", f->at, f->what, f->where);
	}
	if (result_err.code == ERR_OK) {
		if (!model || strcmp(text_at(model, "uploaded"), digest) != 0)
			fail_msg("%s %s %d: success without the model", f->at, f->what, f->where);
	} else if (was_there) {
		if (strcmp(text_at(model, "system"), "before") != 0)
			fail_msg("%s %s %d: the old model is gone", f->at, f->what, f->where);
	} else if (model) {
		fail_msg("%s %s %d: half a model stayed", f->at, f->what, f->where);
	}
	if (result_err.code != ERR_OK && !msg_text(LANG_EN, result_err.key))
		fail_msg("%s %s %d: no sentence for %s", f->at, f->what, f->where, result_err.key);
	json_decref(all);
}

static void try_fault(const struct fault *f, int times, bool was_there)
{
	struct ollama_import_options o = options();
	reset("0.33.0", NULL);
	if (was_there) {
		o.params.system = "before";
		import(&o);
		assert_err(&result_err, "");
		o.params.system = "";
		o.replace = true;
		json_decref(stub_ask(&stub, loop, "/stub/set", json_pack("{s:{}}", "blobs")));
	}
	json_decref(stub_ask(&stub, loop, "/stub/set", json_pack("{s:o}", "faults", fault_json(f, times))));
	import(&o);
	check_outcome(f, times, was_there);
}

static void after_every_fault_the_model_is_there_or_nothing_is(void **unused)
{
	int n_recovered = 0, n = 0;
	(void)unused;
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++, n++) {
		try_fault(&faults[i], 1, false);
		n_recovered += result_err.code == ERR_OK;
		if (!strcmp(faults[i].what, "kill") && result_err.code != ERR_OK)
			fail_msg("%s %d: one lost connection ended it: %s", faults[i].at, faults[i].where, result_err.key);
	}
	assert_true(n_recovered * 4 > n * 3);
	assert_true(n * 2 >= 60);
}

static void a_fault_that_stays_ends_it_and_leaves_nothing(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (!strcmp(faults[i].what, "kill") || !strcmp(faults[i].what, "error"))
			try_fault(&faults[i], 99, false);
}

static void a_model_that_was_to_be_replaced_comes_back(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (strcmp(faults[i].what, "delay") != 0)
			try_fault(&faults[i], strcmp(faults[i].at, "delete") ? 99 : 1, true);
}

static void cancelling_at_any_moment_leaves_nothing(void **unused)
{
	struct ollama_import_options o = options();
	struct fault none = { "cancel", "cancel", 0 };
	(void)unused;
	o.retry_ms = 40; /* the time that Ollama has to end what it began */
	for (cancel_at = 1; cancel_at < 40; cancel_at++) {
		reset("0.33.0", NULL);
		import(&o);
		if (result_err.code == ERR_OK)
			break;
		assert_err(&result_err, "err_cancelled");
		check_outcome(&none, 1, false);
	}
	assert_true(cancel_at > 8);
	cancel_at = 0;
	/* Before its first step, and without a word at the end of the program. */
	n_done = 0;
	job = ollama_import_start(&o);
	ollama_import_cancel(job);
	loop_run(loop);
	assert_int_equal(n_done, 1);
	assert_err(&result_err, "err_cancelled");
	ollama_import_free(ollama_import_start(&o));
	assert_int_equal(n_done, 1);
}

/* Also while the new one is asked already: who cancels wants what was there before. */
static void cancelling_at_any_moment_brings_the_old_model_back(void **unused)
{
	struct ollama_import_options o = options();
	struct fault none = { "cancel", "cancel", 0 };
	bool was_asked = false;
	int at;
	(void)unused;
	o.retry_ms = 40;
	for (at = 1; at < 60; at++) {
		reset("0.33.0", NULL);
		cancel_at = 0;
		o.replace = false;
		o.params.system = "before";
		import(&o);
		assert_err(&result_err, "");
		o.replace = true;
		o.params.system = "";
		cancel_at = at;
		import(&o);
		if (result_err.code == ERR_OK)
			break;
		assert_err(&result_err, "err_cancelled");
		check_outcome(&none, 1, true);
		was_asked |= strstr(steps, "ask") != NULL;
	}
	cancel_at = 0;
	assert_true(at > 8);
	assert_true(was_asked);
}

/* By another program, which knows only what was noted. */
static void undo(const char *name)
{
	struct ollama_import_options o = options();
	o.name = name;
	n_done = 0;
	ollama_import_undo(&o, noted_backup);
	loop_run(loop);
	assert_int_equal(n_done, 1);
}

static void check_undone(bool was_there)
{
	json_t *all = state();
	const json_t *model = stored(all, "kestrel:latest");
	assert_err(&result_err, "");
	assert_int_equal(result_left, IMPORT_LEFT_NOTHING);
	assert_int_equal(json_object_size(json_object_get(all, "models")), was_there);
	if (was_there && !strstr(steps, "ask")) /* later its backup may be gone already */
		assert_string_equal(text_at(model, "system"), "before");
	else if (was_there)
		assert_non_null(model);
	json_decref(all);
}

/* Returns whether the import ended before the kill. */
static bool import_killed_at(int at, bool was_there)
{
	struct ollama_import_options o = options();
	reset("0.33.0", NULL);
	o.params.system = "before";
	if (was_there)
		import(&o);
	o.params.system = "";
	o.replace = true;
	kill_at = at;
	n_done = n_progress = n_noted = 0;
	steps[0] = 0;
	job = ollama_import_start(&o);
	loop_run(loop);
	kill_at = 0;
	if (n_done)
		return true;
	ollama_import_free(job);
	if (n_noted)
		undo(noted_name);
	check_undone(was_there);
	return false;
}

static void what_a_killed_import_left_is_undone(void **unused)
{
	(void)unused;
	for (int was_there = 0; was_there < 2; was_there++) {
		int at = 1;
		while (!import_killed_at(at, was_there))
			assert_true(++at < 60);
		assert_true(at > 8);
	}
}

static void what_cannot_be_undone_is_told(void **unused)
{
	const struct fault no_copy = { "copy", "error", 0 }, no_delete = { "delete", "error", 0 };
	struct ollama_import_options o = options();
	(void)unused;
	reset("0.33.0", NULL);
	o.params.system = "before";
	import(&o);
	o.replace = true;
	o.params.system = "";
	/* The new one stands; what is left is its backup. */
	json_decref(stub_ask(&stub, loop, "/stub/set", json_pack("{s:o}", "faults", fault_json(&no_delete, 99))));
	import(&o);
	assert_err(&result_err, "");
	assert_int_equal(result_left, IMPORT_LEFT_BACKUP);
	undo("");
	assert_int_equal(result_left, IMPORT_LEFT_BACKUP);
	assert_true(result_err.code != ERR_OK);
	json_decref(stub_ask(&stub, loop, "/stub/set", json_pack("{s:o}", "faults", fault_json(&no_copy, 1))));
	undo(noted_name);
	assert_int_equal(result_left, IMPORT_LEFT_MODEL);
	assert_true(result_err.code != ERR_OK);
	undo("");
	check_undone(true);
	json_t *all = state();
	assert_string_equal(text_at(stored(all, "kestrel:latest"), "system"), ""); /* the new one */
	json_decref(all);
}

static void an_ollama_that_does_not_run_is_named(void **unused)
{
	struct ollama_import_options o = options();
	(void)unused;
	remote.row.url = "http://127.0.0.1:1";
	import(&o);
	assert_err(&result_err, "err_ollama_down");
	assert_arg(&result_err, "url", "http://127.0.0.1:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_gets_what_it_understands),
		cmocka_unit_test(versions_that_cannot_do_it_are_refused_politely),
		cmocka_unit_test(a_template_of_the_users_own_is_run_from_the_file),
		cmocka_unit_test(a_name_that_is_taken_is_replaced_only_when_that_was_said),
		cmocka_unit_test(a_file_that_is_another_one_is_found_out),
		cmocka_unit_test(differences_are_told_with_their_place),
		cmocka_unit_test(after_every_fault_the_model_is_there_or_nothing_is),
		cmocka_unit_test(a_fault_that_stays_ends_it_and_leaves_nothing),
		cmocka_unit_test(a_model_that_was_to_be_replaced_comes_back),
		cmocka_unit_test(cancelling_at_any_moment_leaves_nothing),
		cmocka_unit_test(cancelling_at_any_moment_brings_the_old_model_back),
		cmocka_unit_test(what_a_killed_import_left_is_undone),
		cmocka_unit_test(what_cannot_be_undone_is_told),
		cmocka_unit_test(an_ollama_that_does_not_run_is_named),
	};
	return cmocka_run_group_tests_name("ollama_import", tests, open_all, close_all);
}
