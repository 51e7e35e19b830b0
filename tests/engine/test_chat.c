/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns of conversations over a worker without a model: in line, between the groups of a validation, stopped, and when the
 * worker dies. */
#include "engine/engine_test.h"

#include "engine/chat.h"

#define TURNS_MAX 8

/* What a listener heard of one turn. */
struct heard_turn {
	struct chat_turn *turn;
	int n_done;
	struct chat_answer answer; /* texts are copies */
	struct err err;
	struct buf text, thinking, phases; /* "loading,reading," */
	int order;                 /* of the ends */
	int64_t n_cells;           /* of the run when it ended */
	bool stop_at_text, stop_behind_validation;
};

static struct bench bench;
static struct heard_turn turns[TURNS_MAX];
static size_t n_turns;
static int n_ended;

static int setup(void **state)
{
	(void)state;
	bench_open(&bench, NULL);
	n_turns = 0;
	n_ended = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_turns; i++) {
		buf_release(&turns[i].text);
		buf_release(&turns[i].thinking);
		buf_release(&turns[i].phases);
	}
	bench_close(&bench);
	return 0;
}

static void script(const char *text)
{
	temp_text(&bench.temp, "script", text);
}

static size_t recorded(const char *begin)
{
	struct buf text = BUF_INIT(64 * MIB);
	size_t n = 0;

	if (fs_read(temp_path(&bench.temp, "record"), &text, NULL) == ERR_OK)
		for (struct str rest = buf_str(&text); rest.len > 0;)
			n += str_starts(str_split(&rest, '\n'), begin);
	buf_release(&text);
	return n;
}

static void stop_when_over(void)
{
	for (size_t i = 0; i < n_turns; i++)
		if (!turns[i].n_done)
			return;
	if (!bench.watched || !engine_is_active(bench.engine, bench.watched))
		loop_stop(bench.loop);
}

static void on_phase(void *user, enum chat_phase phase, double progress)
{
	struct heard_turn *h = user;

	assert_true(progress >= 0 && progress <= 1.001);
	size_t len = strlen(chat_phase_name(phase));
	if (h->phases.len > len && strncmp(h->phases.ptr + h->phases.len - len - 1, chat_phase_name(phase), len) == 0)
		return; /* only its progress */
	buf_printf(&h->phases, "%s,", chat_phase_name(phase));
	if (h->stop_behind_validation && phase == CHAT_VALIDATION)
		chat_turn_stop(h->turn);
}

static void on_text(void *user, struct str text, bool is_thinking)
{
	struct heard_turn *h = user;

	buf_add_str(is_thinking ? &h->thinking : &h->text, text);
	if (h->stop_at_text && !is_thinking)
		chat_turn_stop(h->turn);
}

static void on_done(void *user, const struct chat_answer *answer, const struct err *err)
{
	struct heard_turn *h = user;

	h->n_done++;
	h->order = n_ended++;
	h->n_cells = bench.n_cells;
	if (answer) {
		h->answer = *answer;
		h->answer.text = arena_strdup(bench.temp.arena, answer->text);
		h->answer.thinking = arena_strdup(bench.temp.arena, answer->thinking);
	} else {
		h->err = *err;
	}
	stop_when_over();
}

static const struct chat_events events = { on_phase, on_text, on_done };

static struct heard_turn *ask(int64_t chat_id, int64_t model_id, const char *question)
{
	assert_true(n_turns < TURNS_MAX);
	struct heard_turn *h = &turns[n_turns++];
	struct chat_request r = { .chat_id = chat_id, .model_id = model_id, .params = gen_params_default(), .seed = 9,
				  .messages = json_pack("[{s:s, s:s}]", "role", "user", "content", question) };
	*h = (struct heard_turn){ .text = BUF_INIT(MIB), .thinking = BUF_INIT(MIB), .phases = BUF_INIT(MIB) };
	h->turn = engine_chat(bench.engine, &r, &events, h);
	json_decref(r.messages);
	return h;
}

static void turn_loop(void)
{
	bench.timed_out = false;
	loop_timer_set(bench.timeout, 60000);
	loop_run(bench.loop);
	loop_timer_set(bench.timeout, -1);
	if (bench.timed_out)
		fail_msg("something did not end");
}

static void on_engine(void *user, const struct engine_event *event)
{
	(void)user;
	/* The bench stops when the run is over: it goes on while a turn is not. */
	if (event->kind == ENGINE_RUN)
		stop_when_over();
}

/* Starts the run too and turns the loop until everything is over. */
static void follow_all(int64_t run)
{
	bench.watched = run;
	engine_listen(bench.engine, on_engine, NULL);
	engine_start(bench.engine, run);
	for (bool over = false; !over;) {
		turn_loop();
		over = !engine_is_active(bench.engine, run);
		for (size_t i = 0; i < n_turns; i++)
			over = over && turns[i].n_done;
	}
}

