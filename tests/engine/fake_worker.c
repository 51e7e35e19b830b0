/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_worker - speaks worker/protocol.h without a model, and breaks at a chosen place.
 *
 * It reads the file "script" beside its own program, one line each:  STARTS PHASE ACTION [ARGUMENT]
 *   STARTS  "*" or how many times it was started before (0: the first process)
 *   PHASE   ready, load, calibrate, adapter, render, group, chat, said (in a chat, after some text), or cellN (after N answers of this process)
 *   ACTION  signal N | exit N | hang | stop | close | garbage | long | unknown | stream | badjson | failed | cancelled | number |
 *           twice | stranger | silent | unfinished | sandbox | version | drift | slow MS | await (until it is cancelled)
 * "* kv large": each token takes 4 GiB of KV.
 * Answers follow from question and seed alone, those to later turns also from what was said before.  What holds the word "refuse" is
 * not answered, and "moody" not by the first process.  It appends "start", "group CELLS", "drafts" and "answer CELL" lines to the file "record". */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/fs.h"
#include "worker/protocol.h"

static char *folder, *script;
static int n_starts, n_answers;
static uint32_t stream;
static bool cancelled[4096]; /* by stream */
static struct frame_reader *reader;

static void record(const char *text)
{
	char *path = fs_join(folder, "record");
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(99);
	close(fd);
	mem_free(path);
}

static int count_starts(void)
{
	struct buf text = BUF_INIT(64 * MIB);
	char *path = fs_join(folder, "record");
	int n = 0;

	if (fs_read(path, &text, NULL) == ERR_OK) {
		for (struct str rest = buf_str(&text); rest.len > 0;)
			n += str_eq_text(str_split(&rest, '\n'), "start");
	}
	mem_free(path);
	buf_release(&text);
	return n;
}

/* The action of the script at this place ("" for none) and its argument. */
static const char *action(const char *phase, int64_t *argument)
{
	static char found[32];
	uint64_t starts;

	*argument = 0;
	for (struct str rest = str_of(script); rest.len > 0;) {
		struct str line = str_split(&rest, '\n'), when = str_split(&line, ' '), where = str_split(&line, ' ');
		if (!str_eq_text(where, phase) || !(str_eq_text(when, "*") || (str_to_u64(when, &starts) && (int)starts == n_starts)))
			continue;
		struct str what = str_split(&line, ' ');
		str_format(found, sizeof found, "%.*s", (int)what.len, what.ptr);
		(void)!str_to_i64(line, argument);
		return found;
	}
	return "";
}

static void send_bytes(const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(WORKER_SOCKET_FD, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			_exit(0);
		at += n;
		len -= (size_t)n;
	}
}

static void send_raw(uint8_t kind, uint32_t to, struct str body)
{
	struct buf out = BUF_INIT(LIMIT_FRAME + 64);

	frame_write(&out, kind, to, body);
	send_bytes(out.ptr, out.len);
	buf_release(&out);
}

static void send_json(uint8_t kind, uint32_t to, json_t *body)
{
	struct buf text = BUF_INIT(LIMIT_FRAME);

	json_write(&text, body);
	json_decref(body);
	send_raw(kind, to, buf_str(&text));
	buf_release(&text);
}

static json_t *failure(const char *code, const char *key)
{
	return json_pack("{s:s, s:s, s:s}", "code", code, "key", key, "args", "reason=made up");
}

static void hang(void)
{
	for (;;)
		pause();
}

static bool receive(bool wait);
static void collect(void);
static bool is_cancelled(void);

