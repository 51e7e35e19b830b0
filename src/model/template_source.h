/* SPDX-License-Identifier: Apache-2.0
 *
 * template_source - where the chat template of a model may come from: what its trainer left beside it, and the file itself.
 *
 * Looked for, in this order: the checkpoint's folder and then the run's (chat_template.jinja, chat_template.json,
 * tokenizer_config.json), a Modelfile there, the GGUF.  A template is a program that a stranger wrote: it is read here and never
 * run.  What cannot be read is noted and is no reason to refuse the model.  Thread: work. */
#ifndef ASSAY_MODEL_TEMPLATE_SOURCE_H
#define ASSAY_MODEL_TEMPLATE_SOURCE_H

#include "base/arena.h"
#include "base/err.h"
#include "model/gguf.h"

enum template_origin { TEMPLATE_OF_CHECKPOINT = 1, TEMPLATE_OF_MODELFILE, TEMPLATE_OF_GGUF, TEMPLATE_ORIGINS };

struct modelfile;

struct template_source {
	enum template_origin origin;
	const char *path;    /* of the file it stands in */
	const char *text;    /* Jinja, "": there is none; of a Modelfile: the preset that its TEMPLATE was recognized as */
	const char *preset;  /* of a Modelfile: that preset's name, "" not known */
	const char *system;  /* of a Modelfile, "" none, as are the others */
	const struct modelfile *modelfile; /* NULL: it is none, or could not be read */
	struct err problem; /* why it could not be read; code ERR_OK: it was */
};

struct template_sources {
	struct template_source items[TEMPLATE_ORIGINS];
	size_t n;
};

/* Of a checkpoint's folder; `run` is the folder that it lies in, NULL where that is not one training.  In the arena, never NULL. */
const struct template_sources *template_sources_of_folder(struct arena *a, const char *folder, const char *run);
/* Of a GGUF file that is open, and of a Modelfile beside it that names it. */
const struct template_sources *template_sources_of_gguf(struct arena *a, const struct gguf *g, const char *path);

#endif
