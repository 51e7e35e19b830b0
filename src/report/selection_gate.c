/* SPDX-License-Identifier: Apache-2.0 */
#include "report/selection_gate.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "judge/decision.h"
#include "model/checkpoint_name.h"

enum err_code selection_gate_parse(const char *text, const char *field, struct selection_gate *out, struct err *err)
{
	struct str number = str_of(text);
	bool is_percent = str_ends(number, "%");
	double value;

	*out = (struct selection_gate){ GATE_BASE, 0 };
	if (!strcmp(text, "base"))
		return ERR_OK;
	out->kind = GATE_REGRESS;
	if (!strcmp(text, "regress"))
		return ERR_OK;
	out->kind = GATE_RATE;
	number.len -= is_percent;
	if (!str_to_double(number, &value) || value < 0 || value > (is_percent ? 100 : 1))
		return err_set(err, ERR_INVALID, "err_gate_rule", "field=%s|rule=%s", field, text);
	out->least = is_percent ? value / 100 : value;
	return ERR_OK;
}

void candidate_title(const json_t *candidate, enum lang lang, struct buf *out)
{
	const char *label = json_string_value(json_object_get(candidate, "label"));
	const json_t *epoch = json_object_get(candidate, "epoch");
	struct buf args = BUF_INIT(64 * KIB);
	char number[32];

	if (!json_is_number(epoch)) {
		buf_add_text(out, label ? label : "");
		return;
	}
	epoch_label(json_number_value(epoch), number);
	buf_printf(&args, "name=%s%cepoch=%s", label ? label : "", ERR_ARG_SEP, number);
	msg_render(out, lang, "report_epoch", buf_text(&args));
	buf_release(&args);
}

static const json_t *marked(const json_t *candidates, const char *flag)
{
	size_t i;
	json_t *c;

	json_array_foreach(candidates, i, c)
		if (json_is_true(json_object_get(c, flag)))
			return c;
	return NULL;
}

static const json_t *last_epoch(const json_t *candidates)
{
	for (size_t i = json_array_size(candidates); i > 0; i--)
		if (!json_is_true(json_object_get(json_array_get(candidates, i - 1), "is_base")))
			return json_array_get(candidates, i - 1);
	return NULL;
}

static double number_of(const json_t *c, const char *name)
{
	const json_t *value = json_object_get(c, name);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* "key" with {name} of `who` and two percentages. */
static void say(struct buf *why, enum lang lang, const char *key, const json_t *who, double share, double least)
{
	struct buf args = BUF_INIT(64 * KIB);

	buf_add_text(&args, "name=");
	if (who)
		candidate_title(who, lang, &args);
	buf_printf(&args, "%cp=%.0f%cw=%.0f", ERR_ARG_SEP, isnan(share) ? 0 : 100 * share, ERR_ARG_SEP, 100 * least);
	msg_render(why, lang, key, buf_text(&args));
	buf_release(&args);
}

static bool check_rate(const struct selection_gate *gate, const json_t *candidates, enum lang lang, struct buf *why)
{
	const json_t *who = marked(candidates, "is_recommended");

	if (!who || json_is_true(json_object_get(who, "is_base")))
		who = last_epoch(candidates);
	double rate = number_of(who, "win_rate");
	bool holds = rate >= gate->least;
	say(why, lang, isnan(rate) ? "report_gate_rate_unknown" : holds ? "report_gate_rate" : "report_gate_rate_fails", who, rate,
	    gate->least);
	return holds;
}

static bool check_base(const json_t *candidates, enum lang lang, struct buf *why)
{
	const json_t *best = marked(candidates, "is_best");
	bool holds = best && json_is_true(json_object_get(best, "beats_base"));

	say(why, lang, holds ? "report_gate_base" : "report_gate_base_fails", best, NAN, 0);
	return holds;
}

static bool check_regress(const json_t *candidates, const json_t *base, enum lang lang, struct buf *why)
{
	const json_t *last = last_epoch(candidates);
	bool is_worse = number_of(last, "p_base") < DECISION_ALPHA && number_of(last, "score") < number_of(base, "score");

	say(why, lang, is_worse ? "report_gate_regress_fails" : "report_gate_regress", last, NAN, 0);
	return !is_worse;
}

bool selection_gate_check(const struct selection_gate *gate, const json_t *result, enum lang lang, struct buf *why)
{
	const json_t *candidates = json_object_get(result, "candidates"), *base = marked(candidates, "is_base");

	if (!json_is_object(json_object_get(result, "decision")) || !base || !last_epoch(candidates)) {
		msg_format(why, lang, base ? "report_gate_no_result" : "report_gate_no_base", NULL);
		return false;
	}
	if (gate->kind == GATE_RATE)
		return check_rate(gate, candidates, lang, why);
	return gate->kind == GATE_BASE ? check_base(candidates, lang, why) : check_regress(candidates, base, lang, why);
}
