/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/turns.h"

#include "base/buf.h"
#include "base/limits.h"

#define HEAD_BYTES 128 /* of a turn's heading, and an ellipsis */

static void add_head(struct buf *out, enum lang lang, size_t turn, bool is_judged)
{
	if (lang == LANG_EN)
		buf_printf(out, is_judged ? "Turn %zu, whose answers are compared:\n" : "Turn %zu:\n", turn);
	else
		buf_printf(out, is_judged ? "第 %zu 輪，比較的是這一輪的回答：\n" : "第 %zu 輪：\n", turn);
}

struct str judge_turns(struct arena *a, enum lang lang, const struct str *texts, size_t n, bool is_question)
{
	struct buf out = BUF_INIT(LIMIT_ANSWER_BYTES + LIMIT_JUDGE_TEXT + n * HEAD_BYTES);

	if (n == 1)
		return texts[0];
	size_t last = texts[n - 1].len, room = LIMIT_JUDGE_TEXT - n * HEAD_BYTES;
	size_t most = last < room ? (room - last) / (n - 1) : 0;
	for (size_t i = 0; i < n; i++) {
		struct str text = texts[i];
		bool is_last = i + 1 == n;
		add_head(&out, lang, i + 1, is_last && is_question);
		if (!is_last && text.len > most)
			text.len = utf8_whole((struct str){ text.ptr, most });
		buf_add_str(&out, text);
		buf_add_text(&out, text.len < texts[i].len ? " …" : "");
		buf_add_text(&out, is_last ? "" : "\n\n");
	}
	struct str made = { arena_strndup(a, buf_text(&out), out.len), out.len };
	buf_release(&out);
	return made;
}
