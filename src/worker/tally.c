/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/tally.h"

#include <math.h>

#include "base/mem.h"

void tally_init(struct tally *t, size_t n_items, size_t n_tokens)
{
	*t = (struct tally){ .n_items = n_items };
	t->items = mem_array(n_items + 1, sizeof(*t->items));
	t->kld = mem_array(n_tokens + 1, sizeof(*t->kld));
}

void tally_release(struct tally *t)
{
	mem_free(t->items);
	mem_free(t->kld);
	*t = (struct tally){ 0 };
}

void tally_add(struct tally *t, size_t item, const struct logits_distance *d)
{
	struct tally_item *i = &t->items[item];
	if (i->failed)
		return;
	if (i->n == 0)
		t->item_start = t->n;
	if (!d->finite) {
		*i = (struct tally_item){ .failed = true };
		t->n = t->item_start;
		return;
	}
	double dp = exp(d->ll_cand) - exp(d->ll_ref);
	i->n++;
	i->same_top += d->same_top;
	i->kld += d->kld;
	i->kld_max = d->kld > i->kld_max ? d->kld : i->kld_max;
	i->nll_ref -= d->ll_ref;
	i->nll_cand -= d->ll_cand;
	i->dp2 += dp * dp;
	t->kld[t->n++] = d->kld;
}

json_t *tally_item_json(const struct tally *t, size_t item)
{
	const struct tally_item *i = &t->items[item];
	double n = i->n > 0 ? i->n : 1;
	return json_pack("{s:i, s:f, s:f, s:f, s:f, s:f}", "n_tokens", i->n, "mean_kld", i->kld / n, "max_kld", i->kld_max,
			 "same_top", i->same_top / n, "nll_ref", i->nll_ref, "nll_cand", i->nll_cand);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double percentile(const struct tally *t, double share)
{
	if (t->n == 0)
		return 0;
	double place = share * (double)(t->n - 1);
	size_t low = (size_t)place, high = low + 1 < t->n ? low + 1 : low;
	return t->kld[low] + (place - (double)low) * (t->kld[high] - t->kld[low]);
}

/* A mean over tokens with its standard error by items. */
struct ratio {
	double mean, error;
};

static struct ratio ratio_of(const struct tally *t, double (*value)(const struct tally_item *))
{
	struct ratio r = { 0 };
	double sum = 0, n = 0, squares = 0, k = 0;
	for (size_t i = 0; i < t->n_items; i++) {
		sum += value(&t->items[i]);
		n += t->items[i].n;
		k += t->items[i].n > 0;
	}
	if (n < 1)
		return r;
	r.mean = sum / n;
	for (size_t i = 0; i < t->n_items; i++) {
		double rest = value(&t->items[i]) - r.mean * t->items[i].n;
		squares += rest * rest;
	}
	r.error = k > 1 ? sqrt(k / (k - 1) * squares) / n : 0;
	return r;
}

static double value_kld(const struct tally_item *i)
{
	return i->kld;
}

static double value_ratio(const struct tally_item *i)
{
	return i->nll_cand - i->nll_ref;
}

static double value_top(const struct tally_item *i)
{
	return i->same_top;
}

static double value_dp2(const struct tally_item *i)
{
	return i->dp2;
}

void tally_total(struct tally *t, json_t *stats)
{
	double nll_ref = 0, nll_cand = 0;
	int n_items = 0;
	for (size_t i = 0; i < t->n_items; i++) {
		nll_ref += t->items[i].nll_ref;
		nll_cand += t->items[i].nll_cand;
		n_items += t->items[i].n > 0;
	}
	qsort(t->kld, t->n, sizeof(t->kld[0]), by_value);
	struct ratio kld = ratio_of(t, value_kld), top = ratio_of(t, value_top), perplexity = ratio_of(t, value_ratio);
	json_t *totals = json_pack(
		"{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "n_items", n_items, "n_tokens",
		(json_int_t)t->n, "mean_kld", kld.mean, "mean_kld_se", kld.error, "kld_p50", percentile(t, 0.5), "kld_p90",
		percentile(t, 0.9), "kld_p99", percentile(t, 0.99), "kld_max", percentile(t, 1), "same_top", top.mean, "same_top_se",
		top.error, "rms_dp", sqrt(ratio_of(t, value_dp2).mean), "nll_ref", nll_ref, "nll_cand", nll_cand, "ln_ppl_ratio",
		perplexity.mean, "ln_ppl_ratio_se", perplexity.error);
	json_object_update(stats, totals);
	json_decref(totals);
}
