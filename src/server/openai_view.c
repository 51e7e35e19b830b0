/* SPDX-License-Identifier: Apache-2.0 */
#include "server/openai_view.h"

#include "base/limits.h"
#include "server/json_view.h"

static const char *type_of(int status)
{
	return status >= 500 ? "server_error" : status == 401 || status == 403 ? "authentication_error" : "invalid_request_error";
}

static const char *code_of(int status, const struct err *err)
{
	if (status == 401)
		return "invalid_api_key";
	if (!strcmp(err->key, "err_openai_model"))
		return "model_not_found";
	if (!strcmp(err->key, "err_prompt_tokens"))
		return "context_length_exceeded";
	return err_code_name(err->code);
}

void openai_view_error(struct buf *out, enum lang lang, int status, const struct err *err)
{
	struct buf text = BUF_INIT(16 * KIB), hint = BUF_INIT(8 * KIB);
	char field[256];
	err_message(&text, lang, err);
	err_hint(&hint, lang, err);
	if (hint.len) {
		buf_add_char(&text, ' ');
		buf_add_str(&text, buf_str(&hint));
	}
	json_open(out, NULL, '{');
	json_open(out, "error", '{');
	json_str(out, "message", buf_str(&text));
	json_cstr(out, "type", type_of(status));
	if (err_arg(err, "field", field, sizeof field))
		json_cstr(out, "param", field);
	else
		json_id(out, "param", 0); /* null */
	json_cstr(out, "code", code_of(status, err));
	json_close(out, '}');
	json_close(out, '}');
	buf_release(&text);
	buf_release(&hint);
}

static const char *finish_of(const struct chat_answer *a)
{
	return a->finish == FINISH_LENGTH ? "length" : "stop";
}

static void open_object(struct buf *out, const struct openai_head *head, const char *object)
{
	json_open(out, NULL, '{');
	json_cstr(out, "id", head->id);
	json_cstr(out, "object", object);
	json_int(out, "created", head->created_s);
	json_cstr(out, "model", head->model);
	json_cstr(out, "system_fingerprint", "assay-" ASSAY_VERSION);
}

static void usage(struct buf *out, const struct chat_answer *a)
{
	json_open(out, "usage", '{');
	json_int(out, "prompt_tokens", a->n_prompt);
	json_int(out, "completion_tokens", a->n_generated);
	json_int(out, "total_tokens", a->n_prompt + a->n_generated);
	json_open(out, "prompt_tokens_details", '{');
	json_int(out, "cached_tokens", a->n_reused);
	json_close(out, '}');
	json_close(out, '}');
}

/* What OpenAI has no word for. */
static void left_out(struct buf *out, const struct chat_answer *a)
{
	json_open(out, "assay", '{');
	json_int(out, "n_left_out", a->n_left_out);
	json_int(out, "n_max", a->n_max);
	json_close(out, '}');
}

void openai_view_answer(struct buf *out, const struct openai_head *head, const struct chat_answer *a)
{
	open_object(out, head, "chat.completion");
	json_open(out, "choices", '[');
	json_open(out, NULL, '{');
	json_int(out, "index", 0);
	json_open(out, "message", '{');
	json_cstr(out, "role", "assistant");
	json_cstr(out, "content", a->text);
	if (a->thinking[0])
		json_cstr(out, "reasoning_content", a->thinking);
	json_close(out, '}');
	json_id(out, "logprobs", 0); /* null */
	json_cstr(out, "finish_reason", finish_of(a));
	json_close(out, '}');
	json_close(out, ']');
	usage(out, a);
	left_out(out, a);
	json_close(out, '}');
}

/* --- streams --- */

/* `name` of what goes on, NULL: nothing, and `text` says how it ended. */
static void chunk(struct buf *out, const struct openai_head *head, bool is_first, const char *name, struct str text)
{
	struct buf one = BUF_INIT(LIMIT_ANSWER_BYTES * 7);
	open_object(&one, head, "chat.completion.chunk");
	json_open(&one, "choices", '[');
	json_open(&one, NULL, '{');
	json_int(&one, "index", 0);
	json_open(&one, "delta", '{');
	if (is_first)
		json_cstr(&one, "role", "assistant");
	if (name)
		json_str(&one, name, text);
	json_close(&one, '}');
	json_id(&one, "logprobs", 0); /* null */
	if (!name)
		json_str(&one, "finish_reason", text);
	else
		json_id(&one, "finish_reason", 0); /* null */
	json_close(&one, '}');
	json_close(&one, ']');
	json_close(&one, '}');
	buf_printf(out, "data: %s\n\n", buf_text(&one));
	buf_release(&one);
}

void openai_view_delta(struct buf *out, const struct openai_head *head, bool is_first, struct str text, bool is_thinking)
{
	chunk(out, head, is_first, is_thinking ? "reasoning_content" : "content", text);
}

void openai_view_end(struct buf *out, const struct openai_head *head, const struct chat_answer *a)
{
	chunk(out, head, false, NULL, str_of(finish_of(a)));
}

void openai_view_usage(struct buf *out, const struct openai_head *head, const struct chat_answer *a)
{
	struct buf one = BUF_INIT(64 * KIB);
	open_object(&one, head, "chat.completion.chunk");
	json_open(&one, "choices", '[');
	json_close(&one, ']');
	usage(&one, a);
	left_out(&one, a);
	json_close(&one, '}');
	buf_printf(out, "data: %s\n\n", buf_text(&one));
	buf_release(&one);
}
