/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "base/clock.h"
#include "store/panel_store.h"

#define LATER (clock_wall_ms() + 60 * 1000)

static struct panel_row add_panel(struct db *db, int64_t run_id, const char *code, int64_t max_raters, int64_t expires_ms)
{
	struct panel_row row = { .run_id = run_id, .title = "Which is better?", .max_raters = max_raters, .expires_ms = expires_ms };

	str_format(row.code_hash, sizeof row.code_hash, "%s", code);
	assert_ok(panel_store_add(db, &row, err));
	return row;
}

static int64_t add_rater(struct db *db, const struct panel_row *panel, const char *name)
{
	struct rater_row row = { .name = name };

	str_format(row.session.cookie_hash, sizeof row.session.cookie_hash, "cookie of %s", name);
	str_format(row.session.key_hash, sizeof row.session.key_hash, "key of %s", name);
	str_format(row.salt, sizeof row.salt, "salt of %s", name);
	assert_ok(rater_store_add(db, panel, &row, err));
	assert_int_equal(row.id, row.session.id);
	return row.id;
}

/* A run of which every cell is answered. */
static int64_t add_answered(struct db *db, size_t n_questions, size_t n_columns)
{
	int64_t id = add_run_of(db, n_questions, n_columns);

	for (size_t q = 0; q < n_questions; q++)
		for (size_t c = 0; c < n_columns; c++)
			answer(db, cell_id_of(db, id, (int64_t)q, c), "an answer");
	return id;
}

static void rate(struct db *db, int64_t run_id, int64_t position, int64_t rater_id, bool first, bool second, int64_t *column_likes)
{
	struct arena *a = arena_new();
	struct run_question *rq;
	bool liked[2] = { first, second };
	size_t n;
	int64_t total;

	assert_ok(run_store_read_page(db, a, run_id, RUN_ALL, position, 1, &rq, &n, &total, err));
	assert_int_equal(n, 1);
	assert_int_equal(rq->n_cells, 2);
	assert_ok(vote_store_rate(db, rq, rater_id, liked, column_likes, err));
	arena_free(a);
}

static size_t n_told;
static int64_t told[2];
static bool was_answered[8][2];

static void tell(void *user, const bool *answered, const int64_t *likes)
{
	(void)user;
	assert_true(n_told < 8);
	memcpy(was_answered[n_told++], answered, sizeof was_answered[0]);
	told[0] = likes[0];
	told[1] = likes[1];
}

static void a_panel_is_found_by_its_code_while_it_is_open(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t run = add_answered(db, 2, 2), now = clock_wall_ms();
	struct panel_row panel = add_panel(db, run, "one", 5, now + 1000), found, *all;
	size_t n;

	assert_ok(panel_store_find(db, a, PANEL_RATE, "one", now, &found, err));
	assert_int_equal(found.id, panel.id);
	assert_string_equal(found.title, "Which is better?");
	assert_int_equal(found.n_questions, 2);
	assert_err(panel_store_find(db, a, PANEL_RATE, "two", now, &found, err), ERR_DENIED, "err_panel_code");
	assert_err(panel_store_find(db, a, PANEL_RATE, "one", now + 1000, &found, err), ERR_DENIED, "err_panel_code");
	assert_ok(panel_store_set_code(db, panel.id, "two", err));
	assert_err(panel_store_find(db, a, PANEL_RATE, "one", now, &found, err), ERR_DENIED, "err_panel_code");
	assert_ok(panel_store_find(db, a, PANEL_RATE, "two", now, &found, err));
	assert_ok(panel_store_close(db, panel.id, err));
	assert_err(panel_store_find(db, a, PANEL_RATE, "two", now, &found, err), ERR_DENIED, "err_panel_code");
	assert_ok(panel_store_get(db, a, panel.id, &found, err));
	int64_t closed = found.closed_ms;
	assert_true(closed >= now && !panel_is_open(&found, now));
	assert_ok(panel_store_close(db, panel.id, err)); /* again: nothing new */
	assert_ok(panel_store_get(db, a, panel.id, &found, err));
	assert_int_equal(found.closed_ms, closed);
	add_panel(db, run, "three", 5, LATER);
	assert_ok(panel_store_list(db, a, run, &all, &n, err));
	assert_int_equal(n, 2);
	assert_true(all[0].id > all[1].id);
	assert_err(panel_store_get(db, a, 99, &found, err), ERR_NOT_FOUND, "err_panel_not_found");
	assert_err(panel_store_close(db, 99, err), ERR_NOT_FOUND, "err_panel_not_found");
	struct panel_row nowhere = { .run_id = 99, .title = "", .max_raters = 1, .expires_ms = LATER };
	assert_err(panel_store_add(db, &nowhere, err), ERR_NOT_FOUND, "err_run_not_found");
	arena_free(a);
}

