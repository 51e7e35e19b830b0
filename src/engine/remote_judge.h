/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_judge - a judge model at a provider: one request for each prompt, as many at once as the provider takes.
 *
 * Servers are asked for the likeliest tokens of the first place; where they tell none, or these are no label, the reply in
 * words is read.  What one server refuses to know (how many tokens, thinking) is left away step by step, until one takes it.
 * A request that fails for a reason that may pass, or whose reply is none, is sent again (6 tries, full jitter, Retry-After); a
 * failure that stays ends the judge.  A prompt that is refused where others were taken reads as no answer.  Thread: loop. */
#ifndef ASSAY_ENGINE_REMOTE_JUDGE_H
#define ASSAY_ENGINE_REMOTE_JUDGE_H

#include "engine/remote.h"
#include "judge/opinion.h"

struct remote_judge;

struct remote_judge_events {
	void (*read)(void *user, size_t index, struct reading reading, bool in_words);
	/* All that was asked is read. */
	void (*idle)(void *user);
	/* It cannot be asked (any more); nothing follows. */
	void (*failed)(void *user, const struct err *cause);
};

struct remote_judge_options {
	struct loop *loop;
	struct http_client *http_client;
	const struct remote *remote; /* borrowed as long as the judge lives */
	const char *model;	     /* its name there; the same */
	bool quick_retries;	     /* tests: no backoff */
};

/* Never NULL. */
struct remote_judge *remote_judge_new(const struct remote_judge_options *options, const struct remote_judge_events *events, void *user);
/* Breaks off what is under way; safe in every callback.  NULL is fine. */
void remote_judge_free(struct remote_judge *j);

/* Asks; `index` names the prompt.  Texts are copied. */
void remote_judge_ask(struct remote_judge *j, size_t index, struct str system, struct str user);

/* The provider and its key of a model's row; in the arena.  Thread: reader or work (reads the secrets' file). */
MUST_USE const struct remote *remote_judge_provider(struct db *db, const char *data_dir, struct arena *a, int64_t provider_id,
						    struct err *err);

/* What a reply says: for tests. */
bool remote_judge_read(const struct remote *remote, const json_t *reply, struct reading *out, bool *in_words);

#endif
