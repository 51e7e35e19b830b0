/* SPDX-License-Identifier: Apache-2.0
 *
 * msg - the sentences of messages/{en,zh-TW}.json, compiled in as a table, with named {placeholders} and, for English,
 * choices by number: "{n} [n|row|rows]" takes the first word where n is 1.
 *
 * Thread: any (the table is constant). */
#ifndef ASSAY_BASE_MSG_H
#define ASSAY_BASE_MSG_H

#include "base/buf.h"
#include "base/err.h"

enum lang { LANG_EN = 0, LANG_ZH_TW = 1, LANG_COUNT };

/* "en", "zh-TW". */
const char *lang_name(enum lang lang);

/* Reads a language tag or an Accept-Language / LANG value ("zh_TW.UTF-8", "zh-Hant", "en-US,en;q=0.9").
 * Anything Chinese that is not marked Simplified is LANG_ZH_TW; what is not known is `fallback`. */
enum lang lang_from_tag(const char *tag, enum lang fallback);

/* The raw sentence with its placeholders, or NULL if there is no such key. */
const char *msg_text(enum lang lang, const char *key);

/* Appends the sentence with {name} and [name|one|many] replaced from `args` ("name=value" pairs separated by ERR_ARG_SEP).
 * A {reason} that is one of the system's usual ones ("Permission denied") is said in `lang`, and a value "@core_KEY" is the
 * sentence of that key with the same arguments.
 * An unknown key is appended literally, so that nothing is ever silent. */
void msg_render(struct buf *out, enum lang lang, const char *key, const char *args);

/* printf-like form for texts of the program itself; `args` as in err_set(). */
void msg_format(struct buf *out, enum lang lang, const char *key, const char *args, ...) PRINTF_LIKE(4, 5);

/* Appends what went wrong; err_hint() appends what to do, or nothing where the message has no hint. */
void err_message(struct buf *out, enum lang lang, const struct err *err);
void err_hint(struct buf *out, enum lang lang, const struct err *err);

#endif
