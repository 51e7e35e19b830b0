/* SPDX-License-Identifier: Apache-2.0
 *
 * Downloads from a stub of a hub and of the server where its files lie: what arrives is what was promised, or nothing is. */
#include "support/check.h"

#include "base/hash.h"
#include "base/limits.h"
#include "hub/downloads.h"
#include "hub/hub_request.h"
#include "support/stub.h"
#include "support/temp.h"

#define BIG 3000000
#define BIG_TEXT "3000000"

static struct stub stub;
static struct loop *loop;
static struct queue *home;
static struct loop_fd *home_watch;
static struct http_client *client;
static struct downloads *downloads;
static struct temp temp;
static int64_t awaited;
static int n_fetched;
static char target[4096];

/* --- the owner's part --- */

static void on_changed(void *user, const struct download *d)
{
	(void)user;
	if (d->id != awaited || download_is_active(d))
		return;
	loop_stop(loop);
}

static void on_fetched(void *user, const struct download *d, const char *path)
{
	struct err none = { 0 };
	(void)user;
	n_fetched++;
	(void)str_format(target, sizeof target, "%s", path);
	downloads_added(downloads, d->id, NULL, &none);
}

static void on_home(void *user, int events)
{
	(void)user, (void)events;
	queue_drain(home);
}

static void open_downloads(void)
{
	struct downloads_options o = { .loop = loop, .home = home, .http_client = client, .data_dir = temp.dir, .retry_ms = 1,
				       .max_tries = 3, .changed = on_changed, .fetched = on_fetched };
	downloads = downloads_new(&o);
}

static void close_downloads(void)
{
	downloads_close(downloads);
	queue_drain(home);
	downloads_free(downloads);
	downloads = NULL;
}

static int open_all(void **state)
{
	(void)state;
	temp_open(&temp);
	loop = loop_new();
	home = queue_new();
	home_watch = loop_add_fd(loop, queue_fd(home), LOOP_READ, on_home, NULL);
	client = http_client_new(loop);
	awaited = n_fetched = 0;
	setenv("HF_ENDPOINT", stub.url, 1);
	setenv("HF_HOME", temp.dir, 1);
	unsetenv("HF_TOKEN");
	unsetenv("HUGGING_FACE_HUB_TOKEN");
	unsetenv("HF_TOKEN_PATH");
	open_downloads();
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	close_downloads();
	http_client_free(client);
	loop_remove_fd(home_watch);
	queue_free(home);
	loop_free(loop);
	temp_close(&temp);
	return 0;
}

/* --- asking for one --- */

static void reset(const char *model, const char *faults)
{
	char *text = mem_printf("{\"models\":{\"org/name\":{%s}},\"faults\":[%s],\"token\":\"hf_secret\"}", model, faults);
	json_t *wanted = json_loads(text, 0, NULL);
	if (!wanted)
		fail_msg("%s", text);
	json_decref(stub_ask(&stub, loop, "/stub/reset", wanted));
	mem_free(text);
}

/* The usual one: a GGUF that lies with the other server. */
static void reset_big(const char *faults)
{
	reset("\"files\":{\"big.gguf\":{\"random\":" BIG_TEXT ",\"seed\":1}}", faults);
}

/* What the stub has of it.  Runs the loop until it has answered. */
static struct hub_job job_of(const char *wanted)
{
	struct hub_list list;
	struct hub_job job;
	struct err err = { 0 };
	const struct hub_choice *choices, *choice;
	size_t n;
	json_t *reply = stub_ask(&stub, loop, "/api/models/org/name/revision/main?blobs=true", NULL);
	char *text = json_dumps(reply, 0);

	assert_ok(hub_list_read(temp.arena, str_of(text), "stub", &list, &err));
	assert_ok(hub_choices(temp.arena, &list, &choices, &n, &err));
	assert_ok(hub_choose(&list, choices, n, wanted, &choice, &err));
	hub_job_make(temp.arena, stub.url, "main", &list, choice, &job);
	free(text);
	json_decref(reply);
	return job;
}

static const struct download *start_job(const struct hub_job *job)
{
	struct err err = { 0 };
	const struct download *d = NULL;

	assert_ok(downloads_start(downloads, job, &d, &err));
	awaited = d->id;
	return d;
}

static const struct download *start(const char *wanted)
{
	struct hub_job job = job_of(wanted);
	return start_job(&job);
}

