// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { log_evidence, log_gamma, votes_missing } from "./enough_votes";

test("the logarithm of the gamma function", () => {
	expect(log_gamma(1)).toBeCloseTo(0, 8);
	expect(log_gamma(5)).toBeCloseTo(Math.log(24), 8);
	expect(log_gamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 8);
});
test("the evidence of all outcomes together is that of a fair coin", () => {
	let sum = 0;
	for (let k = 0, choose = 1; k <= 20; choose = (choose * (20 - k)) / (k + 1), k++) sum += choose * 0.5 ** 20 * Math.exp(log_evidence(k, 20));
	expect(sum).toBeCloseTo(1, 8);
});
test("few votes are not enough, many clear ones are, an even count says nothing", () => {
	expect(votes_missing(3, 1)).toBeGreaterThan(0);
	expect(votes_missing(30, 2)).toBe(0);
	expect(votes_missing(4, 4)).toBeNull();
	expect(votes_missing(0, 0)).toBeNull();
	expect(votes_missing(17, 1, 1)).toBe(0);
	expect(votes_missing(17, 1, 8)).toBeGreaterThan(0);
});
