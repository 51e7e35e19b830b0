/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/sse.h"

static int woken;

static void wake(void *user)
{
	(void)user;
	woken++;
}

static const struct str none;

/* Everything that waits, read in pieces of `step` bytes. */
static char *drain(struct hub_client *c, size_t step)
{
	struct buf all = BUF_INIT(4 * MIB);
	char piece[4096];
	for (size_t n; (n = hub_read(c, piece, step)) > 0;)
		buf_add(&all, piece, n);
	return buf_take(&all);
}

static void a_new_client_hears_hello_and_what_follows(void **state)
{
	(void)state;
	struct hub *h = hub_new(100, LIMIT_SSE_QUEUE);
	hub_publish(h, "runs", STR("{}"), none);
	struct hub_client *c = hub_join(h, LANG_EN, 0, wake, NULL);
	char *text = drain(c, 7);
	assert_non_null(strstr(text, "id: 101\nevent: hello\ndata: {\"event_id\":101,"));
	assert_null(strstr(text, "runs"));
	mem_free(text);
	woken = 0;
	assert_int_equal(hub_publish(h, "text", STR("{\"a\":1}"), none), 102);
	assert_int_equal(hub_publish(h, "text", STR("{\"a\":2}"), none), 103);
	assert_int_equal(woken, 1);
	text = drain(c, 5);
	assert_string_equal(text, "id: 102\nevent: text\ndata: {\"a\":1}\n\nid: 103\nevent: text\ndata: {\"a\":2}\n\n");
	mem_free(text);
	hub_leave(c);
	hub_free(h);
}

static void a_client_that_comes_back_misses_nothing(void **state)
{
	(void)state;
	struct hub *h = hub_new(100, LIMIT_SSE_QUEUE);
	for (int i = 0; i < 5; i++)
		hub_publish(h, "vote", STR("{}"), none);
	struct hub_client *c = hub_join(h, LANG_EN, 103, wake, NULL);
	char *text = drain(c, 4096);
	assert_non_null(strstr(text, "id: 103\nevent: hello\n"));
	assert_non_null(strstr(text, "id: 104\nevent: vote\n"));
	assert_non_null(strstr(text, "id: 105\nevent: vote\n"));
	assert_null(strstr(text, "resync"));
	mem_free(text);
	hub_leave(c);
	hub_free(h);
}

static void a_client_with_an_unknown_id_is_told_to_fetch_again(void **state)
{
	(void)state;
	static const int64_t ids[] = { 1, 99, 106, INT64_MAX, -5 };
	struct hub *h = hub_new(100, LIMIT_SSE_QUEUE);
	for (int i = 0; i < 5; i++)
		hub_publish(h, "vote", STR("{}"), none);
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		struct hub_client *c = hub_join(h, LANG_EN, ids[i], wake, NULL);
		char *text = drain(c, 4096);
		assert_non_null(strstr(text, "id: 105\nevent: resync\n"));
		assert_null(strstr(text, "vote"));
		mem_free(text);
		hub_leave(c);
	}
	hub_free(h);
}

static void a_slow_client_costs_no_memory_and_gets_resync(void **state)
{
	(void)state;
	char big[1001];
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	struct hub *h = hub_new(100, 8000);
	struct hub_client *slow = hub_join(h, LANG_EN, 0, wake, NULL);
	char piece[64];
	mem_free(drain(slow, 4096));
	hub_publish(h, "text", str_of(big), none);
	assert_int_equal(hub_read(slow, piece, sizeof piece), sizeof piece); /* in the middle of an event */
	for (int i = 0; i < 50; i++)
		hub_publish(h, "text", str_of(big), none);
	char *text = drain(slow, 4096);
	assert_int_equal(strspn(text + 0, "x") > 900, 1); /* the event in progress is finished first */
	assert_non_null(strstr(text, "id: 151\nevent: resync\n"));
	assert_null(strstr(text, "event: text"));
	mem_free(text);
	hub_publish(h, "vote", STR("{}"), none);
	text = drain(slow, 4096);
	assert_string_equal(text, "id: 152\nevent: vote\ndata: {}\n\n");
	mem_free(text);
	hub_leave(slow);
	hub_free(h);
}

