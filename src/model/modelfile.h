/* SPDX-License-Identifier: Apache-2.0
 *
 * modelfile - what a trainer's Modelfile (LLaMA-Factory, Unsloth) says beside its checkpoints.
 *
 * Its TEMPLATE is in the language of Ollama, so it is kept as a text to be recognized and never run.  Pure.  Thread: any. */
#ifndef ASSAY_MODEL_MODELFILE_H
#define ASSAY_MODEL_MODELFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

#define MODELFILE_STOPS_MAX LIMIT_STOPS

/* Numbers that shape an answer. */
enum { MODELFILE_NUMBERS = 6 };
extern const struct modelfile_number {
	const char *name;    /* as Ollama calls it */
	const char *setting; /* as assay does */
	double min, max;
	bool is_whole;
} modelfile_numbers[MODELFILE_NUMBERS];

struct modelfile {
	const char *from;     /* "" where absent, as are the others */
	const char *template; /* Go */
	const char *system;
	const char *stops[MODELFILE_STOPS_MAX];
	size_t n_stops; /* further ones are left out, and those that are too long */
	int64_t num_ctx; /* 0: not said */
	double numbers[MODELFILE_NUMBERS]; /* NAN: not said, or out of what is allowed here (num_predict -1: no end) */
};

/* Reads the text of a Modelfile; `what` names it.  Commands that are unknown are skipped.  ERR_DATA "err_modelfile" (line) where a
 * quotation does not end, "err_modelfile_nothing" where it says nothing of use.  The result belongs to the arena. */
MUST_USE enum err_code modelfile_parse(struct arena *a, struct str text, const char *what, struct modelfile *out, struct err *err);

#endif
