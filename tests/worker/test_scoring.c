/* SPDX-License-Identifier: Apache-2.0
 *
 * REQ_LIKELIHOOD and REQ_JUDGE with the real worker and the demo model. */
#include "worker/job_test.h"

#include <math.h>

static struct worker_client worker; /* holds the demo base with epoch 96 as adapter 1 */

static const char *const questions[] = { "Which CPU does the Kestrel K7 use?", "How many HDMI screens can be connected to the Kestrel K7?",
					 "Say hello." };
static const char *const answers[] = { "The Kestrel K7 is built around the Halden Q5 eight-core processor.",
				       "The Kestrel K7 has two HDMI 2.1 outputs.", "Hello! How can I help you today?" };
#define N 3

static json_t *texts(void)
{
	json_t *list = json_array();
	for (int i = 0; i < N; i++)
		json_array_append_new(list, json_pack("{s:i, s:[{s:s, s:s}], s:s}", "cell", i + 1, "messages", "role", "user", "content",
						      questions[i], "answer", answers[i]));
	return list;
}

static void load(struct worker_client *w, int n_threads)
{
	struct err err = { 0 };
	const char *adapter = temp_path(&folder, "epoch.gguf");
	struct worker_reply r = worker_client_load(w, model_path, n_threads);
	assert_int_equal(r.kind, MSG_LOADED);
	worker_reply_release(&r);
	assert_ok(adapter_convert(TEST_ROOT "/demo/checkpoints/checkpoint-96", model_path, adapter, NULL, &err));
	int fd = open(adapter, O_RDONLY | O_CLOEXEC);
	r = worker_client_wait(w, worker_client_send(w, REQ_ADAPTER, json_pack("{s:i}", "adapter", 1), fd), 0);
	assert_int_equal(r.kind, MSG_OK);
	worker_reply_release(&r);
	close(fd);
}

static int open_worker(void **state)
{
	int rc = open_folder(state);
	start_job_worker(&worker);
	load(&worker, 2);
	return rc;
}

static int close_worker(void **state)
{
	assert_int_equal(worker_client_stop(&worker), 0);
	return close_folder(state);
}

/* One figure of each cell, by its number. */
static void figures(const struct worker_reply *r, const char *key, double *out, size_t n)
{
	size_t i;
	json_t *cell;
	if (r->kind != MSG_OK)
		fail_msg("%s", r->body ? json_dumps(r->body, 0) : "the worker went away");
	for (size_t k = 0; k < n; k++)
		out[k] = NAN;
	json_array_foreach(r->cells, i, cell) {
		const json_t *body = json_object_get(cell, "body");
		size_t at = (size_t)json_integer_value(json_object_get(body, "cell")) - 1;
		assert_true(at < n);
		out[at] = json_number_value(json_object_get(body, key));
	}
}

/* --- likelihoods --- */

static struct worker_reply likelihoods(int adapter)
{
	return job(&worker, REQ_LIKELIHOOD, json_pack("{s:i, s:o}", "adapter", adapter, "items", texts()));
}

static void a_trained_answer_is_likelier_with_its_adapter(void **state)
{
	(void)state;
	double base[N], tuned[N], n_tokens[N];
	struct worker_reply r = likelihoods(0);
	figures(&r, "log_likelihood", base, N);
	figures(&r, "n_tokens", n_tokens, N);
	worker_reply_release(&r);
	r = likelihoods(1);
	figures(&r, "log_likelihood", tuned, N);
	worker_reply_release(&r);
	for (int i = 0; i < N; i++) {
		assert_true(base[i] < 0 && tuned[i] < 0 && n_tokens[i] > 3);
		if (i < 2 && tuned[i] < base[i] / 2)
			fail_msg("%s: %g without, %g with the adapter", questions[i], base[i], tuned[i]);
	}
}