static const struct download *wait_for(void)
{
	const struct download *d = downloads_get(downloads, awaited);
	if (download_is_active(d))
		loop_run(loop);
	return downloads_get(downloads, awaited);
}

static const struct download *fetch(const char *wanted)
{
	start(wanted);
	return wait_for();
}

static const char *path_of(const struct download *d, const char *name)
{
	return arena_printf(temp.arena, "%s/%s", d->dir, name);
}

static size_t size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (size_t)st.st_size : SIZE_MAX;
}

static void assert_done(const struct download *d)
{
	if (d->state != DOWNLOAD_DONE)
		fail_msg("state %d: %s (%s)", d->state, d->problem.key, d->problem.args);
}

/* The file is there as the hub has it, and nothing else is. */
static void assert_whole(const struct download *d, size_t file)
{
	const struct hub_file *f = &d->job->files[file];
	const char *path = path_of(d, f->path);
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	struct err err = { 0 };
	uint64_t size;

	assert_done(d);
	int fd = fs_open(path, &size, &err);
	assert_true(fd >= 0);
	assert_int_equal(size, f->size);
	assert_ok(hash_file(fd, digest, NULL, &err));
	close(fd);
	hash_hex(digest, hex);
	if (*f->sha256)
		assert_string_equal(hex, f->sha256);
	assert_int_equal(size_of(arena_printf(temp.arena, "%s.part", path)), SIZE_MAX);
}

static json_t *requests(void)
{
	json_t *state = stub_ask(&stub, loop, "/stub/state", NULL), *all = json_incref(json_object_get(state, "requests"));
	json_decref(state);
	return all;
}

static const char *member(const json_t *all, size_t i, const char *key)
{
	const char *text = json_string_value(json_object_get(json_array_get(all, i), key));
	return text ? text : "";
}

/* --- what arrives --- */

static void a_file_comes_from_where_the_hub_sends_for_it_and_the_token_goes_to_the_hub_alone(void **state)
{
	(void)state;
	setenv("HF_TOKEN", "hf_secret", 1);
	reset_big("");
	const struct download *d = fetch("");
	assert_whole(d, 0);
	assert_int_equal(n_fetched, 1);
	assert_string_equal(target, path_of(d, "big.gguf"));
	assert_non_null(strstr(d->dir, "/models/org/name/0123456789ab"));
	json_t *all = requests();
	assert_int_equal(json_array_size(all), 3); /* the list, the file, where it lies */
	assert_string_equal(member(all, 1, "authorization"), "Bearer hf_secret");
	assert_string_equal(member(all, 2, "server"), "cdn");
	assert_string_equal(member(all, 2, "authorization"), "");
	json_decref(all);
	/* Nothing of it is left but the file; what is there is not fetched again. */
	struct arena *a = arena_new();
	struct hub_job *jobs;
	size_t n;
	close_downloads();
	open_downloads();
	hub_jobs_find(a, temp.dir, &jobs, &n);
	assert_int_equal(n, 0);
	arena_free(a);
	assert_whole(fetch(""), 0);
	all = requests();
	assert_int_equal(json_array_size(all), 4);
	json_decref(all);
}

static void a_redirect_within_the_hub_keeps_the_token(void **state)
{
	(void)state;
	setenv("HUGGING_FACE_HUB_TOKEN", "hf_secret", 1);
	reset("\"cdn\":\"same\",\"files\":{\"big.gguf\":{\"random\":5000}}", "");
	assert_whole(fetch(""), 0);
	json_t *all = requests();
	assert_string_equal(member(all, 2, "server"), "hub");
	assert_string_equal(member(all, 2, "authorization"), "Bearer hf_secret");
	json_decref(all);
}

static void after_another_server_the_token_is_sent_nowhere(void **state)
{
	(void)state;
	setenv("HF_TOKEN", "hf_secret", 1);
	reset("\"cdn\":\"other\",\"files\":{\"big.gguf\":{\"random\":5000}}", "");
	char *fault = mem_printf("{\"at\":\"cdn\",\"do\":\"redirect\",\"to\":\"%s/stored/org/name/big.gguf\"}", stub.url);
	json_t *faults = json_pack("{s:[o]}", "faults", json_loads(fault, 0, NULL));
	json_decref(stub_ask(&stub, loop, "/stub/faults", faults));
	assert_whole(fetch(""), 0);
	json_t *all = requests();
	assert_string_equal(member(all, 3, "server"), "hub");
	assert_string_equal(member(all, 3, "authorization"), "");
	json_decref(all);
	mem_free(fault);
}

