/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint_name - what the names of files and folders say: epoch, step, family.  Pure.  Thread: any. */
#ifndef ASSAY_MODEL_CHECKPOINT_NAME_H
#define ASSAY_MODEL_CHECKPOINT_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct checkpoint_name {
	int64_t epoch;	  /* -1 if the name has none */
	int64_t step;	  /* -1 if the name has none */
	bool loop_index;  /* exactly "epoch_<n>", which torchtune counts from 0 */
	const char *stem; /* the name without the mark and the separators around it; may be "" */
};

/* Reads "checkpoint-48", "epoch_3", "kestrel-epoch-2", "run.ep4.lora", "step_100".  False if there is no such
 * mark. */
bool checkpoint_name_parse(struct arena *a, const char *name, struct checkpoint_name *out);

/* Names that say nothing about what was trained ("output", "checkpoints", "lora",
 * "train_2026-05-01-10-00-00"). */
bool checkpoint_name_generic(const char *name);

/* The name for a family in folder `path`: its last part that is not generic, else the last part. */
const char *checkpoint_family_name(struct arena *a, const char *path);

/* Like strcmp(), but runs of digits compare as numbers: "checkpoint-200" < "checkpoint-1000". */
int natural_compare(const char *a, const char *b);

/* How an epoch is shown: "4" within 0.05 of a whole number, else one decimal ("2.5"), "" if unknown. */
void epoch_label(double epoch, char out[32]);

#endif
