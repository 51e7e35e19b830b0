/* SPDX-License-Identifier: Apache-2.0
 *
 * document - a file of a workspace as text, cut into passages of about 800 characters.
 *
 * Passages end at headings, else at the end of a sentence; neighbours share up to 120 characters, so that what stands across
 * a cut is found whole.  Pure; thread: any. */
#ifndef ASSAY_MODEL_DOCUMENT_H
#define ASSAY_MODEL_DOCUMENT_H

#include "base/arena.h"
#include "base/buf.h"

#define PASSAGE_CHARS 800
#define PASSAGE_OVERLAP 120

enum document_format { DOCUMENT_TXT, DOCUMENT_MD, DOCUMENT_HTML };
/* "txt", "md", "html". */
const char *document_format_name(enum document_format f);

/* By the ending of the name; where that says nothing, HTML by its first bytes, else text. */
enum document_format document_format_of(const char *name, struct str text);

/* Appends the text that is searched and shown: line ends become LF, of HTML what a reader sees. */
void document_text(struct buf *out, struct str text, enum document_format format);

struct passage {
	size_t start, length; /* bytes of the text */
	struct str heading;   /* view into the text, empty: none */
};

/* Cuts document_text()'s result.  In the arena. */
struct passage *document_split(struct arena *a, struct str text, enum document_format format, size_t *n);

#endif