static void a_line_that_breaks_anywhere_is_picked_up_there(void **state)
{
	struct buf faults = BUF_INIT(64 * KIB);
	(void)state;
	unsigned at = 7;
	for (int i = 0; i < 20; i++) {
		at = at * 1103515245u + 12345u;
		buf_printf(&faults, "%s{\"at\":\"cdn\",\"do\":\"cut\",\"bytes\":%u}", i ? "," : "", at / 65536 % 150000);
	}
	reset_big(buf_text(&faults));
	const struct download *d = fetch("");
	assert_whole(d, 0);
	json_t *all = requests();
	size_t n = json_array_size(all), n_ranges = 0;
	for (size_t i = 0; i < n; i++) {
		if (!*member(all, i, "range"))
			continue;
		n_ranges++;
		assert_non_null(strstr(member(all, i, "if_range"), d->job->files[0].sha256));
	}
	assert_true(n_ranges >= 30); /* each try asks the hub and the other server */
	json_decref(all);
	buf_release(&faults);
}

static void lengths_need_not_be_told_and_a_slow_line_is_none_that_breaks(void **state)
{
	(void)state;
	reset_big("{\"at\":\"cdn\",\"do\":\"chunked\"}");
	assert_whole(fetch(""), 0);
	reset("\"files\":{\"slow.gguf\":{\"random\":400000}}", "{\"at\":\"cdn\",\"do\":\"close\",\"bytes\":100000},{\"at\":\"cdn\",\"do\":\"slow\",\"ms\":20}");
	assert_whole(fetch(""), 0);
}

static void another_file_under_the_same_name_begins_anew(void **state)
{
	(void)state;
	reset_big("{\"at\":\"cdn\",\"do\":\"etag\",\"times\":0},{\"at\":\"cdn\",\"do\":\"cut\",\"bytes\":1000000},{\"at\":\"cdn\",\"do\":\"etag\"}");
	assert_whole(fetch(""), 0);
	json_t *all = requests();
	assert_true(*member(all, json_array_size(all) - 1, "range"));
	json_decref(all);
}

static void a_server_that_knows_no_ranges_or_other_ones_is_lived_with(void **state)
{
	(void)state;
	reset_big("{\"at\":\"cdn\",\"do\":\"cut\",\"bytes\":1000000},{\"at\":\"cdn\",\"do\":\"no_range\"}");
	assert_whole(fetch(""), 0);
	reset("\"files\":{\"b.gguf\":{\"random\":300000}}", "{\"at\":\"cdn\",\"do\":\"cut\",\"bytes\":100000},{\"at\":\"cdn\",\"do\":\"bad_range\"}");
	assert_whole(fetch(""), 0);
	reset("\"files\":{\"c.gguf\":{\"random\":300000}}", "{\"at\":\"cdn\",\"do\":\"cut\",\"bytes\":100000},{\"at\":\"cdn\",\"do\":\"status\",\"status\":416}");
	assert_whole(fetch(""), 0);
}

static void what_is_not_what_was_promised_is_thrown_away(void **state)
{
	(void)state;
	reset("\"files\":{\"wrong.gguf\":{\"random\":200000,\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}}", "");
	const struct download *d = fetch("");
	assert_int_equal(d->state, DOWNLOAD_FAILED);
	assert_err(&d->problem, "err_hub_digest");
	assert_int_equal(size_of(path_of(d, "wrong.gguf")), SIZE_MAX);
	assert_int_equal(size_of(path_of(d, "wrong.gguf.part")), 0);
	assert_int_equal(d->have, 0);
	assert_int_equal(n_fetched, 0);
	/* A small file has git's digest. */
	reset("\"files\":{\"config.json\":{\"text\":\"{}\"},\"model.safetensors\":{\"random\":10}}", "{\"at\":\"file\",\"do\":\"corrupt\",\"path\":\"config.json\"}");
	d = fetch("");
	assert_err(&d->problem, "err_hub_digest");
	/* Of two pieces one may be damaged: then it is taken anew, once. */
	reset("\"files\":{\"two.gguf\":{\"random\":200000}}", "{\"at\":\"cdn\",\"do\":\"cut\",\"bytes\":100000},{\"at\":\"cdn\",\"do\":\"corrupt\"}");
	assert_whole(fetch(""), 0);
}

