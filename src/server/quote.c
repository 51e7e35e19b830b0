/* SPDX-License-Identifier: Apache-2.0 */
#include "server/quote.h"

#include <string.h>

#include "base/limits.h"
#include "base/msg.h"
#include "server/chat_view.h"

json_t *quote_citations(const struct passage_row *passages, size_t n, size_t budget)
{
	json_t *all = json_array();
	size_t used = 0;
	for (size_t i = 0; i < n && used + passages[i].text.len <= budget; i++) {
		struct buf one = BUF_INIT(MIB);
		used += passages[i].text.len;
		view_citation(&one, NULL, &passages[i], i + 1, false);
		json_t *citation = json_parse(buf_str(&one), "citation", NULL);
		if (citation)
			json_array_append_new(all, citation);
		buf_release(&one);
	}
	return all;
}

/* Chinese where it holds a Han character. */
static enum lang lang_of(struct str text)
{
	for (size_t at = 0; at < text.len;) {
		uint32_t c = utf8_next(text, &at);
		if ((c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF))
			return LANG_ZH_TW;
	}
	return LANG_EN;
}

static struct str member(const json_t *citation, const char *key)
{
	const json_t *value = json_object_get(citation, key);
	return (struct str){ json_is_string(value) ? json_string_value(value) : "", json_string_length(value) };
}

void quote_prompt(struct buf *out, const json_t *citations, struct str question)
{
	const json_t *citation;
	size_t i;
	if (json_array_size(citations) == 0) {
		buf_add_str(out, question);
		return;
	}
	buf_add_text(out, msg_text(lang_of(question), "core_quote_intro"));
	buf_add_text(out, "\n\n");
	json_array_foreach(citations, i, citation) {
		struct str heading = member(citation, "heading");
		buf_printf(out, "[%zu] ", i + 1);
		buf_add_str(out, member(citation, "document_name"));
		if (heading.len) {
			buf_add_text(out, ", ");
			buf_add_str(out, heading);
		}
		buf_add_char(out, '\n');
		buf_add_str(out, str_trim(member(citation, "text")));
		buf_add_text(out, "\n\n");
	}
	buf_add_str(out, question);
}

static bool names(struct str answer, size_t number)
{
	char half[24], full[32];
	(void)str_format(half, sizeof half, "[%zu]", number);
	(void)str_format(full, sizeof full, "【%zu】", number);
	return memmem(answer.ptr, answer.len, half, strlen(half)) || memmem(answer.ptr, answer.len, full, strlen(full));
}

void quote_mark_used(json_t *citations, struct str answer)
{
	json_t *citation;
	size_t i;
	if (!answer.len)
		return;
	json_array_foreach(citations, i, citation)
		json_object_set_new(citation, "used", json_boolean(names(answer, i + 1)));
}