static void an_event_over_half_the_limit_becomes_resync(void **state)
{
	(void)state;
	char big[5000];
	memset(big, 'x', sizeof big);
	struct hub *h = hub_new(100, 8000);
	struct hub_client *c = hub_join(h, LANG_EN, 0, wake, NULL);
	mem_free(drain(c, 4096));
	hub_publish(h, "cell", (struct str){ big, sizeof big }, none);
	char *text = drain(c, 4096);
	assert_string_equal(text, "id: 101\nevent: resync\ndata: {}\n\n");
	mem_free(text);
	hub_leave(c);
	hub_free(h);
}

static void each_client_reads_its_own_language(void **state)
{
	(void)state;
	struct hub *h = hub_new(100, LIMIT_SSE_QUEUE);
	struct hub_client *en = hub_join(h, LANG_EN, 0, wake, NULL), *zh = hub_join(h, LANG_ZH_TW, 0, wake, NULL);
	mem_free(drain(en, 4096));
	mem_free(drain(zh, 4096));
	hub_publish(h, "cell", STR("\"failed\""), STR("\"失敗\""));
	hub_publish(h, "vote", STR("1"), none);
	char *text = drain(en, 4096);
	assert_string_equal(text, "id: 101\nevent: cell\ndata: \"failed\"\n\nid: 102\nevent: vote\ndata: 1\n\n");
	mem_free(text);
	text = drain(zh, 4096);
	assert_string_equal(text, "id: 101\nevent: cell\ndata: \"失敗\"\n\nid: 102\nevent: vote\ndata: 1\n\n");
	mem_free(text);
	hub_leave(en);
	hub_leave(zh);
	hub_free(h);
}

static void a_beat_reaches_only_those_that_wait(void **state)
{
	(void)state;
	struct hub *h = hub_new(100, LIMIT_SSE_QUEUE);
	struct hub_client *idle = hub_join(h, LANG_EN, 0, wake, NULL), *busy = hub_join(h, LANG_EN, 0, wake, NULL);
	mem_free(drain(idle, 4096));
	woken = 0;
	hub_beat(h);
	assert_int_equal(woken, 1);
	char *text = drain(idle, 4096);
	assert_string_equal(text, ": \n\n");
	mem_free(text);
	text = drain(busy, 4096);
	assert_null(strstr(text, ": \n\n"));
	mem_free(text);
	hub_leave(idle);
	hub_leave(busy);
	hub_free(h);
}

static void one_client_too_many_is_refused(void **state)
{
	(void)state;
	struct hub *h = hub_new(100, LIMIT_SSE_QUEUE);
	struct hub_client *all[LIMIT_SSE_CLIENTS];
	for (size_t i = 0; i < LIMIT_SSE_CLIENTS; i++)
		assert_non_null(all[i] = hub_join(h, LANG_EN, 0, wake, NULL));
	assert_null(hub_join(h, LANG_EN, 0, wake, NULL));
	hub_leave(all[0]);
	assert_non_null(all[0] = hub_join(h, LANG_EN, 0, wake, NULL));
	assert_int_equal(hub_count(h), LIMIT_SSE_CLIENTS);
	for (size_t i = 0; i < LIMIT_SSE_CLIENTS; i++)
		hub_leave(all[i]);
	hub_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_client_hears_hello_and_what_follows),
		cmocka_unit_test(a_client_that_comes_back_misses_nothing),
		cmocka_unit_test(a_client_with_an_unknown_id_is_told_to_fetch_again),
		cmocka_unit_test(a_slow_client_costs_no_memory_and_gets_resync),
		cmocka_unit_test(an_event_over_half_the_limit_becomes_resync),
		cmocka_unit_test(each_client_reads_its_own_language),
		cmocka_unit_test(a_beat_reaches_only_those_that_wait),
		cmocka_unit_test(one_client_too_many_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