static void a_size_that_is_not_the_promised_one_ends_it(void **state)
{
	(void)state;
	reset("\"files\":{\"long.gguf\":{\"random\":200000}}", "{\"at\":\"cdn\",\"do\":\"long\"}");
	assert_err(&fetch("")->problem, "err_hub_size");
	reset("\"files\":{\"longer.gguf\":{\"random\":200000,\"size\":199000}}", "{\"at\":\"cdn\",\"do\":\"chunked\"}");
	assert_err(&fetch("")->problem, "err_hub_size");
	reset("\"files\":{\"short.gguf\":{\"random\":200000}}", "{\"at\":\"cdn\",\"do\":\"short\"}");
	assert_err(&fetch("")->problem, "err_hub_size");
	reset("\"files\":{\"ends.gguf\":{\"random\":200000}}", "{\"at\":\"cdn\",\"do\":\"close\",\"bytes\":0,\"times\":9}");
	assert_err(&fetch("")->problem, "err_hub_short");
	reset("\"files\":{\"huge.gguf\":{\"random\":10,\"size\":60000000000000}}", "");
	assert_err(&fetch("")->problem, "err_hub_space");
}

/* --- refusals --- */

static void refused(const char *fault, const char *key)
{
	static int number;
	char *model = mem_printf("\"files\":{\"f%d.gguf\":{\"random\":1000}}", ++number);
	reset(model, fault);
	const struct download *d = fetch("");
	assert_int_equal(d->state, DOWNLOAD_FAILED);
	assert_err(&d->problem, key);
	mem_free(model);
}

static void every_refusal_has_its_reason(void **state)
{
	(void)state;
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":401,\"code\":\"GatedRepo\"}", "err_hub_gated");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":403,\"code\":\"GatedRepo\"}", "err_hub_gated");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":401,\"code\":\"RepoNotFound\"}", "err_hub_not_found_private");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":403}", "err_hub_forbidden");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":404,\"code\":\"EntryNotFound\"}", "err_hub_entry");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":404,\"code\":\"RevisionNotFound\"}", "err_hub_revision");
	refused("{\"at\":\"cdn\",\"do\":\"status\",\"status\":403}", "err_hub_forbidden");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":418}", "err_hub_status");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":503,\"times\":9}", "err_hub_status");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":429,\"retry_after\":0,\"times\":9}", "err_hub_busy");
	refused("{\"at\":\"cdn\",\"do\":\"drop\",\"times\":9}", "err_http_broken");
	refused("{\"at\":\"file\",\"do\":\"redirect\",\"to\":\"file:///etc/passwd\"}", "err_http_redirect");
	refused("{\"at\":\"file\",\"do\":\"redirect\",\"to\":\"/org/name/resolve/main/x.gguf\",\"times\":9}", "err_http_redirects");
	setenv("HF_TOKEN", "hf_secret", 1);
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":403,\"code\":\"GatedRepo\"}", "err_hub_gated_account");
	refused("{\"at\":\"file\",\"do\":\"status\",\"status\":401,\"message\":\"Invalid credentials in Authorization header\"}", "err_hub_token");
	setenv("HF_TOKEN", "hf_other", 1);
	refused("", "err_hub_token");
}

static void what_passes_is_waited_for(void **state)
{
	(void)state;
	reset_big("{\"at\":\"file\",\"do\":\"status\",\"status\":503},{\"at\":\"cdn\",\"do\":\"status\",\"status\":429,\"retry_after\":0},"
		  "{\"at\":\"cdn\",\"do\":\"cut\",\"bytes\":50000},{\"at\":\"cdn\",\"do\":\"drop\"}");
	assert_whole(fetch(""), 0);
}

/* --- ends and beginnings --- */

static void stop_at_a_third(void *user)
{
	const struct download *d = downloads_get(downloads, awaited);
	struct loop_timer **timer = user;
	if (d->have > BIG / 3)
		loop_stop(loop);
	else
		loop_timer_set(*timer, 1);
}