static void assert_answered(const struct heard_turn *h, const char *text)
{
	assert_int_equal(h->n_done, 1);
	assert_string_equal(h->err.key, "");
	assert_string_equal(h->answer.text, text);
	assert_string_equal(buf_text(&h->text), text);
	assert_int_equal(h->answer.finish, FINISH_LENGTH);
	assert_false(h->answer.is_stopped);
}

static void a_turn_is_answered_with_its_figures(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	struct heard_turn *h = ask(3, model, "hello");
	turn_loop();
	assert_answered(h, "hello|9|1");
	assert_string_equal(h->answer.thinking, "thought about it");
	assert_string_equal(buf_text(&h->thinking), h->answer.thinking);
	assert_int_equal(h->answer.n_prompt * 1000000 + h->answer.n_reused * 100000 + h->answer.n_generated * 10000 +
				 h->answer.n_left_out * 1000 + h->answer.n_max,
			 7 * 1000000 + 5 * 100000 + 3 * 10000 + 2 * 1000 + 128);
	assert_string_equal(buf_text(&h->phases), "loading,reading,answering,");
	assert_answered(h, "hello|9|1");
	h = ask(3, model, "again");
	turn_loop();
	assert_answered(h, "again|9|1");
	assert_int_equal(recorded("start"), 1); /* the worker stays */
}

static void turns_wait_in_line_and_say_so(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	for (int i = 0; i < 4; i++)
		ask(i + 1, model, "question");
	turn_loop();
	for (int i = 0; i < 4; i++) {
		assert_answered(&turns[i], "question|9|1");
		assert_int_equal(turns[i].order, i);
		assert_true(i == 0 || str_starts(buf_str(&turns[i].phases), "waiting,"));
	}
}

static void an_epoch_is_asked_with_its_adapter(void **state)
{
	(void)state;
	int64_t base = bench_tiny(&bench, "a.gguf");
	tiny_adapter(&bench.temp, "one", "", 1);
	int64_t epoch = bench_model(&bench, (struct found_model){ .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "one",
								  .step = 1, .path = temp_path(&bench.temp, "one") }, base);
	struct heard_turn *h = ask(1, epoch, "question");
	turn_loop();
	assert_answered(h, "question|9|1");
}

static void a_chat_that_no_request_can_hold_is_refused_and_nothing_ends(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	char *text = mem_alloc(LIMIT_FRAME + 1);
	memset(text, 'x', LIMIT_FRAME);
	struct heard_turn *h = ask(1, model, text);
	mem_free(text);
	turn_loop();
	assert_int_equal(h->n_done, 1);
	assert_string_equal(h->err.key, "err_chat_too_long");
	h = ask(2, model, "question");
	turn_loop();
	assert_answered(h, "question|9|1");
	assert_int_equal(recorded("start"), 1);
}

static int64_t epoch_id;

static void ask_epoch(struct bench *b)
{
	(void)b;
	ask(1, epoch_id, "question")->stop_behind_validation = true;
}

/* The worker says at once that the turn is over, and only behind the group that the adapter is loaded, which nobody waits for then. */
static void a_turn_that_is_stopped_leaves_the_loading_of_its_adapter_behind(void **state)
{
	(void)state;
	int64_t base = bench_tiny(&bench, "a.gguf");
	tiny_adapter(&bench.temp, "one", "", 1);
	epoch_id = bench_model(&bench, (struct found_model){ .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "one", .step = 1,
							     .path = temp_path(&bench.temp, "one") }, base);
	int64_t run = bench_run(&bench, &base, 1, 60);
	script("* answer slow 20\n");
	bench_reopen(&bench);
	bench.act_after = 5;
	bench.act = ask_epoch;
	follow_all(run);
	struct heard_turn *h = &turns[0];
	assert_int_equal(h->n_done, 1);
	assert_true(h->answer.is_stopped);
	assert_non_null(strstr(buf_text(&h->phases), "validation"));
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(bench_count(&r, CELL_DONE), 60);
	assert_int_equal(recorded("start"), 1);
	h = ask(2, epoch_id, "again");
	turn_loop();
	assert_answered(h, "again|9|1");
	assert_int_equal(recorded("start"), 1);
}

