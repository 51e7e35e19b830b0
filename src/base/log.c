/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define KEPT_LINES 500
#define LINE_MAX_BYTES 2048
#define RAW_MAX 8192
#define SECRET_MIN 4 /* shorter ones would blank out ordinary words */
#define KEY_MIN 8    /* token characters after "sk-" before it counts as a key */
#define HIDDEN "[hidden]"

static atomic_int level_shown = LOG_INFO;
static atomic_bool quiet_mode;

/* Only ever grows, so that readers need no lock. */
struct secret {
	struct secret *next;
	size_t len;
	char text[];
};
static _Atomic(struct secret *) secrets;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *ring[KEPT_LINES];
static size_t ring_next;

void log_set_level(enum log_level level)
{
	atomic_store(&level_shown, (int)level);
}

void log_set_quiet(bool quiet)
{
	atomic_store(&quiet_mode, quiet);
}

void log_add_secret(const char *secret)
{
	size_t len = secret ? strlen(secret) : 0;
	if (len < SECRET_MIN)
		return;
	for (const struct secret *s = atomic_load(&secrets); s; s = s->next)
		if (s->len == len && memcmp(s->text, secret, len) == 0)
			return;
	struct secret *s = mem_alloc(sizeof *s + len + 1);
	s->len = len;
	memcpy(s->text, secret, len);
	s->next = atomic_load(&secrets);
	while (!atomic_compare_exchange_weak(&secrets, &s->next, s))
		;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What a bearer token is made of (RFC 6750, section 2.1). */
static bool is_token_char(char c)
{
	return is_word_char(c) || (c && strchr(".~+/=", c));
}

static size_t token_length(const char *text)
{
	size_t n = 0;
	while (is_token_char(text[n]))
		n++;
	return n;
}

/* How many bytes at `text` are secret; `*keep` of them may be shown before the replacement. */
static size_t secret_length(const char *text, bool word_start, size_t *keep)
{
	*keep = 0;
	for (const struct secret *s = atomic_load(&secrets); s; s = s->next)
		if (strncmp(text, s->text, s->len) == 0)
			return s->len;
	if (strncasecmp(text, "bearer ", 7) == 0) {
		size_t spaces = strspn(text + 6, " ");
		size_t token = token_length(text + 6 + spaces);
		*keep = 6 + spaces;
		return token ? *keep + token : 0;
	}
	if (word_start && strncmp(text, "sk-", 3) == 0) {
		size_t token = token_length(text + 3);
		return token >= KEY_MIN ? 3 + token : 0;
	}
	return 0;
}

/* Copies `text` with what is secret replaced; stops when `out` is full. */
static size_t redact(char *out, size_t out_size, const char *text)
{
	size_t len = 0;
	bool word_start = true;
	while (*text && len + sizeof HIDDEN + 16 < out_size) {
		size_t keep = 0;
		size_t hidden = secret_length(text, word_start, &keep);
		if (!hidden) {
			word_start = !is_word_char(*text);
			out[len++] = *text++;
			continue;
		}
		keep = keep < 8 ? keep : 7;
		memcpy(out + len, text, keep);
		memcpy(out + len + keep, HIDDEN, sizeof HIDDEN - 1);
		len += keep + sizeof HIDDEN - 1;
		text += hidden;
		word_start = false;
	}
	len = utf8_whole((struct str){ out, len });
	out[len] = '\0';
	return len;
}

static void keep_line(const char *line, size_t len)
{
	char *copy = mem_copy(line, len + 1);
	pthread_mutex_lock(&lock);
	char *old = ring[ring_next];
	ring[ring_next] = copy;
	ring_next = (ring_next + 1) % KEPT_LINES;
	pthread_mutex_unlock(&lock);
	mem_free(old);
}

static void write_all(const char *line, size_t len)
{
	while (len) {
		ssize_t done = write(STDERR_FILENO, line, len);
		if (done <= 0)
			return; /* nobody reads it: nowhere to say so */
		line += done;
		len -= (size_t)done;
	}
}

void log_write(enum log_level level, const char *part, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warn ", "info ", "debug" };
	if ((int)level > atomic_load(&level_shown))
		return;
	char time[32], raw[RAW_MAX], line[LINE_MAX_BYTES];
	clock_format_utc(clock_wall_ms(), time);
	int head = snprintf(raw, sizeof raw, "%s %s %.64s: ", time, names[level], part);
	va_list list;
	va_start(list, fmt);
	int body = vsnprintf(raw + head, sizeof raw - (size_t)head, fmt, list);
	va_end(list);
	if (body < 0)
		raw[head] = '\0';
	/* The last word of a cut line may be the first half of a secret. */
	char *space = body >= (int)sizeof raw - head ? strrchr(raw, ' ') : NULL;
	if (space)
		*space = '\0';
	utf8_clean(raw, strlen(raw), 0);
	size_t len = redact(line, sizeof line, raw);
	line[len++] = '\n';
	line[len] = '\0';
	keep_line(line, len);
	if (!atomic_load(&quiet_mode))
		write_all(line, len);
}

void log_recent(struct buf *out)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < KEPT_LINES; i++) {
		const char *line = ring[(ring_next + i) % KEPT_LINES];
		if (line)
			buf_add_text(out, line);
	}
	pthread_mutex_unlock(&lock);
}
