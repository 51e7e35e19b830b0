/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/ending.h"

#include <string.h>

static void add_stop(struct ending *e, const struct loaded *m, const json_t *stop)
{
	struct str text = { json_string_value(stop), json_string_length(stop) };
	llama_token id;

	buf_add(&e->rules.stops, text.ptr, text.len + 1);
	if (shim_tokenize(m->vocab, text, &id, 1, false, true) == 1 && llama_vocab_is_control(m->vocab, id))
		e->shown[e->n_shown++] = id;
}

enum err_code ending_open(struct ending *out, const struct column *column, const struct loaded *m, const json_t *request,
			  struct err *err)
{
	const json_t *stops = json_get_array(request, "stop", err), *stop;
	size_t i;

	*out = (struct ending){ .rules = column->rules, .n_shown = column->n_tag_tokens };
	memcpy(out->shown, column->tag_tokens, sizeof column->tag_tokens);
	out->rules.stops = BUF_INIT(64 * KIB);
	buf_add_str(&out->rules.stops, buf_str(&column->rules.stops));
	if (json_array_size(stops) > LIMIT_STOPS)
		return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "stop");
	json_array_foreach(stops, i, stop) {
		/* Lists end at NUL, and an empty text would end everything. */
		if (!json_is_string(stop) || json_string_length(stop) == 0 || json_string_length(stop) != strlen(json_string_value(stop)))
			return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "stop");
		add_stop(out, m, stop);
	}
	return err->code;
}

void ending_release(struct ending *e)
{
	buf_release(&e->rules.stops);
}

bool ending_shows(const struct ending *e, llama_token token)
{
	for (int i = 0; i < e->n_shown; i++)
		if (e->shown[i] == token)
			return true;
	return false;
}
