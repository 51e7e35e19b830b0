/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/relay.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/limits.h"
#include "worker/protocol.h"

#define LINE_MAX_BYTES 2000
#define LINES_PER_SECOND 200

static struct {
	pthread_mutex_t lock;
	struct buf waiting;                /* lines, NUL-terminated each */
	char line[LINE_MAX_BYTES];         /* being put together (GGML_LOG_LEVEL_CONT) */
	enum ggml_log_level level;
	char complaint[400];
	int64_t second;
	int sent, dropped;
	relay_tap_fn tap;
	void *tap_user;
} relay = { .lock = PTHREAD_MUTEX_INITIALIZER, .waiting = { .max = 256 * KIB } };

/* "llama_model_load: error loading model: X" -> "error loading model: X" */
static const char *without_function(const char *line)
{
	const char *colon = strstr(line, ": ");
	if (!colon || strcspn(line, " \t") < (size_t)(colon - line))
		return line;
	return colon + 2;
}

static void finish_line(void)
{
	if (!relay.line[0])
		return;
	if (relay.level == GGML_LOG_LEVEL_ERROR && !relay.complaint[0])
		snprintf(relay.complaint, sizeof(relay.complaint), "%s", without_function(relay.line));
	int64_t second = clock_mono_us() / 1000000;
	if (second != relay.second) {
		if (relay.dropped > 0)
			buf_printf(&relay.waiting, "(%d log lines left out)%c", relay.dropped, 0);
		relay.second = second;
		relay.sent = relay.dropped = 0;
	}
	if (relay.sent++ < LINES_PER_SECOND)
		buf_add(&relay.waiting, relay.line, strlen(relay.line) + 1);
	else
		relay.dropped++;
	relay.line[0] = 0;
}

void relay_log(enum ggml_log_level level, const char *text, void *user)
{
	(void)user;
	if (level == GGML_LOG_LEVEL_DEBUG || level == GGML_LOG_LEVEL_NONE)
		return;
	pthread_mutex_lock(&relay.lock);
	if (level != GGML_LOG_LEVEL_CONT) {
		finish_line();
		relay.level = level;
	}
	if (relay.tap)
		relay.tap(relay.tap_user, text);
	bool relayed = !relay.tap || relay.level == GGML_LOG_LEVEL_ERROR;
	for (const char *p = text; *p && relayed; p++) {
		size_t len = strlen(relay.line);
		if (*p == '\n') {
			finish_line();
		} else if (len + 1 < sizeof(relay.line) && (unsigned char)*p >= ' ') {
			relay.line[len] = *p;
			relay.line[len + 1] = 0;
		}
	}
	pthread_mutex_unlock(&relay.lock);
}

void relay_tap(relay_tap_fn tap, void *user)
{
	pthread_mutex_lock(&relay.lock);
	relay.tap = tap;
	relay.tap_user = user;
	pthread_mutex_unlock(&relay.lock);
}

void relay_send(struct link *l)
{
	pthread_mutex_lock(&relay.lock);
	struct buf lines = relay.waiting;
	relay.waiting = BUF_INIT(lines.max);
	pthread_mutex_unlock(&relay.lock);
	for (size_t at = 0; at < lines.len;) {
		struct str line = str_of(lines.ptr + at);
		link_send(l, MSG_LOG, 0, line);
		at += line.len + 1;
	}
	buf_release(&lines);
	link_flush(l);
}

void relay_reset(void)
{
	pthread_mutex_lock(&relay.lock);
	relay.complaint[0] = 0;
	pthread_mutex_unlock(&relay.lock);
}

const char *relay_complaint(void)
{
	return relay.complaint;
}