/* Runs until a third of it is here. */
static void run_a_third(void)
{
	struct loop_timer *timer = loop_timer_new(loop, stop_at_a_third, &timer);
	loop_timer_set(timer, 1);
	loop_run(loop);
	loop_timer_free(timer);
}

static void what_was_cancelled_or_cut_off_goes_on_where_it_was(void **state)
{
	struct err err = { 0 };
	const struct download *d;
	(void)state;
	reset_big("{\"at\":\"cdn\",\"do\":\"slow\",\"ms\":1,\"stall\":1200000},{\"at\":\"cdn\",\"do\":\"slow\",\"ms\":1,\"stall\":300000}");
	start("");
	run_a_third();
	assert_ok(downloads_cancel(downloads, awaited, &err));
	d = wait_for();
	assert_int_equal(d->state, DOWNLOAD_CANCELLED);
	size_t kept = size_of(path_of(d, "big.gguf.part"));
	assert_true(kept > 0 && kept < BIG);
	assert_ok(downloads_resume(downloads, awaited, &d, &err));
	run_a_third();
	close_downloads(); /* the program ends */
	open_downloads();
	d = downloads_at(downloads, 0);
	assert_int_equal(d->state, DOWNLOAD_INTERRUPTED);
	assert_int_equal(d->id, awaited);
	assert_true(d->have >= kept && d->have < BIG);
	assert_null(downloads_at(downloads, 1));
	assert_ok(downloads_resume(downloads, awaited, &d, &err));
	assert_whole(wait_for(), 0);
	assert_int_equal(downloads_cancel(downloads, awaited, &err), ERR_CONFLICT);
	assert_int_equal(downloads_resume(downloads, 12345, &d, &err), ERR_NOT_FOUND);
}

static void one_after_another_and_a_waiting_one_can_be_cancelled(void **state)
{
	struct err err = { 0 };
	(void)state;
	reset("\"files\":{\"a.gguf\":{\"random\":100000},\"b.gguf\":{\"random\":100000},\"c.gguf\":{\"random\":100000}}", "");
	struct hub_job a = job_of("a.gguf"), b = job_of("b.gguf"), c = job_of("c.gguf");
	int64_t first = start_job(&a)->id, second = start_job(&b)->id, third = start_job(&c)->id;
	assert_int_equal(downloads_get(downloads, second)->state, DOWNLOAD_WAITING);
	assert_int_equal(start_job(&a)->id, first); /* it is under way: not twice */
	assert_ok(downloads_cancel(downloads, second, &err));
	awaited = third;
	assert_whole(wait_for(), 0);
	assert_whole(downloads_get(downloads, first), 0);
	assert_int_equal(downloads_get(downloads, second)->state, DOWNLOAD_CANCELLED);
}

static void removing_takes_what_came_and_leaves_what_lay_there(void **state)
{
	struct err err = { 0 };
	(void)state;
	reset("\"files\":{\"config.json\":{\"text\":\"{}\"},\"model.safetensors\":{\"random\":100000},\"tokenizer.json\":{\"text\":\"[]\"}}",
	      "{\"at\":\"cdn\",\"do\":\"status\",\"status\":403}");
	temp_text(&temp, "models/org/name/0123456789ab/tokenizer.json", "[]");
	const struct download *d = fetch("");
	const char *config = path_of(d, "config.json"), *old = path_of(d, "tokenizer.json"), *dir = arena_strdup(temp.arena, d->dir);
	assert_int_equal(d->state, DOWNLOAD_FAILED);
	assert_int_equal(size_of(config), 2);
	assert_int_equal(d->n_whole, 2);
	assert_ok(downloads_remove(downloads, awaited, &err));
	close_downloads();
	assert_int_equal(size_of(config), SIZE_MAX);
	assert_int_equal(size_of(old), 2);
	(void)!unlink(old);
	open_downloads();
	assert_null(downloads_at(downloads, 0));
	/* Nothing lies there now: the folders go too. */
	json_decref(stub_ask(&stub, loop, "/stub/faults", json_pack("{s:[{s:s, s:s, s:i}]}", "faults", "at", "cdn", "do", "status", "status", 403)));
	fetch("");
	assert_ok(downloads_remove(downloads, awaited, &err));
	close_downloads();
	assert_false(fs_exists(dir));
	assert_false(fs_exists(temp_path(&temp, "models/org")));
	open_downloads();
}

