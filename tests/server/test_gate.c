/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <string.h>

#include "server/gate.h"
#include "server/routes.h"

#define COOKIE "assay_7878_0badcafe=good"

static bool session(void *user, struct str cookie, struct str key, int64_t *id)
{
	(void)user;
	*id = 7;
	return str_eq_text(cookie, "good") && str_eq_text(key, "key");
}

static bool api_key(void *user, struct str key)
{
	(void)user;
	return str_eq_text(key, "sk-good");
}

static bool rater(void *user, struct str cookie, struct str key, int64_t *id)
{
	(void)user;
	*id = 9;
	return str_eq_text(cookie, "rates") && str_eq_text(key, "theirs");
}

static bool viewer(void *user, struct str cookie, struct str key, int64_t *id)
{
	(void)user;
	*id = 11;
	return str_eq_text(cookie, "sees") && str_eq_text(key, "seen");
}

static const char *const lan_hosts[] = { "192.168.1.20", "tower", "tower.local", NULL };

static const struct gate_config config = { .port = 7878, .owner = { "assay_7878_0badcafe", 4, session, "err_gate_login" },
					   .raters = { "assay_rater_7878_0badcafe_", 32, rater, "err_gate_rater" },
					   .viewers = { "assay_viewer_7878_0badcafe_", 32, viewer, "err_gate_viewer" },
					   .api_key = api_key, .lan_hosts = lan_hosts };

enum rule { PAGE, GET_OWNER, POST_JSON, POST_BYTES, POST_NOTHING, LOGIN, JOIN, GET_RATER, PUT_RATER, GET_VIEWER, UNIX_ONLY, PROGRAM };
static const struct gate_rule rules[] = {
	[PAGE] = { .is_page = true, .role = GATE_PUBLIC },
	[GET_OWNER] = { .role = GATE_OWNER },
	[POST_JSON] = { .role = GATE_OWNER, .body = GATE_JSON },
	[POST_BYTES] = { .role = GATE_OWNER, .body = GATE_BYTES },
	[POST_NOTHING] = { .role = GATE_OWNER, .body = GATE_MAYBE_JSON },
	[LOGIN] = { .role = GATE_LOCAL, .body = GATE_JSON },
	[JOIN] = { .role = GATE_PUBLIC, .body = GATE_JSON },
	[GET_RATER] = { .role = GATE_RATER },
	[PUT_RATER] = { .role = GATE_RATER, .body = GATE_JSON },
	[GET_VIEWER] = { .role = GATE_VIEWER },
	[UNIX_ONLY] = { .role = GATE_UNIX },
	[PROGRAM] = { .role = GATE_KEY, .body = GATE_JSON },
};

#define HOST .n_host = 1, .host = "127.0.0.1:7878"
#define NAMED(name) .n_host = 1, .host = (name)
#define FROM(text) .n_origin = 1, .origin = (text)
#define KEY(text) .n_key = 1, .key = (text)
#define OURS .cookie = COOKIE, KEY("key")
#define JSON .content_type = "application/json", .has_body = true
#define BEARER(text) .n_authorization = 1, .authorization = (text)
#define US "http://127.0.0.1:7878"
#define LAN .is_lan = true, .n_host = 1, .host = "192.168.1.20:7878"
#define THEIRS .cookie = "assay_rater_7878_0badcafe_3=rates", KEY("theirs")
#define SEES .cookie = "assay_viewer_7878_0badcafe_4=sees", KEY("seen")

