/* SPDX-License-Identifier: Apache-2.0 */
#include "report/proof_text.h"

#include <string.h>

#include "base/str.h"

static bool row_is_worse(const json_t *proof, const char *wanted)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(proof, "rows"), i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));
		const char *verdict = json_string_value(json_object_get(row, "verdict"));
		if (name && verdict && !strcmp(name, wanted) && !strcmp(verdict, "worse"))
			return true;
	}
	return false;
}

static const char *advice_key(const json_t *proof, bool has_larger)
{
	const char *verdict = json_string_value(json_object_get(proof, "verdict"));

	if (row_is_worse(proof, "win_survived"))
		return has_larger ? "proof_win_lost" : "proof_win_lost_last";
	if (!verdict || !strcmp(verdict, "undecided"))
		return "proof_undecided";
	if (!strcmp(verdict, "same"))
		return "proof_same";
	if (!strcmp(verdict, "slightly_different"))
		return has_larger ? "proof_slightly" : "proof_slightly_last";
	/* Where only the words differ, no answer can be said to have suffered. */
	if (!row_is_worse(proof, "f1_difference") && !row_is_worse(proof, "guards") && !row_is_worse(proof, "ppl_ratio"))
		return has_larger ? "proof_words" : "proof_words_last";
	return has_larger ? "proof_worse" : "proof_worse_last";
}

void proof_advice(struct buf *out, enum lang lang, const json_t *proof)
{
	const char *format = json_string_value(json_object_get(proof, "suggested_format"));
	double extra = (double)json_integer_value(json_object_get(proof, "suggested_extra_bytes"));

	msg_format(out, lang, advice_key(proof, format != NULL), "fmt=%s|size=%.0f MB", format ? format : "", extra / 1e6);
	const char *weights = json_string_value(json_object_get(proof, "source_weights"));
	if (weights && !strcmp(weights, "q8_0")) {
		buf_add_text(out, lang == LANG_EN ? " " : "");
		msg_format(out, lang, "report_proof_q8", "fmt=%s", "");
	}
	weights = json_string_value(json_object_get(proof, "reference_weights"));
	if (weights && !strcmp(weights, "q8_0")) {
		buf_add_text(out, lang == LANG_EN ? " " : "");
		msg_format(out, lang, "report_proof_reference_q8", "fmt=%s", "");
	}
}

void proof_row_key(const char *name, char key[PROOF_KEY_SIZE])
{
	str_format(key, PROOF_KEY_SIZE, "proof_row_%s", name);
}

void proof_verdict_key(const char *verdict, char key[PROOF_KEY_SIZE])
{
	str_format(key, PROOF_KEY_SIZE, "proof_verdict_%s", verdict);
}
