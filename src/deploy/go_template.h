/* SPDX-License-Identifier: Apache-2.0
 *
 * go_template - chat templates in the language of Ollama before 0.30, which does not run the Jinja template of a model.
 *
 * A table of the families whose form is known.  What a model's own template adds (a default system prompt, an empty block of
 * thoughts before the answer) is taken from a prompt that it has really rendered.  Pure.  Thread: any. */
#ifndef ASSAY_DEPLOY_GO_TEMPLATE_H
#define ASSAY_DEPLOY_GO_TEMPLATE_H

#include "base/buf.h"

#define GO_STOPS_MAX 4

struct go_template {
	const char *family;               /* "chatml" */
	const char *marks[2];             /* a Jinja template of this family has them; NULL: one is enough */
	const char *turns;                /* of the Go template: every message */
	const char *header;               /* before the answer */
	const char *stops[GO_STOPS_MAX];  /* what ends an answer; NULL behind the last */
	const char *system_from, *system_to; /* around the system prompt in a rendered prompt; NULL: it is part of a message */
};

/* The family of a Jinja template; NULL: not one that is known. */
const struct go_template *go_template_find(const char *jinja);

/* The system prompt as it stands in `rendered`; ptr NULL where there is none, or the family puts it into a message. */
struct str go_template_system(const struct go_template *t, struct str rendered);

/* Appends the whole template; `rendered` (may be empty) shows what belongs between the header and the answer. */
void go_template_write(const struct go_template *t, struct str rendered, struct buf *out);

/* True if the Jinja text ends with a comment of more than 100 characters: no Ollama takes it for a template it knows, and 0.30
 * or newer runs it as it is. */
bool jinja_is_padded(const char *jinja);

#endif
