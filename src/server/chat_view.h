/* SPDX-License-Identifier: Apache-2.0
 *
 * chat_view - workspaces, chats, documents and keys as the JSON of docs/openapi.yaml.  Each function appends one value.
 * Pure.  Thread: any. */
#ifndef ASSAY_SERVER_CHAT_VIEW_H
#define ASSAY_SERVER_CHAT_VIEW_H

#include "base/msg.h"
#include "store/api_key_store.h"
#include "store/chat_store.h"
#include "store/document_store.h"
#include "store/workspace_store.h"

/* What the model of a workspace is called; the caller fills it from model_column_name(). */
struct workspace_model {
	const char *label;
	double epoch;        /* NAN: none */
	int64_t n_ctx_train; /* 0: unknown */
};
void view_workspace(struct buf *b, const struct workspace_row *w, const struct workspace_model *model);

/* What only the one who answers knows of an answer that is being written. */
struct message_live {
	struct str text, thinking;
	const char *phase;   /* "waiting", "validation", "loading", "reading", "answering" */
	double progress;     /* of loading and reading, 0..1 */
};
/* `live` NULL: none. */
void view_message(struct buf *b, enum lang lang, const struct message_row *m, const struct message_live *live);
/* Fields of a chat without its messages; the caller closes the object. */
void view_chat_open(struct buf *b, const struct chat_row *c);

void view_document(struct buf *b, const struct document_row *d);
/* With its text and passages; their offsets become UTF-16 units. */
void view_document_text(struct buf *b, const struct document_row *d, const struct passage_row *passages, size_t n);
/* A passage that was found, as a citation with rank `at`; `name` as in json_open(). */
void view_citation(struct buf *b, const char *name, const struct passage_row *p, size_t at, bool is_used);

/* `key` NULL: only its last characters. */
void view_api_key(struct buf *b, const struct api_key_row *row, const char *key);

#endif