static const struct row {
	const char *what;
	enum rule rule;
	struct gate_headers h;
	int status;
} rows[] = {
	/* API keys */
	{ "a key", PROGRAM, { .method = "POST", HOST, BEARER("Bearer sk-good"), JSON }, 0 },
	{ "a key in lower case", PROGRAM, { .method = "POST", HOST, BEARER("bearer  sk-good "), JSON }, 0 },
	{ "a key through the socket is not needed", PROGRAM, { .is_unix = true, .method = "POST", JSON }, 0 },
	{ "no key", PROGRAM, { .method = "POST", HOST, JSON }, 401 },
	{ "a wrong key", PROGRAM, { .method = "POST", HOST, BEARER("Bearer sk-bad"), JSON }, 401 },
	{ "an empty key", PROGRAM, { .method = "POST", HOST, BEARER("Bearer "), JSON }, 401 },
	{ "another scheme", PROGRAM, { .method = "POST", HOST, BEARER("Basic sk-good"), JSON }, 401 },
	{ "two keys", PROGRAM, { .method = "POST", HOST, .n_authorization = 2, .authorization = "Bearer sk-good", JSON }, 401 },
	{ "a key from a page", PROGRAM, { .method = "POST", HOST, BEARER("Bearer sk-good"), FROM(US), JSON }, 403 },
	{ "a key with a cookie", PROGRAM, { .method = "POST", HOST, BEARER("Bearer sk-good"), .cookie = "a=b", JSON }, 403 },
	{ "a key with a session", PROGRAM, { .method = "POST", HOST, BEARER("Bearer sk-good"), OURS, JSON }, 403 },
	{ "a session without a key", PROGRAM, { .method = "POST", HOST, OURS, JSON }, 401 },
	{ "a key for another host", PROGRAM, { .method = "POST", NAMED("evil.test"), BEARER("Bearer sk-good"), JSON }, 421 },
	{ "a key is no session", POST_JSON, { .method = "POST", HOST, BEARER("Bearer sk-good"), JSON }, 401 },
	/* Host */
	{ "our address and port", PAGE, { .method = "GET", HOST }, 0 },
	{ "localhost", PAGE, { .method = "GET", NAMED("localhost:7878") }, 0 },
	{ "localhost without a port", PAGE, { .method = "GET", NAMED("localhost") }, 0 },
	{ "upper case", PAGE, { .method = "GET", NAMED("LOCALHOST:7878") }, 0 },
	{ "trailing dot", PAGE, { .method = "GET", NAMED("localhost.:7878") }, 0 },
	{ "IPv6", PAGE, { .method = "GET", NAMED("[::1]:7878") }, 0 },
	{ "IPv6 without a port", PAGE, { .method = "GET", NAMED("[::1]") }, 0 },
	{ "no Host", PAGE, { .method = "GET" }, 421 },
	{ "empty Host", PAGE, { .method = "GET", NAMED("") }, 421 },
	{ "two Hosts", PAGE, { .method = "GET", .n_host = 2, .host = "localhost:7878" }, 421 },
	{ "another port", PAGE, { .method = "GET", NAMED("127.0.0.1:7879") }, 421 },
	{ "empty port", PAGE, { .method = "GET", NAMED("127.0.0.1:") }, 421 },
	{ "port with a sign", PAGE, { .method = "GET", NAMED("127.0.0.1:+7878") }, 421 },
	{ "port with a space", PAGE, { .method = "GET", NAMED("127.0.0.1: 7878") }, 421 },
	{ "port that overflows", PAGE, { .method = "GET", NAMED("127.0.0.1:18446744073709559494") }, 421 },
	{ "port of 2^32 + ours", PAGE, { .method = "GET", NAMED("127.0.0.1:4294975174") }, 421 },
	{ "another name", PAGE, { .method = "GET", NAMED("evil.test:7878") }, 421 },
	{ "name that begins like ours", PAGE, { .method = "GET", NAMED("localhost.evil.test:7878") }, 421 },
	{ "name that ends like ours", PAGE, { .method = "GET", NAMED("evil.localhost:7878") }, 421 },
	{ "rebinding address", PAGE, { .method = "GET", NAMED("0.0.0.0:7878") }, 421 },
	{ "mapped address", PAGE, { .method = "GET", NAMED("[::ffff:127.0.0.1]:7878") }, 421 },
	{ "short address", PAGE, { .method = "GET", NAMED("127.1:7878") }, 421 },
	{ "number as address", PAGE, { .method = "GET", NAMED("2130706433:7878") }, 421 },
	{ "user in Host", PAGE, { .method = "GET", NAMED("localhost:7878@evil.test") }, 421 },
	{ "open bracket", PAGE, { .method = "GET", NAMED("[::1") }, 421 },
	{ "text after the bracket", PAGE, { .method = "GET", NAMED("[::1]x:7878") }, 421 },
	{ "two dots", PAGE, { .method = "GET", NAMED("localhost..:7878") }, 421 },
	{ "dot alone", PAGE, { .method = "GET", NAMED(".") }, 421 },
	{ "space before", PAGE, { .method = "GET", NAMED(" localhost") }, 421 },
	{ "Host comes before the session", GET_OWNER, { .method = "GET", NAMED("evil.test"), OURS }, 421 },
	/* Origin */
	{ "our Origin", GET_OWNER, { .method = "GET", HOST, OURS, FROM(US) }, 0 },
	{ "Origin of another port", GET_OWNER, { .method = "GET", HOST, OURS, FROM("http://127.0.0.1:3000") }, 403 },
	{ "Origin without port", GET_OWNER, { .method = "GET", HOST, OURS, FROM("http://127.0.0.1") }, 403 },
	{ "Origin with https", GET_OWNER, { .method = "GET", HOST, OURS, FROM("https://127.0.0.1:7878") }, 403 },
	{ "Origin with another of our names", GET_OWNER, { .method = "GET", HOST, OURS, FROM("http://localhost:7878") }, 403 },
	{ "Origin null", GET_OWNER, { .method = "GET", HOST, OURS, FROM("null") }, 403 },
	{ "empty Origin", GET_OWNER, { .method = "GET", HOST, OURS, FROM("") }, 403 },
	{ "Origin with a path", GET_OWNER, { .method = "GET", HOST, OURS, FROM(US "/") }, 403 },
	{ "two Origins", GET_OWNER, { .method = "GET", HOST, OURS, .n_origin = 2, .origin = US }, 403 },
	{ "foreign Origin at the login", LOGIN, { .method = "POST", HOST, JSON, FROM("http://evil.test") }, 403 },
	{ "foreign Origin at the page", PAGE, { .method = "GET", HOST, FROM("http://evil.test") }, 403 },
	/* Sec-Fetch-Site */
	{ "same origin", GET_OWNER, { .method = "GET", HOST, OURS, .fetch_site = "same-origin" }, 0 },
	{ "same site", GET_OWNER, { .method = "GET", HOST, OURS, .fetch_site = "same-site" }, 403 },
	{ "cross site", GET_OWNER, { .method = "GET", HOST, OURS, .fetch_site = "cross-site" }, 403 },
	{ "address bar on the API", GET_OWNER, { .method = "GET", HOST, OURS, .fetch_site = "none" }, 403 },
	{ "unknown site", GET_OWNER, { .method = "GET", HOST, OURS, .fetch_site = "own" }, 403 },
	{ "address bar on the page", PAGE, { .method = "GET", HOST, .fetch_site = "none" }, 0 },
	{ "image of another site", PAGE, { .method = "GET", HOST, .fetch_site = "cross-site", .fetch_mode = "no-cors",
					   .fetch_dest = "image" }, 403 },
	{ "frame of another site", PAGE, { .method = "GET", HOST, .fetch_site = "cross-site", .fetch_mode = "navigate",
					   .fetch_dest = "iframe" }, 403 },
	{ "link of another site", PAGE, { .method = "GET", HOST, .fetch_site = "cross-site", .fetch_mode = "navigate",
					  .fetch_dest = "document" }, 0 },
	{ "form of another site", PAGE, { .method = "POST", HOST, .fetch_site = "cross-site", .fetch_mode = "navigate",
					  .fetch_dest = "document" }, 403 },
	{ "link to the API", GET_OWNER, { .method = "GET", HOST, OURS, .fetch_site = "cross-site", .fetch_mode = "navigate",
					  .fetch_dest = "document" }, 403 },
	/* credentials */
	{ "both halves", GET_OWNER, { .method = "GET", HOST, OURS }, 0 },
	{ "nothing", GET_OWNER, { .method = "GET", HOST }, 401 },
	{ "cookie half", GET_OWNER, { .method = "GET", HOST, .cookie = COOKIE }, 401 },
	{ "key half", GET_OWNER, { .method = "GET", HOST, KEY("key") }, 401 },
	{ "wrong key", GET_OWNER, { .method = "GET", HOST, .cookie = COOKIE, KEY("kex") }, 401 },
	{ "empty key", GET_OWNER, { .method = "GET", HOST, .cookie = COOKIE, KEY("") }, 401 },
	{ "two keys", GET_OWNER, { .method = "GET", HOST, .cookie = COOKIE, .n_key = 2, .key = "key" }, 401 },
	{ "wrong cookie", GET_OWNER, { .method = "GET", HOST, .cookie = "assay_7878_0badcafe=bad", KEY("key") }, 401 },
	{ "cookie of another instance", GET_OWNER, { .method = "GET", HOST, .cookie = "assay_7878_00000000=good", KEY("key") }, 401 },
	{ "cookie with our name at its end", GET_OWNER,
	  { .method = "GET", HOST, .cookie = "xassay_7878_0badcafe=good", KEY("key") }, 401 },
	{ "empty cookie", GET_OWNER, { .method = "GET", HOST, .cookie = "assay_7878_0badcafe=", KEY("key") }, 401 },
	{ "cookie among others", GET_OWNER, { .method = "GET", HOST, .cookie = "a=b; " COOKIE "; c=d", KEY("key") }, 0 },
	{ "a tossed cookie before ours", GET_OWNER,
	  { .method = "GET", HOST, .cookie = "assay_7878_0badcafe=bad; " COOKIE, KEY("key") }, 0 },
	{ "ours behind too many tossed ones", GET_OWNER,
	  { .method = "GET", HOST, .cookie = "assay_7878_0badcafe=1; assay_7878_0badcafe=2; assay_7878_0badcafe=3; "
					     "assay_7878_0badcafe=4; " COOKIE, KEY("key") }, 401 },
	{ "bearer alone", GET_OWNER, { .method = "GET", HOST, .n_authorization = 1 }, 401 },
	{ "bearer and session", GET_OWNER, { .method = "GET", HOST, OURS, .n_authorization = 1 }, 403 },
	{ "login needs no session", LOGIN, { .method = "POST", HOST, JSON }, 0 },
	/* methods and types */
	{ "JSON", POST_JSON, { .method = "POST", HOST, OURS, JSON }, 0 },
	{ "JSON with a charset", POST_JSON, { .method = "POST", HOST, OURS, .content_type = "application/json; charset=utf-8" }, 0 },
	{ "JSON in capitals", POST_JSON, { .method = "POST", HOST, OURS, .content_type = "Application/JSON" }, 0 },
	{ "no type", POST_JSON, { .method = "POST", HOST, OURS }, 415 },
	{ "type of a form", POST_JSON, { .method = "POST", HOST, OURS, .content_type = "text/plain" }, 415 },
	{ "type that begins alike", POST_JSON, { .method = "POST", HOST, OURS, .content_type = "application/jsonx" }, 415 },
	{ "login as a form", LOGIN, { .method = "POST", HOST, .content_type = "application/x-www-form-urlencoded" }, 415 },
	{ "bytes", POST_BYTES, { .method = "POST", HOST, OURS, .content_type = "application/octet-stream" }, 0 },
	{ "bytes as JSON", POST_BYTES, { .method = "POST", HOST, OURS, JSON }, 415 },
	{ "nothing sent, nothing needed", POST_NOTHING, { .method = "POST", HOST, OURS }, 0 },
	{ "body without a type", POST_NOTHING, { .method = "POST", HOST, OURS, .has_body = true }, 415 },
	{ "OPTIONS", GET_OWNER, { .method = "OPTIONS", HOST, OURS }, 403 },
	{ "upgrade", GET_OWNER, { .method = "GET", HOST, OURS, .has_upgrade = true }, 400 },
	/* raters */
	{ "a rater here", GET_RATER, { .method = "GET", HOST, THEIRS }, 0 },
	{ "a rater rates", PUT_RATER, { .method = "PUT", HOST, THEIRS, JSON }, 0 },
	{ "a rater without a type", PUT_RATER, { .method = "PUT", HOST, THEIRS, .content_type = "text/plain" }, 415 },
	{ "nobody rates", PUT_RATER, { .method = "PUT", HOST, JSON }, 401 },
	{ "half a rater", GET_RATER, { .method = "GET", HOST, .cookie = "assay_rater_7878_0badcafe_3=rates" }, 401 },
	{ "a rater of two panels", GET_RATER,
	  { .method = "GET", HOST, .cookie = "assay_rater_7878_0badcafe_2=other; assay_rater_7878_0badcafe_3=rates", KEY("theirs") }, 0 },
	{ "a rater's cookie of another instance", GET_RATER,
	  { .method = "GET", HOST, .cookie = "assay_rater_7878_00000000_3=rates", KEY("theirs") }, 401 },
	{ "a rater's cookie without its number", GET_RATER,
	  { .method = "GET", HOST, .cookie = "assay_rater_7878_0badcafe=rates", KEY("theirs") }, 401 },
	{ "the owner is no rater", GET_RATER, { .method = "GET", HOST, OURS }, 401 },
	{ "the owner's halves under the raters' name", GET_RATER,
	  { .method = "GET", HOST, .cookie = "assay_rater_7878_0badcafe_3=good", KEY("key") }, 401 },
	{ "a rater is no owner", GET_OWNER, { .method = "GET", HOST, THEIRS }, 401 },
	{ "a rater's halves under the owner's name", GET_OWNER,
	  { .method = "GET", HOST, .cookie = "assay_7878_0badcafe=rates", KEY("theirs") }, 401 },
	{ "a rater with a key of a program", GET_RATER, { .method = "GET", HOST, THEIRS, BEARER("Bearer sk-good") }, 403 },
	{ "a key of a program is no rater", GET_RATER, { .method = "GET", HOST, BEARER("Bearer sk-good") }, 401 },
	{ "the unix socket is no rater", GET_RATER, { .is_unix = true, .method = "GET" }, 403 },
	{ "somebody comes by a link", JOIN, { .method = "POST", HOST, JSON }, 0 },
	/* viewers */
	{ "a viewer here", GET_VIEWER, { .method = "GET", HOST, SEES }, 0 },
	{ "nobody sees", GET_VIEWER, { .method = "GET", HOST }, 401 },
	{ "half a viewer", GET_VIEWER, { .method = "GET", HOST, .cookie = "assay_viewer_7878_0badcafe_4=sees" }, 401 },
	{ "the owner is no viewer", GET_VIEWER, { .method = "GET", HOST, OURS }, 401 },
	{ "a rater is no viewer", GET_VIEWER, { .method = "GET", HOST, THEIRS }, 401 },
	{ "a rater's halves under the viewers' name", GET_VIEWER,
	  { .method = "GET", HOST, .cookie = "assay_viewer_7878_0badcafe_4=rates", KEY("theirs") }, 401 },
	{ "a viewer is no rater", GET_RATER, { .method = "GET", HOST, SEES }, 401 },
	{ "a viewer's halves under the raters' name", GET_RATER,
	  { .method = "GET", HOST, .cookie = "assay_rater_7878_0badcafe_4=sees", KEY("seen") }, 401 },
	{ "a viewer is no owner", GET_OWNER, { .method = "GET", HOST, SEES }, 401 },
	{ "a viewer with a key of a program", GET_VIEWER, { .method = "GET", HOST, SEES, BEARER("Bearer sk-good") }, 403 },
	{ "a key of a program is no viewer", GET_VIEWER, { .method = "GET", HOST, BEARER("Bearer sk-good") }, 401 },
	{ "a viewer from another page", GET_VIEWER, { .method = "GET", HOST, SEES, FROM("http://127.0.0.1:3000") }, 403 },
	{ "the unix socket is no viewer", GET_VIEWER, { .is_unix = true, .method = "GET" }, 403 },
	/* from the network */
	{ "a viewer", GET_VIEWER, { .method = "GET", LAN, SEES }, 0 },
	{ "a viewer as owner", GET_OWNER, { .method = "GET", LAN, SEES }, 403 },
	{ "a viewer as rater", GET_RATER, { .method = "GET", LAN, SEES }, 401 },
	{ "the page", PAGE, { .method = "GET", LAN }, 0 },
	{ "a rater", GET_RATER, { .method = "GET", LAN, THEIRS }, 0 },
	{ "a rater by name", GET_RATER, { .method = "GET", .is_lan = true, NAMED("Tower.local:7878"), THEIRS }, 0 },
	{ "a rater from our page", PUT_RATER, { .method = "PUT", LAN, THEIRS, JSON, FROM("http://192.168.1.20:7878") }, 0 },
	{ "a rater from another page", PUT_RATER, { .method = "PUT", LAN, THEIRS, JSON, FROM("http://192.168.1.20:3000") }, 403 },
	{ "a link", JOIN, { .method = "POST", LAN, JSON }, 0 },
	{ "the owner", GET_OWNER, { .method = "GET", LAN, OURS }, 403 },
	{ "the owner's login", LOGIN, { .method = "POST", LAN, JSON }, 403 },
	{ "a program", PROGRAM, { .method = "POST", LAN, BEARER("Bearer sk-good"), JSON }, 403 },
	{ "the unix route", UNIX_ONLY, { .method = "POST", LAN, OURS }, 403 },
	{ "a rater as owner", GET_OWNER, { .method = "GET", LAN, THEIRS }, 403 },
	{ "loopback's name", PAGE, { .method = "GET", .is_lan = true, HOST }, 421 },
	{ "another name", PAGE, { .method = "GET", .is_lan = true, NAMED("evil.test:7878") }, 421 },
	{ "another machine's name", PAGE, { .method = "GET", .is_lan = true, NAMED("tower2.local:7878") }, 421 },
	{ "another port", PAGE, { .method = "GET", .is_lan = true, NAMED("192.168.1.20:80") }, 421 },
	{ "the network's name on loopback", PAGE, { .method = "GET", NAMED("192.168.1.20:7878") }, 421 },
	/* unix socket */
	{ "unix socket", GET_OWNER, { .is_unix = true, .method = "GET", NAMED("anything") }, 0 },
	{ "unix socket with an Origin", GET_OWNER, { .is_unix = true, .method = "GET", FROM("http://evil.test") }, 0 },
	{ "unix socket with a wrong type", POST_JSON, { .is_unix = true, .method = "POST", .content_type = "text/plain" }, 415 },
	{ "unix route on the socket", UNIX_ONLY, { .is_unix = true, .method = "POST" }, 0 },
	{ "unix route with a session", UNIX_ONLY, { .method = "POST", HOST, OURS }, 403 },
	{ "unix route without a session", UNIX_ONLY, { .method = "POST", HOST }, 401 },
};

