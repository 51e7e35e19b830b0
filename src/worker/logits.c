/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/logits.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 16
#define BLOCK 4096 /* sums in float no longer than this, then in double */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define MANY_LEVELS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MANY_LEVELS
#endif

/* exp(x) for x <= 0 in float: 2^(n+f) with a degree 6 polynomial for 2^f on [-0.5, 0.5] (Taylor coefficients ln2^k/k!);
 * relative error below 2e-7, 0 below -87. */
static inline __attribute__((always_inline)) float exp_negative(float x)
{
	float scaled = x * 1.44269504088896341f;
	if (scaled < -126.0f)
		scaled = -126.0f;
	float rounded = (scaled + 12582912.0f) - 12582912.0f; /* 1.5 * 2^23: rounds to the nearest integer */
	float f = scaled - rounded;
	float p = 1.54035304e-4f;
	p = p * f + 1.33335581e-3f;
	p = p * f + 9.61812911e-3f;
	p = p * f + 5.55041087e-2f;
	p = p * f + 2.40226507e-1f;
	p = p * f + 6.93147181e-1f;
	p = p * f + 1.0f;
	uint32_t bits = (uint32_t)((int32_t)rounded + 127) << 23;
	float power;
	memcpy(&power, &bits, sizeof(power));
	return scaled <= -126.0f ? 0.0f : p * power;
}

MANY_LEVELS static float row_max(const float *x, int n, bool *finite)
{
	float best[LANES];
	uint32_t wrong[LANES];
	for (int k = 0; k < LANES; k++) {
		best[k] = -INFINITY;
		wrong[k] = 0;
	}
	int i = 0;
	for (; i + LANES <= n; i += LANES) {
		for (int k = 0; k < LANES; k++) {
			float v = x[i + k];
			best[k] = v > best[k] ? v : best[k];
			wrong[k] |= !(v < INFINITY); /* NaN compares false */
		}
	}
	for (; i < n; i++) {
		best[0] = x[i] > best[0] ? x[i] : best[0];
		wrong[0] |= !(x[i] < INFINITY);
	}
	for (int k = 1; k < LANES; k++) {
		best[0] = best[k] > best[0] ? best[k] : best[0];
		wrong[0] |= wrong[k];
	}
	*finite = !wrong[0];
	return best[0];
}

MANY_LEVELS static double row_sum_exp(const float *x, int n, float max)
{
	double total = 0;
	for (int start = 0; start < n; start += BLOCK) {
		int end = n - start < BLOCK ? n : start + BLOCK;
		float sum[LANES] = { 0 };
		int i = start;
		for (; i + LANES <= end; i += LANES) {
			for (int k = 0; k < LANES; k++)
				sum[k] += exp_negative(x[i + k] - max);
		}
		for (; i < end; i++)
			sum[0] += exp_negative(x[i] - max);
		for (int k = 0; k < LANES; k++)
			total += (double)sum[k];
	}
	return total;
}

struct logits_best logits_scan(const float *logits, int n)
{
	struct logits_best r = { .id = 0 };
	float max = row_max(logits, n, &r.finite);
	if (!r.finite || max == -INFINITY) {
		r.finite = false;
		return r;
	}
	while (logits[r.id] != max)
		r.id++;
	r.log_sum = (double)max + log(row_sum_exp(logits, n, max));
	return r;
}

/* Sum of p_ref * ((ref - cand) - shift), where shift is the difference of the log sums: each term is small where the rows are
 * alike, so nothing cancels.  Tokens that the reference cannot choose (p = 0) count nothing, whatever their logits. */
MANY_LEVELS static double row_divergence(const float *ref, const float *cand, int n, float log_sum, float shift)
{
	double total = 0;
	for (int start = 0; start < n; start += BLOCK) {
		int end = n - start < BLOCK ? n : start + BLOCK;
		float sum[LANES] = { 0 };
		int i = start;
		for (; i + LANES <= end; i += LANES) {
			for (int k = 0; k < LANES; k++) {
				float p = exp_negative(ref[i + k] - log_sum), d = ref[i + k] - cand[i + k] - shift;
				sum[k] += p > 0 ? p * d : 0;
			}
		}
		for (; i < end; i++) {
			float p = exp_negative(ref[i] - log_sum), d = ref[i] - cand[i] - shift;
			sum[0] += p > 0 ? p * d : 0;
		}
		for (int k = 0; k < LANES; k++)
			total += (double)sum[k];
	}
	return total;
}

struct logits_distance logits_compare(const float *ref, const float *cand, int n, int token)
{
	struct logits_best a = logits_scan(ref, n), b = logits_scan(cand, n);
	struct logits_distance d = { .finite = a.finite && b.finite };
	if (!d.finite)
		return d;
	d.same_top = a.id == b.id;
	d.ll_ref = (double)ref[token] - a.log_sum;
	d.ll_cand = (double)cand[token] - b.log_sum;
	double kld = row_divergence(ref, cand, n, (float)a.log_sum, (float)(a.log_sum - b.log_sum));
	d.kld = kld > 0 ? kld : 0;
	d.finite = isfinite(kld) && isfinite(d.ll_ref) && isfinite(d.ll_cand);
	return d;
}
