/* SPDX-License-Identifier: Apache-2.0
 *
 * template_preset - chat templates of families that many models share, for a model that has none, or the wrong one.
 *
 * Plain forms of each family: roles and contents, no tools and no dates.  Pure.  Thread: any. */
#ifndef ASSAY_MODEL_TEMPLATE_PRESET_H
#define ASSAY_MODEL_TEMPLATE_PRESET_H

#include <stddef.h>

struct template_preset {
	const char *name; /* "chatml" */
	const char *jinja;
};

/* NULL behind the last one. */
const struct template_preset *template_preset_at(size_t i);
/* By its name; NULL: there is none. */
const struct template_preset *template_preset_find(const char *name);
/* The family that a template in another language (Ollama's) is of; NULL: not known, or it has marks that the family does not have. */
const struct template_preset *template_preset_recognize(const char *text);

#endif