static void panels_of_all_runs_are_searched(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t one = add_answered(db, 2, 2), two = add_answered(db, 1, 2), now = clock_wall_ms();
	struct panel_row first = add_panel(db, one, "one", 5, LATER), second = add_panel(db, two, "two", 5, LATER),
			 expired = add_panel(db, two, "three", 5, now), *found;
	struct panel_search all = { .is_open = -1, .wall_ms = now, .limit = 10 }, open = all, ended = all;
	size_t n;

	open.is_open = 1;
	ended.is_open = 0;
	assert_ok(panel_store_search(db, a, &all, &found, &n, err));
	assert_int_equal(n, 3);
	assert_int_equal(found[0].id, expired.id);
	assert_int_equal(found[2].run_id, one);
	assert_int_equal(found[2].n_questions, 2);
	assert_string_equal(found[2].run_name, "a run");
	assert_ok(panel_store_close(db, second.id, err));
	assert_ok(panel_store_search(db, a, &open, &found, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(found[0].id, first.id);
	ended.limit = 1;
	assert_ok(panel_store_search(db, a, &ended, &found, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(found[0].id, expired.id);
	ended.before_id = expired.id;
	assert_ok(panel_store_search(db, a, &ended, &found, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(found[0].id, second.id);
	arena_free(a);
}

static void names_are_a_raters_own_and_seats_are_counted(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t run = add_answered(db, 1, 2);
	struct panel_row panel = add_panel(db, run, "one", 2, LATER), other = add_panel(db, run, "two", 2, LATER);
	struct rater_row again = { .name = "Ann" }, third = { .name = "Cem" }, back, *raters;
	struct session_row *sessions;
	size_t n;

	int64_t ann = add_rater(db, &panel, "Ann");
	assert_err(rater_store_add(db, &panel, &again, err), ERR_CONFLICT, "err_rater_name");
	add_rater(db, &other, "Ann"); /* somebody else */
	add_rater(db, &panel, "Bo");
	assert_err(rater_store_add(db, &panel, &third, err), ERR_CONFLICT, "err_panel_full");
	assert_ok(rater_store_list(db, a, panel.id, &raters, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(raters[0].name, "Ann");
	assert_string_equal(raters[1].salt, "salt of Bo");
	assert_ok(rater_store_get(db, a, ann, &back, err));
	assert_string_equal(back.session.key_hash, "key of Ann");
	assert_err(rater_store_get(db, a, 1, &back, err), ERR_NOT_FOUND, "err_rater_not_found"); /* the owner was not invited */
	assert_err(rater_store_remove(db, 1, err), ERR_NOT_FOUND, "err_rater_not_found");
	assert_ok(panel_store_close(db, other.id, err));
	assert_ok(rater_store_sessions(db, a, clock_wall_ms(), &sessions, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(sessions[0].id, ann);
	assert_int_equal(sessions[0].expires_ms, panel.expires_ms);
	assert_ok(rater_store_sessions(db, a, panel.expires_ms, &sessions, &n, err));
	assert_int_equal(n, 0);
	arena_free(a);
}

static void check_counts(struct db *db, int64_t run_id, int64_t likes_a, int64_t likes_b, int64_t rated, int64_t raters)
{
	struct arena *a = arena_new();
	struct run_row run;
	struct column_row *columns;
	size_t n;

	assert_ok(run_store_get(db, a, run_id, &run, &columns, &n, err));
	assert_int_equal(columns[0].n_likes, likes_a);
	assert_int_equal(columns[1].n_likes, likes_b);
	assert_int_equal(columns[0].n_rated, rated);
	assert_int_equal(columns[1].n_rated, rated);
	assert_int_equal(run.n_raters, raters);
	arena_free(a);
}

static void ratings_of_several_people_are_counted_together(void **state)
{
	struct db *db = *state;
	int64_t run = add_answered(db, 2, 2), changed[2], likes, column_likes, n;
	struct panel_row panel = add_panel(db, run, "one", 5, LATER);
	int64_t ann = add_rater(db, &panel, "Ann"), bo = add_rater(db, &panel, "Bo");

	check_counts(db, run, 0, 0, 0, 0);
	assert_ok(vote_store_set(db, cell_id_of(db, run, 0, 0), 1, true, &likes, &column_likes, err));
	check_counts(db, run, 1, 0, 1, 1);
	rate(db, run, 0, ann, true, true, changed);
	assert_int_equal(changed[0], 2);
	assert_int_equal(changed[1], 1);
	check_counts(db, run, 2, 1, 2, 2);
	rate(db, run, 0, ann, true, false, changed);
	assert_int_equal(changed[0], -1); /* as before */
	assert_int_equal(changed[1], 0);
	check_counts(db, run, 2, 0, 2, 2);
	rate(db, run, 1, bo, false, false, changed); /* liked nothing, and that is an opinion */
	check_counts(db, run, 2, 0, 3, 3);
	rate(db, run, 0, ann, false, false, changed);
	check_counts(db, run, 1, 0, 3, 3); /* who liked nothing has rated all the same */
	assert_ok(vote_store_set(db, cell_id_of(db, run, 0, 0), 1, false, &likes, &column_likes, err));
	check_counts(db, run, 0, 0, 2, 2); /* the owner, who takes the only like back, has not */
	rate(db, run, 0, bo, false, true, changed);
	assert_ok(rater_store_remove(db, bo, err));
	check_counts(db, run, 0, 0, 1, 1);
	assert_ok(db_number(db, err, &n, -1, "SELECT sum(n_likes) + 10 * sum(n_ratings) FROM question", ""));
	assert_int_equal(n, 10); /* Ann's, of the first */
}

/* A stopped validation that is continued: the answer is no worse for not having been there. */
static void what_came_after_a_rating_was_not_seen(void **state)
{
	struct db *db = *state;
	int64_t run = add_run_of(db, 2, 2), changed[2], likes, column_likes;
	struct panel_row panel = add_panel(db, run, "one", 5, LATER);
	int64_t ann = add_rater(db, &panel, "Ann");
	struct arena *a = arena_new();
	struct column_row *columns;
	struct run_row now;
	size_t n;

	answer(db, cell_id_of(db, run, 0, 0), "an answer");
	rate(db, run, 0, ann, true, false, changed);
	rate(db, run, 1, ann, false, false, changed); /* nothing there yet */
	answer(db, cell_id_of(db, run, 0, 1), "another");
	answer(db, cell_id_of(db, run, 1, 0), "a");
	answer(db, cell_id_of(db, run, 1, 1), "b");
	assert_ok(run_store_get(db, a, run, &now, &columns, &n, err));
	assert_int_equal(columns[0].n_rated, 1);
	assert_int_equal(columns[1].n_rated, 0);
	n_told = 0;
	assert_ok(vote_store_each(db, run, tell, NULL, err));
	assert_int_equal(n_told, 2);
	assert_true(was_answered[0][0] && !was_answered[0][1] && !was_answered[1][0] && !was_answered[1][1]);
	/* Who looks again has seen it; the owner sees whatever comes. */
	rate(db, run, 0, ann, true, false, changed);
	assert_ok(vote_store_set(db, cell_id_of(db, run, 0, 0), 1, true, &likes, &column_likes, err));
	assert_ok(run_store_get(db, a, run, &now, &columns, &n, err));
	assert_int_equal(columns[0].n_rated, 2);
	assert_int_equal(columns[1].n_rated, 2);
	n_told = 0;
	assert_ok(vote_store_each(db, run, tell, NULL, err));
	assert_true(was_answered[0][0] && was_answered[0][1] && !was_answered[1][0]);
	/* With the one who had not seen it goes what was not seen. */
	assert_ok(rater_store_remove(db, ann, err));
	assert_ok(run_store_get(db, a, run, &now, &columns, &n, err));
	assert_int_equal(columns[0].n_rated, 1);
	assert_int_equal(columns[0].n_likes, 1);
	assert_int_equal(columns[1].n_rated, 1);
	assert_ok(db_number(db, err, &likes, 0, "SELECT count(*) FROM question WHERE seen = -1", ""));
	assert_int_equal(likes, 2);
	arena_free(a);
}

static void who_comes_again_with_the_nonce_is_the_same(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t run = add_answered(db, 1, 2);
	struct panel_row panel = add_panel(db, run, "one", 1, LATER);
	struct rater_row ann = { .name = "Ann", .nonce_hash = "n1", .session = { .cookie_hash = "c1" }, .salt = "s1" };
	struct rater_row again = { .name = "Ann", .nonce_hash = "n1", .session = { .cookie_hash = "c2" }, .salt = "s2" };
	struct rater_row other = { .name = "Ann", .nonce_hash = "n2" }, none = { .name = "Ann" }, back;

	assert_ok(rater_store_add(db, &panel, &ann, err));
	assert_ok(rater_store_add(db, &panel, &again, err)); /* also where all seats are taken */
	assert_int_equal(again.id, ann.id);
	assert_int_equal(again.session.id, ann.id);
	assert_ok(rater_store_get(db, a, ann.id, &back, err));
	assert_string_equal(back.session.cookie_hash, "c2");
	assert_string_equal(back.salt, "s1");
	assert_err(rater_store_add(db, &panel, &other, err), ERR_CONFLICT, "err_rater_name");
	assert_err(rater_store_add(db, &panel, &none, err), ERR_CONFLICT, "err_rater_name");
	arena_free(a);
}

static void what_has_no_answer_cannot_be_liked(void **state)
{
	struct db *db = *state;
	int64_t run = add_run_of(db, 1, 2), changed[2];
	struct panel_row panel = add_panel(db, run, "one", 5, LATER);
	bool liked[2] = { true, true };
	struct arena *a = arena_new();
	struct run_question *rq;
	size_t n;
	int64_t total;

	answer(db, cell_id_of(db, run, 0, 0), "an answer");
	assert_ok(run_store_read_page(db, a, run, RUN_ALL, 0, 1, &rq, &n, &total, err));
	assert_err(vote_store_rate(db, rq, add_rater(db, &panel, "Ann"), liked, changed, err), ERR_CONFLICT, "err_vote_no_answer");
	arena_free(a);
}

static void what_was_said_is_told_to_the_one_who_said_it(void **state)
{
	struct db *db = *state;
	int64_t run = add_answered(db, 2, 2), changed[2];
	struct panel_row panel = add_panel(db, run, "one", 5, LATER);
	int64_t ann = add_rater(db, &panel, "Ann"), bo = add_rater(db, &panel, "Bo");
	int64_t first = cell_id_of(db, run, 0, 0) / 64, second = cell_id_of(db, run, 1, 0) / 64;
	bool is_rated, liked[2];

	rate(db, run, 0, ann, false, true, changed);
	assert_ok(rater_store_said(db, ann, first, &is_rated, liked, 2, err));
	assert_true(is_rated && !liked[0] && liked[1]);
	assert_ok(rater_store_said(db, ann, second, &is_rated, liked, 2, err));
	assert_true(!is_rated && !liked[0] && !liked[1]);
	assert_ok(rater_store_said(db, bo, first, &is_rated, liked, 2, err));
	assert_true(!is_rated && !liked[1]);
}

static void people_who_rate_one_question_are_one_piece_of_evidence(void **state)
{
	struct db *db = *state;
	int64_t run = add_answered(db, 2, 2), changed[2];
	struct panel_row panel = add_panel(db, run, "one", 5, LATER);

	rate(db, run, 1, add_rater(db, &panel, "Ann"), true, false, changed);
	rate(db, run, 1, add_rater(db, &panel, "Bo"), true, true, changed);
	n_told = 0;
	assert_ok(vote_store_each(db, run, tell, NULL, err));
	assert_int_equal(n_told, 1);
	assert_true(was_answered[0][0] && was_answered[0][1]);
	assert_int_equal(told[0], 2);
	assert_int_equal(told[1], 1);
}

static void a_run_that_is_removed_takes_its_raters_along(void **state)
{
	struct db *db = *state;
	int64_t run = add_answered(db, 1, 2), other = add_answered(db, 1, 2), changed[2], n;
	struct panel_row panel = add_panel(db, run, "one", 5, LATER), stays = add_panel(db, other, "two", 5, LATER);

	rate(db, run, 0, add_rater(db, &panel, "Ann"), true, false, changed);
	rate(db, other, 0, add_rater(db, &stays, "Bo"), true, false, changed);
	assert_ok(run_store_remove(db, run, err));
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM rater", ""));
	assert_int_equal(n, 2); /* the owner and Bo */
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM vote", ""));
	assert_int_equal(n, 1);
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM rating", ""));
	assert_int_equal(n, 1);
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM panel", ""));
	assert_int_equal(n, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory_db, close_memory_db)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_panel_is_found_by_its_code_while_it_is_open),
		TEST(panels_of_all_runs_are_searched),
		TEST(names_are_a_raters_own_and_seats_are_counted),
		TEST(ratings_of_several_people_are_counted_together),
		TEST(what_has_no_answer_cannot_be_liked),
		TEST(what_came_after_a_rating_was_not_seen),
		TEST(who_comes_again_with_the_nonce_is_the_same),
		TEST(what_was_said_is_told_to_the_one_who_said_it),
		TEST(people_who_rate_one_question_are_one_piece_of_evidence),
		TEST(a_run_that_is_removed_takes_its_raters_along),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