static void each_row_of_the_table_gets_its_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err err = { 0 };
		int64_t id;
		int status = gate_check(&config, &rules[rows[i].rule], &rows[i].h, &id, &err);
		if (status != rows[i].status)
			fail_msg("%s: %d, not %d", rows[i].what, status, rows[i].status);
		assert_int_equal(status != 0, err.code != ERR_OK);
	}
}

/* What raters and viewers may is a closed list: a route that is added is the owner's, or the test is told. */
static void every_route_declares_who_may(void **state)
{
	(void)state;
	size_t n;
	const struct route *table = route_table(&n);
	for (size_t i = 0; i < n; i++) {
		bool is_post = !strcmp(table[i].method, "POST");
		bool login = is_post && !strcmp(table[i].path, "/session"), joins = is_post && !strcmp(table[i].path, "/rating/session");
		bool opens = is_post && !strcmp(table[i].path, "/viewing/session");
		bool sees = !strcmp(table[i].path, "/viewing") || !strcmp(table[i].path, "/viewing/questions");
		bool rates = !strcmp(table[i].path, "/rating") || !strcmp(table[i].path, "/rating/questions/{id}");
		assert_int_equal(table[i].rule.role == GATE_LOCAL, login);
		assert_int_equal(table[i].rule.role == GATE_PUBLIC, joins || opens);
		assert_int_equal(table[i].rule.role == GATE_RATER, rates);
		assert_int_equal(table[i].rule.role == GATE_VIEWER, sees);
		assert_true(!sees || !strcmp(table[i].method, "GET"));
		assert_false(table[i].rule.is_page);
	}
}

static void a_path_finds_its_route_and_its_number(void **state)
{
	(void)state;
	const struct route *route;
	const char *upload;
	char allow[128];
	int64_t id;
	assert_int_equal(route_find("GET", "/runs/12/questions", &route, &id, &upload, allow), ROUTE_FOUND);
	assert_int_equal(id, 12);
	assert_int_equal(route_find("PUT", "/runs/12", &route, &id, &upload, allow), ROUTE_WRONG_METHOD);
	assert_string_equal(allow, "GET, PATCH, DELETE");
	static const char *const unknown[] = { "/runs/0", "/runs/-1", "/runs/1x", "/runs/", "/runs/1/", "//runs", "/", "",
					       "/runs/99999999999999999999", "/uploads/../x", "/uploads/ABC" };
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		assert_int_equal(route_find("GET", unknown[i], &route, &id, &upload, allow), ROUTE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table_gets_its_status),
		cmocka_unit_test(every_route_declares_who_may),
		cmocka_unit_test(a_path_finds_its_route_and_its_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
