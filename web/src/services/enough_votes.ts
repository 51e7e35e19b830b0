// SPDX-License-Identifier: Apache-2.0
// "Enough votes?" as an e-process (beta-binomial mixture against a fair coin): it may be looked at after every vote without
// inflating the error. G. Shafer et al., "Test Martingales, Bayes Factors and p-Values", Statistical Science 26 (2011).

const A = 10; // Beta(10, 10): differences between epochs are usually small.
const ALPHA = 0.05;
const VOTES_MAX = 5000;

/** ln Γ(x) for x > 0, after C. Lanczos (1964) with the coefficients of W. Press et al. */
export function log_gamma(x: number): number {
	const c = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2, -0.5395239384953e-5];
	const t = x + 5.5 - (x + 0.5) * Math.log(x + 5.5);
	const sum = c.reduce((all, value, i) => all + value / (x + 1 + i), 1.000000000190015);
	return -t + Math.log((2.5066282746310005 * sum) / x);
}

/** Evidence (natural logarithm) that k wins of n decisive votes are not those of a fair coin. */
export function log_evidence(k: number, n: number): number {
	return log_gamma(A + k) + log_gamma(A + n - k) - log_gamma(2 * A + n) - 2 * log_gamma(A) + log_gamma(2 * A) + n * Math.LN2;
}

/**
 * With `wins` questions on which only the first was liked and `losses` on which only the second was, among `rivals`
 * comparisons: 0 where the first is better; else about how many more such questions are needed; null where nobody knows
 * (an even count, or too many).
 */
export function votes_missing(wins: number, losses: number, rivals = 1): number | null {
	const bar = Math.log(Math.max(1, rivals) / ALPHA);
	const n = wins + losses;
	if (wins > losses && log_evidence(wins, n) >= bar) return 0;
	if (wins <= losses) return null;
	// The share seen so far, pulled a little towards even.
	const share = (wins + 1) / (n + 2);
	for (let more = n + 1; more <= VOTES_MAX; more++) if (log_evidence(share * more, more) >= bar) return more - n;
	return null;
}