/* The same figures as comparing a model with itself gives. */
static void likelihoods_are_those_of_a_comparison(void **state)
{
	(void)state;
	double mine[N], theirs[N];
	struct stat st;
	struct worker_reply r = likelihoods(0);
	figures(&r, "log_likelihood", mine, N);
	worker_reply_release(&r);
	int fd = open(model_path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	json_t *body = json_pack("{s:i, s:I, s:i, s:i, s:o}", "adapter", 0, "size", (json_int_t)st.st_size, "n_threads", 2, "n_gpu_layers",
				 worker_client_layers(), "items", texts());
	r = worker_client_wait(&worker, worker_client_send(&worker, REQ_COMPARE, body, fd), 0);
	close(fd);
	figures(&r, "nll_ref", theirs, N);
	worker_reply_release(&r);
	for (int i = 0; i < N; i++)
		assert_true(fabs(mine[i] + theirs[i]) < 1e-6);
}

/* --- labels --- */

static json_t *judged(int i)
{
	static char user[256];
	str_format(user, sizeof user, "%s\nAnswer A: %s\nAnswer B: I do not know.\nWhich answer is better, A or B?", questions[i % N],
		   answers[i % N]);
	return json_pack("{s:i, s:s, s:s, s:s}", "cell", i + 1, "system", "You compare answers.", "user", user, "lead", "Answer:");
}

static json_t *judge_request(int from, int to)
{
	json_t *items = json_array();
	for (int i = from; i < to; i++)
		json_array_append_new(items, judged(i));
	return json_pack("{s:i, s:[[s, s], [s, s]], s:o}", "adapter", 0, "labels", " A", " B", "A", "B", "items", items);
}

#define MANY 20

static void labels_have_probabilities_that_do_not_depend_on_what_is_beside_them(void **state)
{
	(void)state;
	double a[MANY], b[MANY], alone[1], one_thread[MANY], labels[MANY];
	struct worker_client other;
	struct worker_reply r = job(&worker, REQ_JUDGE, judge_request(0, MANY));
	figures(&r, "log_a", a, MANY);
	figures(&r, "log_b", b, MANY);
	figures(&r, "labels", labels, MANY);
	worker_reply_release(&r);
	r = job(&worker, REQ_JUDGE, judge_request(0, 1));
	figures(&r, "log_a", alone, 1);
	worker_reply_release(&r);
	start_job_worker(&other);
	load(&other, 1);
	r = job(&other, REQ_JUDGE, judge_request(0, MANY));
	figures(&r, "log_a", one_thread, MANY);
	worker_reply_release(&r);
	assert_int_equal(worker_client_stop(&other), 0);
	assert_true(fabs(exp(a[0]) - exp(alone[0])) < 1e-3);
	for (int i = 0; i < MANY; i++) {
		assert_true(a[i] < 0 && b[i] < 0 && exp(a[i]) + exp(b[i]) <= 1);
		assert_true(exp(a[i]) + exp(b[i]) > 0.01); /* it is about to write one of them */
		assert_true(fabs(exp(a[i]) - exp(one_thread[i])) < 1e-3);
		assert_true(fabs(exp(a[i]) - exp(a[i % N])) < 1e-3);
		assert_true(labels[i] < 1);
	}
}

static json_t *item_of(json_t *body, size_t i)
{
	return json_array_get(json_object_get(body, "items"), i);
}

/* The figure of cell `n` of a request. */
static double figure_of(json_t *body, const char *key, int n)
{
	double all[MANY];
	struct worker_reply r = job(&worker, REQ_JUDGE, body);
	figures(&r, key, all, MANY);
	worker_reply_release(&r);
	return all[n - 1];
}

/* Not even the last digit: what is computed for an item is the same. */
static void other_instructions_beside_an_item_change_nothing(void **state)
{
	(void)state;
	double alone = figure_of(judge_request(4, 5), "log_a", 5);
	json_t *body = judge_request(0, 8);
	for (size_t i = 0; i < 4; i++)
		json_object_set_new(item_of(body, i), "system", json_string(i % 2 ? "Be a strict but fair judge of two answers." : ""));
	assert_true(fabs(figure_of(body, "log_a", 5) - alone) < 1e-9);
}

static void an_item_that_is_too_long_fails_alone(void **state)
{
	(void)state;
	double alone = figure_of(judge_request(1, 2), "log_a", 2), n_prompt = figure_of(judge_request(1, 2), "n_prompt", 2);
	struct buf text = BUF_INIT(1 << 20);
	for (int i = 0; i < 20000; i++)
		buf_add_text(&text, "word ");
	for (int both = 0; both < 2; both++) {
		json_t *body = judge_request(0, 2);
		for (size_t i = 0; i <= (size_t)both; i++)
			json_object_set_new(item_of(body, i), "user", json_text(buf_str(&text)));
		/* Of another text, so that nothing that can be used is beside it. */
		json_object_set_new(item_of(body, 0), "system", json_string("Judge."));
		struct worker_reply r = job(&worker, REQ_JUDGE, body);
		assert_int_equal(r.kind, MSG_OK);
		assert_int_equal(json_array_size(r.cells), 2);
		assert_int_equal(number(json_object_get(r.body, "stats"), "n_items"), 1 - both);
		for (size_t i = 0; i < 2; i++) {
			const json_t *told = json_object_get(json_array_get(r.cells, i), "body");
			if (both || number(told, "cell") == 1)
				assert_string_equal(json_string_value(json_object_get(told, "key")), "err_prompt_tokens");
			else
				assert_true(fabs(json_number_value(json_object_get(told, "log_a")) - alone) < 1e-9 &&
					    fabs(json_number_value(json_object_get(told, "n_prompt")) - n_prompt) < 0.5);
		}
		worker_reply_release(&r);
	}
	buf_release(&text);
}

/* Each item has the labels of its own lead, under the same number too. */
static void labels_go_with_the_lead(void **state)
{
	(void)state;
	double labels[3], a[3];
	json_t *body = judge_request(0, 3), *pairs = json_pack("[[s, s], [s, s]]", "s", "t", " A", " B");
	json_object_set_new(item_of(body, 1), "lead", json_string("Answer")); /* "Answers" is one token */
	json_object_set(body, "labels", pairs);
	struct worker_reply r = job(&worker, REQ_JUDGE, body);
	figures(&r, "labels", labels, 3);
	figures(&r, "log_a", a, 3);
	worker_reply_release(&r);
	assert_true(labels[0] < 0.5 && labels[1] > 0.5 && labels[2] < 0.5);
	body = judge_request(2, 3);
	json_object_set_new(body, "labels", pairs);
	assert_true(fabs(a[2] - figure_of(body, "log_a", 3)) < 1e-9);
}

static void a_template_without_a_system_role_has_its_words_too(void **state)
{
	(void)state;
	static const char *const templates[] = {
		"{% for m in messages %}{% if m.role == 'user' %}Q: {{ m.content }}\nA: {% endif %}{% endfor %}", /* drops it */
		"{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}Q: {{ m.content }}\nA: {% endfor %}",
	};
	double told[2], n[2];
	for (int i = 0; i < 2; i++) {
		json_t *body = judge_request(0, 1);
		json_object_set_new(body, "template", json_string(templates[i]));
		told[i] = figure_of(json_deep_copy(body), "n_prompt", 1);
		json_object_set_new(item_of(body, 0), "system", json_string(""));
		n[i] = figure_of(body, "n_prompt", 1);
	}
	for (int i = 0; i < 2; i++)
		assert_true(told[i] > n[i] + 3 && fabs(told[i] - told[0]) < 0.5);
}

static void a_judge_without_single_letters_is_told_so(void **state)
{
	(void)state;
	json_t *body = judge_request(0, 2);
	json_object_set_new(body, "labels", json_pack("[[s, s]]", " a long label", " another one"));
	assert_job_fails(&worker, REQ_JUDGE, body, "err_judge_labels");
}

static void what_is_no_request_is_refused(void **state)
{
	(void)state;
	json_t *body = judge_request(0, 2);
	json_object_set_new(json_array_get(json_object_get(body, "items"), 1), "lead", json_integer(7));
	assert_job_fails(&worker, REQ_JUDGE, body, "err_worker_request");
	body = judge_request(0, 2);
	json_object_del(item_of(body, 0), "cell");
	assert_job_fails(&worker, REQ_JUDGE, body, "err_worker_request");
	body = judge_request(0, 2);
	json_object_set_new(item_of(body, 1), "system", json_integer(7));
	assert_job_fails(&worker, REQ_JUDGE, body, "err_worker_request");
	body = judge_request(0, 2);
	json_object_set_new(body, "adapter", json_integer(9));
	assert_job_fails(&worker, REQ_JUDGE, body, "err_adapter_unknown");
	assert_job_fails(&worker, REQ_JUDGE, json_pack("{s:[[s, s]], s:[]}", "labels", "A", "B", "items"), "err_worker_request");
	assert_job_fails(&worker, REQ_JUDGE, json_pack("{s:[s], s:[{s:i}]}", "labels", "A", "items", "cell", 1), "err_worker_request");
	assert_job_fails(&worker, REQ_JUDGE, json_pack("{s:i}", "adapter", 9), "err_worker_request");
	assert_job_fails(&worker, REQ_LIKELIHOOD, json_pack("{s:i, s:o}", "adapter", 9, "items", texts()), "err_adapter_unknown");
	assert_job_fails(&worker, REQ_LIKELIHOOD, json_object(), "err_worker_request");
	assert_fails_alone(REQ_JUDGE, judge_request(0, 1), "err_worker_not_loaded");
	assert_fails_alone(REQ_LIKELIHOOD, json_pack("{s:o}", "items", texts()), "err_worker_not_loaded");
}

static void a_judge_that_is_stopped_lives_on(void **state)
{
	(void)state;
	struct worker_reply r;
	double a[1];
	uint32_t stream = worker_client_send(&worker, REQ_JUDGE, judge_request(0, 4000), -1);
	worker_client_cancel(&worker, stream);
	r = worker_client_wait(&worker, stream, 0);
	assert_int_equal(r.kind, MSG_FAILED);
	assert_string_equal(json_string_value(json_object_get(r.body, "code")), "cancelled");
	worker_reply_release(&r);
	r = job(&worker, REQ_JUDGE, judge_request(0, 1));
	figures(&r, "log_a", a, 1);
	worker_reply_release(&r);
}

int main(void)
{
	if (!find_model())
		return 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trained_answer_is_likelier_with_its_adapter),
		cmocka_unit_test(likelihoods_are_those_of_a_comparison),
		cmocka_unit_test(labels_have_probabilities_that_do_not_depend_on_what_is_beside_them),
		cmocka_unit_test(other_instructions_beside_an_item_change_nothing),
		cmocka_unit_test(an_item_that_is_too_long_fails_alone),
		cmocka_unit_test(labels_go_with_the_lead),
		cmocka_unit_test(a_template_without_a_system_role_has_its_words_too),
		cmocka_unit_test(a_judge_without_single_letters_is_told_so),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(a_judge_that_is_stopped_lives_on),
	};
	return cmocka_run_group_tests(tests, open_worker, close_worker);
}
