/* SPDX-License-Identifier: Apache-2.0
 *
 * chat - one turn of a conversation with a model, between the groups of a validation that may be running.
 *
 * Turns wait in a line; one computes at a time.  On the base model that a running validation uses, a turn takes its place
 * between two groups; on another one the worker is switched when the groups under way are answered, and the validation
 * answers at least one group before the next turn may switch again.  Answers of the validation do not change.
 * Thread: loop, everything. */
#ifndef ASSAY_ENGINE_CHAT_H
#define ASSAY_ENGINE_CHAT_H

#include "base/json.h"
#include "engine/engine.h"

struct chat_request {
	int64_t chat_id;  /* whose state the worker keeps for the next turn; 0: none */
	int64_t model_id;
	struct gen_params params; /* texts are copied */
	int64_t seed;
	json_t *messages; /* [{"role", "content"}...]; a reference is taken */
	json_t *stops;    /* texts that end the answer, NULL: none; a reference is taken */
	int64_t n_left_out; /* messages that the turn before left out */
};

enum chat_phase {
	CHAT_WAITING,    /* another answer is being written */
	CHAT_VALIDATION, /* a validation has the machine */
	CHAT_CREATION,   /* a file is being made */
	CHAT_LOADING,    /* the model loads */
	CHAT_READING,    /* the prompt is being computed */
	CHAT_ANSWERING,
};
/* "waiting", "validation", ... */
const char *chat_phase_name(enum chat_phase p);

struct chat_answer {
	const char *text, *thinking;
	bool is_stopped;          /* by chat_turn_stop(); text is what there was */
	enum finish_reason finish;
	int64_t n_prompt, n_reused, n_generated, n_left_out, n_max;
	int64_t prompt_us, total_us;
};

struct chat_events {
	/* Something else is happening now; `progress` (0..1) of loading and reading. */
	void (*phase)(void *user, enum chat_phase phase, double progress);
	/* Continues the answer's thinking or its text as the model writes it. */
	void (*text)(void *user, struct str text, bool is_thinking);
	/* The end, once; the turn is gone then.  Either `answer` (borrowed) or, where it is NULL, `err` says why there is none. */
	void (*done)(void *user, const struct chat_answer *answer, const struct err *err);
};

struct chat_turn;

/* Puts a turn into the line.  Events come from the loop, never from inside this call. */
struct chat_turn *engine_chat(struct engine *e, const struct chat_request *request, const struct chat_events *events,
			      void *user);
/* Ends it soon: done() follows with what there is, perhaps before this returns. */
void chat_turn_stop(struct chat_turn *t);

#endif
