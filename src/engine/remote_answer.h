/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_answer - one answer of a provider: what is asked in each dialect, and the machine that reads the reply.
 *
 * A server is not trusted: every line is bounded, text is at most what the tokens asked for can be, and an answer without its
 * end ("finish_reason", "done") is incomplete and never taken for an answer.  No I/O.  Thread: one owner. */
#ifndef ASSAY_ENGINE_REMOTE_ANSWER_H
#define ASSAY_ENGINE_REMOTE_ANSWER_H

#include "base/line_reader.h"
#include "engine/remote.h"
#include "model/answer.h"
#include "store/run_store.h"

struct remote_answer;

/* How a kind of server is asked and answers. */
struct provider_dialect {
	const char *path; /* below the provider's address */
	bool has_events;  /* server-sent events; otherwise one JSON object a line */
	/* The body of the request; takes `messages`. */
	json_t *(*body)(const struct remote *remote, const char *model, const struct gen_params *params, json_t *messages,
			int64_t seed);
	/* One JSON object of the reply. */
	void (*read)(struct remote_answer *a, const json_t *object);
};

/* provider_openai.c, provider_ollama.c */
extern const struct provider_dialect dialect_openai, dialect_ollama;
const struct provider_dialect *provider_dialect_of(enum provider_kind kind);

struct remote_answer {
	const struct provider_dialect *dialect;
	const struct remote *remote;
	struct line_reader lines;
	struct event_reader events;
	struct answer said;        /* the text as the server gives it: tags around thinking may be in it */
	struct answer_rules rules; /* of `said` */
	struct buf text, thinking; /* what is certain of them; after the end all that there is */
	enum finish_reason finish; /* FINISH_NONE: its end has not come */
	int64_t n_prompt, n_generated; /* 0: not said */
	struct err err;            /* why it is no answer */
	bool may_retry;            /* the failure may pass by itself */
	/* More of the text or of the thinking; may be NULL. */
	void (*on_text)(void *user, struct str text, bool is_thinking);
	void *user;
};

/* `max_tokens` bounds the text. */
void remote_answer_init(struct remote_answer *a, const struct remote *remote, int64_t max_tokens);
void remote_answer_release(struct remote_answer *a);
/* Bytes of a 2xx reply.  False: nothing more is wanted; a->err says why. */
bool remote_answer_feed(struct remote_answer *a, struct str bytes);
/* Nothing more comes: what was held back as the possible start of a tag is text after all. */
void remote_answer_flush(struct remote_answer *a);
/* The end of a whole reply: ERR_OK for a whole answer, else a->err with the cause. */
MUST_USE enum err_code remote_answer_finish(struct remote_answer *a);

/* --- for the dialects --- */
void remote_answer_text(struct remote_answer *a, const json_t *text);
void remote_answer_thinking(struct remote_answer *a, const json_t *text);
/* The server gave up: `reason` in its own words. */
void remote_answer_refuse(struct remote_answer *a, const char *reason, bool may_retry);
/* A whole number of tokens, 0 for anything else. */
int64_t remote_count(const json_t *object, const char *key);

#endif