static void a_turn_goes_between_two_groups_of_the_same_model(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t alone = bench_run(&bench, &model, 1, 60), run = bench_run(&bench, &model, 1, 60);
	bench_follow(&bench, alone);
	bench.n_cells = 0;
	script("* answer slow 3\n");
	bench_reopen(&bench);
	struct heard_turn *h = ask(1, model, "question");
	ask(2, model, "other");
	follow_all(run);
	assert_answered(h, "question|9|1");
	assert_true(h->n_cells < 60); /* it did not wait for the end */
	struct bench_result a = bench_result(&bench, alone), b = bench_result(&bench, run);
	assert_int_equal(b.run.state, RUN_DONE);
	assert_false(b.run.is_drifted);
	for (size_t i = 0; i < 60; i++)
		assert_string_equal(a.questions[i].cells[0].tokens, b.questions[i].cells[0].tokens);
	assert_int_equal(recorded("start"), 2); /* one for each engine: no switch was needed */
}

static void a_turn_on_another_model_switches_the_worker_between_two_groups(void **state)
{
	(void)state;
	int64_t a = bench_tiny(&bench, "a.gguf"), b = bench_tiny(&bench, "b.gguf");
	int64_t run = bench_run(&bench, &a, 1, 60);
	script("* answer slow 3\n");
	struct heard_turn *first = ask(1, b, "first"), *second = ask(2, b, "second");
	follow_all(run);
	assert_answered(first, "first|9|1");
	assert_answered(second, "second|9|1");
	assert_true(second->n_cells < 60);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(bench_count(&r, CELL_DONE), 60);
	assert_false(r.run.is_drifted);
	assert_int_equal(recorded("answer"), 60); /* no group was computed twice */
	/* b, a, b, a; or a first where the run was faster. */
	assert_in_range(recorded("start"), 3, 5);
}

static void the_validation_answers_a_group_between_two_switches(void **state)
{
	(void)state;
	int64_t a = bench_tiny(&bench, "a.gguf"), b = bench_tiny(&bench, "b.gguf");
	int64_t run = bench_run(&bench, &a, 1, 60);
	script("* answer slow 2\n");
	for (int i = 0; i < 4; i++)
		ask(i + 1, b, "question");
	follow_all(run);
	for (int i = 1; i < 4; i++)
		assert_true(turns[i].n_cells > turns[i - 1].n_cells);
	bool said = false;
	for (int i = 0; i < 4; i++)
		said = said || strstr(buf_text(&turns[i].phases), "validation,");
	assert_true(said);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_DONE), 60);
}

static void a_stopped_turn_keeps_what_was_said(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	script("* said slow 300\n");
	struct heard_turn *h = ask(1, model, "question");
	h->stop_at_text = true;
	turn_loop();
	assert_int_equal(h->n_done, 1);
	assert_true(h->answer.is_stopped);
	assert_string_equal(h->answer.text, "ques");
	assert_string_equal(buf_text(&h->text), "ques");
	assert_int_equal(h->answer.n_prompt, 7);
}

static void a_turn_that_waits_is_stopped_at_once(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	ask(1, model, "question");
	struct heard_turn *h = ask(2, model, "other");
	chat_turn_stop(h->turn);
	assert_int_equal(h->n_done, 1);
	assert_true(h->answer.is_stopped);
	assert_string_equal(h->answer.text, "");
	turn_loop();
	assert_answered(&turns[0], "question|9|1");
	assert_int_equal(h->n_done, 1);
}

static void stopping_a_validation_that_waits_for_a_turn_does_not_end_the_turn(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 30);
	script("* said slow 2500\n"); /* longer than the patience for a stop */
	struct heard_turn *h = ask(1, model, "question");
	bench.stop_after = 1;
	follow_all(run);
	assert_answered(h, "question|9|1");
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_STOPPED);
	assert_int_equal(recorded("start"), 1);
}

static void a_worker_that_dies_before_it_said_anything_is_asked_again(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	script("0 chat signal 11\n");
	struct heard_turn *h = ask(1, model, "question");
	turn_loop();
	assert_answered(h, "question|9|1");
	script("* chat signal 11\n");
	bench_reopen(&bench);
	h = ask(1, model, "question");
	turn_loop();
	assert_int_equal(h->n_done, 1);
	assert_string_equal(h->err.key, "err_worker_crashed");
}

static void a_worker_that_dies_while_it_speaks_fails_the_turn_and_the_next_one_goes_on(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	script("0 said signal 6\n");
	struct heard_turn *h = ask(1, model, "question");
	ask(2, model, "other");
	turn_loop();
	assert_int_equal(h->n_done, 1);
	assert_true(h->err.code != ERR_OK);
	assert_string_equal(buf_text(&h->text), "ques");
	assert_answered(&turns[1], "other|9|1");
}

static void a_death_in_a_turn_costs_the_validation_no_try(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 20);
	script("0 said signal 6\n1 said signal 6\n2 said signal 6\n3 said signal 6\n");
	for (int i = 0; i < 4; i++)
		ask(i + 1, model, "question");
	follow_all(run);
	for (int i = 0; i < 4; i++)
		assert_true(turns[i].err.code != ERR_OK);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_DONE), 20);
}

