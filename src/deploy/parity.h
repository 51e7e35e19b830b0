/* SPDX-License-Identifier: Apache-2.0
 *
 * parity - does the model that was brought elsewhere still get the same prompt and give the same answer?  Compared byte for
 * byte, told in characters, explained in a sentence.  Pure.  Thread: any. */
#ifndef ASSAY_DEPLOY_PARITY_H
#define ASSAY_DEPLOY_PARITY_H

#include "base/buf.h"
#include "base/json.h"
#include "base/msg.h"

enum parity_state { PARITY_UNCHECKED, PARITY_SAME, PARITY_SIMILAR, PARITY_DIFFERENT };

/* Texts are borrowed; NULL: not known. */
struct parity {
	const char *version;                          /* of the other program */
	const char *our_prompt, *their_prompt;
	const char *question, *our_answer, *their_answer;
	struct err problem;                           /* why something is not known */
};

/* Number of the first character (code point) that differs, -1 where both are equal. */
int64_t text_first_difference(const char *a, const char *b);
/* The prompt without the text of a beginning-of-sequence token, which programs add as text or as a token. */
const char *prompt_skip_bos(const char *prompt);

enum parity_state parity_judge(const struct parity *p);

/* As it is stored: {state, ollama_version, template, answer, problem}.  A new reference. */
json_t *parity_json(const struct parity *p);
/* Writes what parity_json() made (NULL or "": null) with its explanation in `lang`. */
void parity_view(struct buf *out, enum lang lang, const char *json);

#endif
