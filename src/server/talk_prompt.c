/* SPDX-License-Identifier: Apache-2.0 */
#include "server/talk_prompt.h"

#include "base/limits.h"
#include "model/terms.h"
#include "server/quote.h"
#include "server/workspace_model.h"

#define CONTEXT_UNKNOWN 4096

/* Passages take at most half of the context, a token being two bytes or more in most languages. */
static enum err_code find_passages(struct db *db, struct arena *a, struct talk_prompt *p, struct str question, struct err *err)
{
	struct passage_row *passages;
	struct workspace_model *model;
	struct buf match = BUF_INIT(MIB);
	size_t n = 0;
	terms_match(&match, question);
	if (p->workspace.n_passages > 0 && p->workspace.n_documents > 0 &&
	    document_store_search(db, a, p->workspace.id, buf_text(&match), p->workspace.n_passages, &passages, &n, err) ==
		    ERR_OK &&
	    workspace_models(db, a, &p->workspace, 1, &model, err) == ERR_OK) {
		int64_t context = model->n_ctx_train > 0 ? model->n_ctx_train : CONTEXT_UNKNOWN;
		p->citations = quote_citations(passages, n, (size_t)context);
	}
	buf_release(&match);
	return err->code;
}

static void add_message(struct talk_prompt *p, const char *role, struct str content)
{
	json_array_append_new(p->messages, json_pack("{s:s, s:o}", "role", role, "content", json_text(content)));
}

static void add_question(struct talk_prompt *p, const json_t *citations, struct str question)
{
	struct buf content = BUF_INIT(LIMIT_PROMPT_BYTES);
	quote_prompt(&content, citations, question);
	add_message(p, "user", buf_str(&content));
	buf_release(&content);
}

/* A question and its answer as they were sent then.  One that failed without a word is left out. */
static void add_turn(struct talk_prompt *p, const struct message_row *question, const struct message_row *answer)
{
	if (!answer->text[0])
		return;
	json_t *citations = answer->citations[0] ? json_parse(str_of(answer->citations), "citations", NULL) : NULL;
	add_question(p, citations, str_of(question->text));
	add_message(p, "assistant", str_of(answer->text));
	p->n_left_out = answer->n_left_out;
	json_decref(citations);
}

enum err_code talk_prompt_ask(struct db *db, struct arena *a, struct talk_prompt *out, struct str question, struct err *err)
{
	if (find_passages(db, a, out, question, err) == ERR_OK)
		add_question(out, out->citations, question);
	return err->code;
}

enum err_code talk_prompt_read(struct db *db, struct arena *a, const struct message_row *message, struct talk_prompt *out,
			       struct err *err)
{
	struct chat_row chat;
	struct message_row *rows;
	size_t n;
	*out = (struct talk_prompt){ .messages = json_array() };
	if (chat_store_get(db, a, message->chat_id, &chat, err) != ERR_OK ||
	    workspace_store_get(db, a, chat.workspace_id, &out->workspace, err) != ERR_OK ||
	    chat_store_branch(db, a, message->chat_id, message->parent_id, &rows, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i + 1 < n; i++)
		if (!rows[i].is_answer && rows[i + 1].is_answer)
			add_turn(out, &rows[i], &rows[i + 1]);
	if (n == 0 || rows[n - 1].is_answer)
		return err_set(err, ERR_CONFLICT, "err_message_parent", "field=parent_id");
	return talk_prompt_ask(db, a, out, str_of(rows[n - 1].text), err);
}

void talk_prompt_release(struct talk_prompt *p)
{
	json_decref(p->messages);
	json_decref(p->citations);
	p->messages = p->citations = NULL;
}
