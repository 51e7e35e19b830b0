/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/spool.h"

#include <math.h>
#include <string.h>

/* Inserts into the list, which is in falling order; equal values keep the order of their ids. */
static void insert(struct spool_row *r, int id, float value)
{
	uint32_t at = r->n < SPOOL_TOP ? r->n++ : SPOOL_TOP - 1;
	for (; at > 0 && r->lls[at - 1] < value; at--) {
		r->lls[at] = r->lls[at - 1];
		r->ids[at] = r->ids[at - 1];
	}
	r->lls[at] = value;
	r->ids[at] = id;
}

void spool_take(struct spool_row *out, const float *logits, int n, int token)
{
	memset(out, 0, sizeof(*out));
	struct logits_best best = logits_scan(logits, n);
	if (!best.finite || !isfinite(logits[token]))
		return;
	out->finite = 1;
	out->ll = (double)logits[token] - best.log_sum;
	for (int i = 0; i < n; i++) {
		if (out->n < SPOOL_TOP || logits[i] > out->lls[SPOOL_TOP - 1])
			insert(out, i, logits[i]);
	}
	for (uint32_t k = 0; k < out->n; k++)
		out->lls[k] = (float)((double)out->lls[k] - best.log_sum);
}

struct logits_distance spool_compare(const struct spool_row *ref, const float *cand, int n, int token)
{
	struct logits_distance d = { .finite = false };
	struct logits_best best = logits_scan(cand, n);
	if (!ref->finite || !best.finite)
		return d;
	double p_sum = 0, q_sum = 0, kld = 0;
	for (uint32_t k = 0; k < ref->n && ref->n <= SPOOL_TOP; k++) {
		int32_t id = ref->ids[k];
		double ll = (double)ref->lls[k];
		if (id < 0 || id >= n)
			return d;
		double other = (double)cand[id] - best.log_sum;
		p_sum += exp(ll);
		q_sum += exp(other);
		if (exp(ll) > 0)
			kld += exp(ll) * (ll - other);
	}
	double p_rest = 1 - p_sum, q_rest = 1 - q_sum;
	if (p_rest > 1e-6 && q_rest > 1e-6)
		kld += p_rest * log(p_rest / q_rest);
	d.kld = kld > 0 ? kld : 0;
	d.same_top = ref->ids[0] == best.id;
	d.ll_ref = ref->ll;
	d.ll_cand = (double)cand[token] - best.log_sum;
	d.finite = isfinite(kld) && isfinite(d.ll_cand);
	return d;
}
