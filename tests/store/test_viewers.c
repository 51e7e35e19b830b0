/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "store/viewer_store.h"

#define LATER (clock_wall_ms() + 60 * 1000)

static struct panel_row add_panel(struct db *db, int64_t run_id, enum panel_kind kind, const char *code)
{
	struct panel_row row = { .run_id = run_id, .kind = kind, .title = "Results", .max_raters = 1, .expires_ms = LATER };

	str_format(row.code_hash, sizeof row.code_hash, "%s", code);
	assert_ok(panel_store_add(db, &row, err));
	return row;
}

static int64_t add_viewer(struct db *db, const struct panel_row *panel, int64_t *dropped)
{
	struct session_row session = { .cookie_hash = "cookie", .key_hash = "key" };

	assert_ok(viewer_store_add(db, panel->id, &session, dropped, err));
	assert_true(session.id > 0);
	return session.id;
}

static void a_link_opens_what_it_was_made_for(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t run = add_run_of(db, 1, 1), now = clock_wall_ms();
	struct panel_row view = add_panel(db, run, PANEL_VIEW, "see"), found;

	add_panel(db, run, PANEL_RATE, "rate");
	assert_ok(panel_store_find(db, a, PANEL_VIEW, "see", now, &found, err));
	assert_int_equal(found.id, view.id);
	assert_int_equal(found.kind, PANEL_VIEW);
	assert_err(panel_store_find(db, a, PANEL_RATE, "see", now, &found, err), ERR_DENIED, "err_panel_code");
	assert_err(panel_store_find(db, a, PANEL_VIEW, "rate", now, &found, err), ERR_DENIED, "err_viewing_code");
	arena_free(a);
}

static void a_viewer_sees_its_panel_until_that_ends(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t run = add_run_of(db, 1, 1), now = clock_wall_ms(), dropped, n_viewers;
	struct panel_row one = add_panel(db, run, PANEL_VIEW, "one"), two = add_panel(db, run, PANEL_VIEW, "two"), found;
	int64_t first = add_viewer(db, &one, &dropped), second = add_viewer(db, &two, &dropped);
	struct session_row *sessions;
	size_t n;

	assert_ok(viewer_store_panel(db, a, first, now, &found, err));
	assert_int_equal(found.id, one.id);
	assert_int_equal(found.n_viewers, 1);
	assert_err(viewer_store_panel(db, a, first, one.expires_ms, &found, err), ERR_DENIED, "err_viewing_closed");
	assert_err(viewer_store_panel(db, a, 99, now, &found, err), ERR_DENIED, "err_viewing_closed");
	assert_ok(viewer_store_sessions(db, a, now, &sessions, &n, err));
	assert_int_equal(n, 2);
	assert_ok(panel_store_close(db, one.id, err));
	assert_err(viewer_store_panel(db, a, first, now, &found, err), ERR_DENIED, "err_viewing_closed");
	assert_ok(viewer_store_sessions(db, a, now, &sessions, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(sessions[0].id, second);
	assert_int_equal(sessions[0].expires_ms, two.expires_ms);
	assert_string_equal(sessions[0].key_hash, "key");
	assert_ok(run_store_remove(db, run, err)); /* they go with the run */
	assert_ok(db_number(db, err, &n_viewers, -1, "SELECT count(*) FROM viewer", ""));
	assert_int_equal(n_viewers, 0);
	assert_err(viewer_store_panel(db, a, second, now, &found, err), ERR_DENIED, "err_viewing_closed");
	arena_free(a);
}

static void the_first_one_makes_room_for_one_too_many(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t run = add_run_of(db, 1, 1), dropped = 0;
	struct panel_row panel = add_panel(db, run, PANEL_VIEW, "one"), other = add_panel(db, run, PANEL_VIEW, "two"), found;
	int64_t stays = add_viewer(db, &other, &dropped), first = add_viewer(db, &panel, &dropped);

	for (int i = 1; i < LIMIT_VIEWERS; i++) {
		add_viewer(db, &panel, &dropped);
		assert_int_equal(dropped, 0);
	}
	add_viewer(db, &panel, &dropped);
	assert_int_equal(dropped, first);
	assert_err(viewer_store_panel(db, a, first, clock_wall_ms(), &found, err), ERR_DENIED, "err_viewing_closed");
	assert_ok(viewer_store_panel(db, a, stays, clock_wall_ms(), &found, err));
	assert_ok(panel_store_get(db, a, panel.id, &found, err));
	assert_int_equal(found.n_viewers, LIMIT_VIEWERS);
	arena_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory_db, close_memory_db)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_link_opens_what_it_was_made_for),
		TEST(a_viewer_sees_its_panel_until_that_ends),
		TEST(the_first_one_makes_room_for_one_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