static void a_part_that_is_a_link_or_too_long_harms_nothing(void **state)
{
	(void)state;
	reset("\"files\":{\"x.gguf\":{\"random\":1000}}", "");
	const char *victim = temp_text(&temp, "victim", "precious"), *part = temp_path(&temp, "models/org/name/0123456789ab/x.gguf.part");
	temp_text(&temp, "models/org/name/0123456789ab/other", "");
	assert_int_equal(symlink(victim, part), 0);
	assert_int_equal(fetch("")->state, DOWNLOAD_FAILED);
	assert_int_equal(size_of(victim), 8);
	(void)!unlink(part);
	char *longer = mem_alloc(2000);
	temp_file(&temp, "models/org/name/0123456789ab/x.gguf.part", longer, 2000);
	assert_whole(fetch(""), 0);
	mem_free(longer);
}

static void a_token_is_found_where_other_programs_keep_it(void **state)
{
	struct hub_place place;
	struct err err = { 0 };
	(void)state;
	assert_ok(hub_place_read(temp.arena, &place, &err));
	assert_string_equal(place.token, "");
	temp_text(&temp, "token", "hf_file\n");
	assert_ok(hub_place_read(temp.arena, &place, &err));
	assert_string_equal(place.token, "hf_file");
	assert_string_equal(place.token_source, temp_path(&temp, "token"));
	setenv("HF_TOKEN_PATH", temp_text(&temp, "elsewhere", " hf_path "), 1);
	assert_ok(hub_place_read(temp.arena, &place, &err));
	assert_string_equal(place.token, "hf_path");
	setenv("HUGGING_FACE_HUB_TOKEN", "hf_old", 1);
	setenv("HF_TOKEN", "with\nlines", 1);
	assert_ok(hub_place_read(temp.arena, &place, &err));
	assert_string_equal(place.token_source, "HUGGING_FACE_HUB_TOKEN");
	setenv("HF_ENDPOINT", "http://hub.example.com/", 1);
	assert_int_equal(hub_place_read(temp.arena, &place, &err), ERR_DENIED);
	assert_err(&err, "err_hub_plain");
	setenv("HF_ENDPOINT", "hub.example.com", 1);
	assert_int_equal(hub_place_read(temp.arena, &place, &err), ERR_INVALID);
	assert_err(&err, "err_hub_endpoint");
}

static void a_download_of_another_hub_is_not_continued_at_this_one(void **state)
{
	(void)state;
	reset_big("{\"at\":\"cdn\",\"do\":\"status\",\"status\":403}");
	char *other = mem_printf("%s/mirror", stub.url);
	setenv("HF_ENDPOINT", other, 1); /* before there is a thread that reads it */
	start("");
	assert_err(&wait_for()->problem, "err_hub_moved");
	mem_free(other);
}

static int start_stub(void **state)
{
	(void)state;
	stub_start(&stub, "hub_stub.py");
	return 0;
}

static int end_stub(void **state)
{
	(void)state;
	stub_end(&stub);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_comes_from_where_the_hub_sends_for_it_and_the_token_goes_to_the_hub_alone),
		TEST(a_redirect_within_the_hub_keeps_the_token),
		TEST(after_another_server_the_token_is_sent_nowhere),
		TEST(a_line_that_breaks_anywhere_is_picked_up_there),
		TEST(lengths_need_not_be_told_and_a_slow_line_is_none_that_breaks),
		TEST(another_file_under_the_same_name_begins_anew),
		TEST(a_server_that_knows_no_ranges_or_other_ones_is_lived_with),
		TEST(what_is_not_what_was_promised_is_thrown_away),
		TEST(a_size_that_is_not_the_promised_one_ends_it),
		TEST(every_refusal_has_its_reason),
		TEST(what_passes_is_waited_for),
		TEST(what_was_cancelled_or_cut_off_goes_on_where_it_was),
		TEST(one_after_another_and_a_waiting_one_can_be_cancelled),
		TEST(removing_takes_what_came_and_leaves_what_lay_there),
		TEST(a_part_that_is_a_link_or_too_long_harms_nothing),
		TEST(a_token_is_found_where_other_programs_keep_it),
		TEST(a_download_of_another_hub_is_not_continued_at_this_one),
	};
	return cmocka_run_group_tests_name("downloads", tests, start_stub, end_stub);
}