/* Breaks where the script says so; true where the usual answer is to be left out. */
static bool misbehave(const char *phase)
{
	int64_t n;
	const char *a = action(phase, &n);

	if (!strcmp(a, "signal")) {
		send_raw(MSG_LOG, 0, STR("GGML_ASSERT(false) failed"));
		signal((int)n, SIG_DFL);
		raise((int)n);
	} else if (!strcmp(a, "exit")) {
		send_raw(MSG_LOG, 0, STR("giving up"));
		_exit((int)n);
	} else if (!strcmp(a, "hang")) {
		hang();
	} else if (!strcmp(a, "stop")) {
		raise(SIGSTOP);
	} else if (!strcmp(a, "close")) {
		close(WORKER_SOCKET_FD);
		hang();
	} else if (!strcmp(a, "garbage")) {
		for (int i = 0; i < 64; i++)
			send_bytes("\xff\xfe\xfd\xfc\xfb\xfa", 6);
	} else if (!strcmp(a, "long")) {
		send_bytes("\xff\xff\xff\x7f\x42\x01\x00\x00\x00", 9);
	} else if (!strcmp(a, "unknown")) {
		send_json(200, stream, json_object());
	} else if (!strcmp(a, "stream")) {
		send_json(MSG_OK, 4711, json_object());
	} else if (!strcmp(a, "badjson")) {
		send_raw(MSG_OK, stream, STR("{\"a\":"));
	} else if (!strcmp(a, "failed")) {
		send_json(MSG_FAILED, stream, failure("data", "err_model_load"));
	} else if (!strcmp(a, "cancelled")) {
		send_json(MSG_FAILED, stream, failure("cancelled", "err_cancelled"));
	} else if (!strcmp(a, "stranger")) {
		send_json(MSG_CELL_FAILED, stream, failure("data", "err_logits"));
	} else if (!strcmp(a, "silent")) {
		return true;
	} else if (!strcmp(a, "await")) {
		while (!is_cancelled()) {
			receive(true);
			collect();
		}
		return false;
	} else {
		return false;
	}
	return true;
}

/* --- in --- */

/* Waits for bytes (or only looks), and serves what came. */
static bool receive(bool wait)
{
	static char chunk[64 * KIB];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control;
	struct iovec iov = { chunk, sizeof chunk };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof control.bytes };
	ssize_t n = recvmsg(WORKER_SOCKET_FD, &msg, (wait ? 0 : MSG_DONTWAIT) | MSG_CMSG_CLOEXEC);

	if (n == 0 || (n < 0 && wait))
		_exit(0);
	if (n < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		int fd;
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
		if (fcntl(fd, F_GETFL) < 0)
			_exit(98);
		close(fd);
	}
	frame_reader_feed(reader, chunk, (size_t)n);
	return true;
}

struct request {
	uint8_t kind;
	uint32_t stream;
	json_t *body;
	struct request *next;
};
static struct request *queue;

static void collect(void)
{
	struct frame f;
	bool got = true;

	while (frame_reader_next(reader, &f, &got, NULL) == ERR_OK && got) {
		struct request *r, **at = &queue;
		if (f.kind == REQ_CANCEL) {
			cancelled[f.stream % 4096] = true;
			while (*at && (*at)->stream != f.stream)
				at = &(*at)->next;
			if ((r = *at)) { /* as worker/link.c does: what waits need not be served first */
				*at = r->next;
				json_decref(r->body);
				mem_free(r);
				send_json(MSG_FAILED, f.stream, failure("cancelled", "err_cancelled"));
			}
			continue;
		}
		r = mem_alloc(sizeof *r);
		*r = (struct request){ f.kind, f.stream, json_parse_python(f.body, "frame", NULL), NULL };
		while (*at)
			at = &(*at)->next;
		*at = r;
	}
}

static bool is_cancelled(void)
{
	if (receive(false))
		collect();
	return cancelled[stream % 4096];
}

/* --- answers --- */

#define THINKING "thought about it"

static void send_text(int64_t cell, bool is_thinking, const char *text, size_t len)
{
	struct buf piece = BUF_INIT(MIB);

	buf_add_u64le(&piece, (uint64_t)cell);
	buf_add_char(&piece, (char)is_thinking);
	buf_add(&piece, text, len);
	send_raw(MSG_TEXT, stream, buf_str(&piece));
	buf_release(&piece);
}

static void answer(int64_t cell, const char *question, int64_t seed)
{
	char *text = mem_printf("%s|%lld", question, (long long)seed), line[64];
	json_t *tokens = json_array();
	int64_t n;
	char phase[32];

	if (strlen(text) > 512 * KIB)
		text[512 * KIB] = 0;
	for (const char *p = text; *p && p < text + LIMIT_MAX_TOKENS; p++)
		json_array_append_new(tokens, json_integer((unsigned char)*p));
	if (!strcmp(action("answer", &n), "drift"))
		json_array_append_new(tokens, json_integer(n_starts));
	send_text(cell, true, THINKING, 3);
	send_text(cell, true, THINKING + 3, sizeof THINKING - 4);
	send_text(cell, false, text, 4);
	str_format(phase, sizeof phase, "cell%d", n_answers);
	if (misbehave(phase))
		return;
	bool number = !strcmp(action(phase, &n), "number"), twice = !strcmp(action(phase, &n), "twice");
	send_text(cell, false, text + 4, strlen(text + 4));
	for (int i = 0; i < (twice ? 2 : 1); i++)
		send_json(MSG_ANSWER, stream,
			  json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:i, s:O, s:i, s:i, s:f}", "cell", (json_int_t)cell, "text",
				    text, "thinking", THINKING, "finish", "stop", "n_prompt", number ? -5 : 7, "n_generated",
				    (int)json_array_size(tokens), "n_thinking", 0, "tokens", tokens, "prompt_us", 10, "total_us",
				    100, "mean_ll", -0.5));
	str_format(line, sizeof line, "answer %lld\n", (long long)cell);
	record(line);
	n_answers++;
	json_decref(tokens);
	mem_free(text);
}