static void a_worker_that_breaks_the_rules_is_ended(void **state)
{
	static const char *const ways[] = { "number", "cancelled", "stranger", "badjson", "unknown", "garbage" };

	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		char *text = mem_printf("%zu chat %s\n", recorded("start"), ways[i]);
		script(text);
		mem_free(text);
		bench_reopen(&bench);
		ask(1, model, "question");
		turn_loop();
		const struct heard_turn *h = &turns[n_turns - 1];
		assert_int_equal(h->n_done, 1);
		/* Told at once, or asked again of a worker that behaves. */
		assert_true(h->err.code != ERR_OK || strcmp(h->answer.text, "question|9|1") == 0);
	}
}

static void models_that_cannot_be_had_say_why(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	struct heard_turn *h = ask(1, 4711, "question");
	turn_loop();
	assert_string_equal(h->err.key, "err_model_not_found");
	int64_t remote = bench_model(&bench, (struct found_model){ .kind = MODEL_REMOTE, .name = "far", .path = "remote:1/far" }, 0);
	h = ask(1, remote, "question");
	turn_loop();
	assert_string_equal(h->err.key, "err_model_remote");
	script("* load failed\n");
	h = ask(1, model, "question");
	turn_loop();
	assert_string_equal(h->err.key, "err_model_load");
	script("* load signal 9\n");
	h = ask(1, model, "question");
	turn_loop();
	assert_true(h->err.code != ERR_OK);
}

static void on_granted(void *user)
{
	*(int *)user = n_ended + 1;
}

static void a_file_that_is_to_be_made_waits_for_the_turn_and_the_next_turn_for_the_file(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int granted = 0;
	script("* said slow 400\n"); /* not while it reads it */
	struct heard_turn *first = ask(1, model, "first");
	while (!first->text.len) { /* until it speaks */
		loop_timer_set(bench.timeout, 5);
		loop_run(bench.loop);
	}
	engine_reserve(bench.engine, on_granted, &granted);
	assert_int_equal(granted, 0);
	ask(2, model, "second");
	bench.watched = 0;
	while (!granted) {
		loop_timer_set(bench.timeout, 5);
		loop_run(bench.loop);
	}
	assert_int_equal(granted, 2); /* after the end of the first turn */
	loop_timer_set(bench.timeout, 100);
	loop_run(bench.loop);
	assert_int_equal(turns[1].n_done, 0);
	assert_non_null(strstr(buf_text(&turns[1].phases), "creation,"));
	int later = 0, taken_back = 0;
	engine_reserve(bench.engine, on_granted, &taken_back);
	engine_reserve(bench.engine, on_granted, &later);
	assert_int_equal(later, 0);
	engine_unreserve(bench.engine, &taken_back);
	engine_unreserve(bench.engine, &granted);
	assert_int_equal(taken_back, 0);
	assert_int_equal(later, 2);
	engine_unreserve(bench.engine, &later);
	turn_loop();
	assert_answered(&turns[1], "second|9|1");
}

static void an_engine_that_ends_tells_every_turn(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	script("* said slow 50\n");
	ask(1, model, "question");
	ask(2, model, "other");
	loop_timer_set(bench.timeout, 20);
	loop_run(bench.loop);
	bench_reopen(&bench);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(turns[i].n_done, 1);
		assert_true(turns[i].err.code == ERR_CANCELLED || turns[i].answer.text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_is_answered_with_its_figures),
		TEST(turns_wait_in_line_and_say_so),
		TEST(an_epoch_is_asked_with_its_adapter),
		TEST(a_chat_that_no_request_can_hold_is_refused_and_nothing_ends),
		TEST(a_turn_that_is_stopped_leaves_the_loading_of_its_adapter_behind),
		TEST(a_turn_goes_between_two_groups_of_the_same_model),
		TEST(a_turn_on_another_model_switches_the_worker_between_two_groups),
		TEST(the_validation_answers_a_group_between_two_switches),
		TEST(a_stopped_turn_keeps_what_was_said),
		TEST(a_turn_that_waits_is_stopped_at_once),
		TEST(stopping_a_validation_that_waits_for_a_turn_does_not_end_the_turn),
		TEST(a_worker_that_dies_before_it_said_anything_is_asked_again),
		TEST(a_worker_that_dies_while_it_speaks_fails_the_turn_and_the_next_one_goes_on),
		TEST(a_death_in_a_turn_costs_the_validation_no_try),
		TEST(a_worker_that_breaks_the_rules_is_ended),
		TEST(models_that_cannot_be_had_say_why),
		TEST(a_file_that_is_to_be_made_waits_for_the_turn_and_the_next_turn_for_the_file),
		TEST(an_engine_that_ends_tells_every_turn),
	};
	return cmocka_run_group_tests_name("engine/chat", tests, NULL, NULL);
}
