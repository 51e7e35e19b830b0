/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/result.h"

#include <string.h>

#include "base/limits.h"
#include "model/checkpoint_name.h"

#define LABEL_MAX (2 * LIMIT_NAME_BYTES)

struct words {
	enum lang lang;
	const json_t *candidates; /* an array */
	bool is_family;           /* an epoch says which one is meant */
};

/* --- what a candidate is called --- */

static bool has_epoch(const json_t *candidate)
{
	return json_is_number(json_object_get(candidate, "epoch"));
}

static const char *label_of(const json_t *candidate)
{
	const char *label = json_string_value(json_object_get(candidate, "label"));
	return label ? label : "";
}

/* All but the base model are epochs of one fine-tune. */
static bool is_family(const json_t *candidates)
{
	const char *label = NULL;
	size_t i;
	json_t *c;

	json_array_foreach(candidates, i, c) {
		if (json_is_true(json_object_get(c, "is_base")))
			continue;
		if (!has_epoch(c) || (label && strcmp(label, label_of(c)) != 0))
			return false;
		label = label_of(c);
	}
	return label != NULL;
}

static void name_candidate(const struct words *w, size_t index, bool begins, struct buf *out)
{
	const json_t *c = json_array_get(w->candidates, index);
	char epoch[32];

	if (json_is_true(json_object_get(c, "is_base"))) {
		msg_format(out, w->lang, begins ? "candidate_base_first" : "candidate_base", NULL);
		return;
	}
	epoch_label(json_number_value(json_object_get(c, "epoch")), epoch);
	if (has_epoch(c) && w->is_family)
		msg_format(out, w->lang, begins ? "candidate_epoch_first" : "candidate_epoch", "n=%s", epoch);
	else if (has_epoch(c))
		msg_format(out, w->lang, "candidate_epoch_of", "name=%s|n=%s", label_of(c), epoch);
	else
		msg_format(out, w->lang, "candidate_name", "name=%s", label_of(c));
}

/* "N=@3\x1fq=68" with names in the place of numbers of candidates. */
static void write_args(const struct words *w, const char *args, struct buf *out)
{
	struct str rest = str_of(args);

	while (rest.len > 0) {
		struct str pair = str_split(&rest, ERR_ARG_SEP), value = pair;
		struct str name = str_split(&value, '=');
		if (out->len > 0)
			buf_add_char(out, ERR_ARG_SEP);
		buf_printf(out, "%.*s=", (int)name.len, name.ptr);
		uint64_t index;
		if (value.len > 1 && value.ptr[0] == '@' && str_to_u64((struct str){ value.ptr + 1, value.len - 1 }, &index))
			name_candidate(w, (size_t)index, str_eq_text(name, "first"), out);
		else
			buf_add(out, value.ptr, value.len);
	}
}

/* --- {"key","args"} becomes {"key","text"} --- */

static void say(const struct words *w, json_t *sentence)
{
	struct buf args = BUF_INIT(LIMIT_JSON_BODY), text = BUF_INIT(LIMIT_JSON_BODY);
	const char *key = json_string_value(json_object_get(sentence, "key")), *raw = json_string_value(json_object_get(sentence, "args"));

	write_args(w, raw ? raw : "", &args);
	msg_render(&text, w->lang, key, buf_text(&args));
	json_object_set_new(sentence, "text", json_text(buf_str(&text)));
	json_object_del(sentence, "args");
	buf_release(&args);
	buf_release(&text);
}

static void say_all(const struct words *w, json_t *value)
{
	const char *name;
	size_t i;
	json_t *child;
	void *next;

	json_array_foreach(value, i, child)
		say_all(w, child);
	json_object_foreach_safe(value, next, name, child)
		say_all(w, child);
	if (json_is_string(json_object_get(value, "key")) && json_is_string(json_object_get(value, "args")))
		say(w, value);
}

json_t *result_in_words(const char *result, enum lang lang)
{
	struct err ignored = { 0 };
	json_t *obj = json_parse(str_of(result), "selection", &ignored);

	if (!json_is_object(obj)) {
		json_decref(obj);
		return json_object();
	}
	struct words w = { lang, json_object_get(obj, "candidates"), false };
	w.is_family = is_family(w.candidates);
	say_all(&w, obj);
	return obj;
}