/* What an answer to these messages repeats: the question, and before it what the conversation had. */
static char *words_of(const json_t *messages)
{
	struct buf text = BUF_INIT(LIMIT_FRAME);
	size_t n = json_array_size(messages), i;
	json_t *message;

	json_array_foreach(messages, i, message) {
		const char *role = json_string_value(json_object_get(message, "role"));
		const char *content = json_string_value(json_object_get(message, "content"));
		if (i + 1 < n && !strcmp(role, "system"))
			continue;
		if (i + 1 < n && !content[0])
			_exit(98); /* nobody may be asked like that */
		buf_add_text(&text, content);
		if (i + 1 < n)
			buf_add_text(&text, " > ");
	}
	return buf_take(&text);
}

static void serve_group(const json_t *body)
{
	const json_t *cells = json_object_get(body, "cells"), *item;
	int64_t ms;
	char line[64];
	size_t i;

	str_format(line, sizeof line, "group %zu\n", json_array_size(cells));
	record(line);
	if (json_is_true(json_object_get(body, "drafts")))
		record("drafts\n");
	json_array_foreach(cells, i, item) {
		int64_t cell = json_integer_value(json_object_get(item, "cell"));
		const json_t *messages = json_object_get(item, "messages");
		if (!strcmp(action("answer", &ms), "slow"))
			usleep((useconds_t)ms * 1000);
		if (is_cancelled()) {
			json_t *f = failure("cancelled", "err_cancelled");
			json_object_set_new(f, "cell", json_integer(cell));
			send_json(MSG_CELL_FAILED, stream, f);
			continue;
		}
		char *words = words_of(messages);
		if (strstr(words, "refuse") || (strstr(words, "moody") && n_starts == 0)) {
			json_t *f = failure("limit", "err_cell_too_long");
			json_object_set_new(f, "cell", json_integer(cell));
			send_json(MSG_CELL_FAILED, stream, f);
		} else {
			answer(cell, words, json_integer_value(json_object_get(item, "seed")));
		}
		mem_free(words);
	}
	if (!strcmp(action("end", &ms), "unfinished"))
		return;
	if (cancelled[stream % 4096])
		send_json(MSG_FAILED, stream, failure("cancelled", "err_cancelled"));
	else
		send_json(MSG_OK, stream, json_object());
}

/* A turn of a conversation, the same way: the last question, the seed, and how many messages there were. */
static void serve_chat(const json_t *body)
{
	const json_t *messages = json_object_get(body, "messages");
	const json_t *last = json_array_get(messages, json_array_size(messages) - 1);
	char *text = mem_printf("%s|%lld|%zu", json_string_value(json_object_get(last, "content")),
				(long long)json_integer_value(json_object_get(body, "seed")), json_array_size(messages)), line[64];
	int64_t ms, chat = json_integer_value(json_object_get(body, "chat"));

	send_json(MSG_PROGRESS, stream, json_pack("{s:f}", "fraction", 1.0));
	send_text(chat, true, THINKING, sizeof THINKING - 1);
	send_text(chat, false, text, 4);
	if (misbehave("said"))
		return;
	if (!strcmp(action("said", &ms), "slow"))
		usleep((useconds_t)ms * 1000);
	bool stopped = is_cancelled();
	if (stopped)
		text[4] = 0;
	else
		send_text(chat, false, text + 4, strlen(text + 4));
	send_json(MSG_CHAT, stream,
		  json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "text", text, "thinking", THINKING, "finish",
			    stopped ? "cancelled" : "length", "n_prompt", strcmp(action("chat", &ms), "number") ? 7 : -7, "n_reused", 5,
			    "n_generated", 3, "n_left_out", 2, "n_used", 10, "n_max", 128, "prompt_us", 10, "total_us", 100));
	str_format(line, sizeof line, "chat %lld\n", (long long)chat);
	record(line);
	mem_free(text);
}

static void record_load(const json_t *body)
{
	char *text = mem_printf("load %lld %s\n", (long long)json_integer_value(json_object_get(body, "n_gpu_layers")),
				json_string_value(json_object_get(body, "device")));

	record(text);
	mem_free(text);
}

static void serve(struct request *r)
{
	static const char *const phases[] = { "", "load", "adapter", "calibrate", "group", "render" };
	int64_t n;

	stream = r->stream;
	if (r->kind > REQ_RENDER && r->kind != REQ_CHAT)
		return;
	if (misbehave(r->kind == REQ_CHAT ? "chat" : phases[r->kind]))
		return;
	if (r->kind == REQ_LOAD) {
		record_load(r->body);
		send_json(MSG_PROGRESS, stream, json_pack("{s:f}", "fraction", 0.5));
		send_json(MSG_LOADED, stream,
			  json_pack("{s:I, s:i, s:i, s:s}", "kv_bytes_per_token",
				    (json_int_t)(strcmp(action("kv", &n), "large") ? 64 : 1LL << 32), "size_bytes", 1000, "n_ctx_train",
				    128, "template_hash", "abc"));
	} else if (r->kind == REQ_CALIBRATE) {
		int slots = strcmp(action("calibrate", &n), "number") ? 2 : 4711;
		send_json(MSG_CALIBRATED, stream, json_pack("{s:i, s:[]}", "slots", slots, "rates"));
	} else if (r->kind == REQ_GROUP) {
		serve_group(r->body);
	} else if (r->kind == REQ_CHAT) {
		serve_chat(r->body);
	} else if (r->kind == REQ_RENDER) {
		send_json(MSG_PROMPT, stream, json_pack("{s:s, s:i}", "prompt", "<the prompt>", "n_tokens", 3));
	} else {
		send_json(MSG_OK, stream, json_object());
	}
}

/* "devices" of a machine with a GPU, where the script says so and the arguments allow it. */
static json_t *devices(int argc, char **argv)
{
	int64_t n;
	bool gpu = !strcmp(action("ready", &n), "gpu");

	for (int i = 1; i < argc; i++)
		gpu &= strcmp(argv[i], "--cpu") != 0;
	return gpu ? json_pack("[{s:s, s:s, s:s}]", "id", "CUDA1", "name", "Card", "type", "gpu") : json_array();
}

/* As `assay-worker --self-test`. */
static int self_test(int argc, char **argv)
{
	json_t *report = json_pack("{s:s, s:s, s:b, s:o}", "sandbox", "full", "build", "fake-1", "gpu_backend", 1, "devices",
				   devices(argc, argv));

	json_dumpf(report, stdout, 0);
	json_decref(report);
	return fflush(stdout) == 0 ? 0 : 98;
}

int main(int argc, char **argv)
{
	char self[4096] = { 0 };
	struct buf text = BUF_INIT(MIB);
	int64_t n;

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return 97;
	folder = fs_dirname(self);
	char *path = fs_join(folder, "script");
	if (fs_read(path, &text, NULL) == ERR_OK)
		script = buf_take(&text);
	else
		script = mem_strdup("");
	if (argc > 1 && !strcmp(argv[1], "--self-test"))
		return self_test(argc, argv);
	n_starts = count_starts();
	record("start\n");
	reader = frame_reader_new(LIMIT_FRAME);
	if (!misbehave("ready")) {
		bool open = !strcmp(action("ready", &n), "sandbox"), old = !strcmp(action("ready", &n), "version");
		send_json(MSG_READY, 0,
			  json_pack("{s:i, s:s, s:s, s:s, s:i, s:o}", "version", old ? 99 : WORKER_PROTOCOL_VERSION, "build",
				    "fake-1", "sandbox", open ? "rlimit" : "full", "sandbox_detail", "", "n_threads", 2, "devices", devices(argc, argv)));
	}
	for (;;) {
		receive(true);
		collect();
		for (struct request *r; (r = queue);) {
			queue = r->next;
			serve(r);
			json_decref(r->body);
			mem_free(r);
		}
	}
}
