// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { SelectionCandidate, SelectionCurve } from "../types";
import { is_family, quality_chart } from "./quality_chart";

const BOX = { width: 220, height: 120, left: 10, right: 10, top: 10, bottom: 10 };
const base = (column_id = 7): SelectionCandidate => ({ column_id, is_base: true, label: "Base", epoch: null } as SelectionCandidate);
const at = (epoch: number | null, column_id: number, label = "Bot"): SelectionCandidate => ({ column_id, is_base: false, is_recommended: false, label, epoch } as SelectionCandidate);
const curve = (points: [number, number | null][]): SelectionCurve =>
	({ name: "all", unit: "right", n_questions: 68, points: points.map(([column_id, value]) => ({ column_id, value, low: value === null ? null : value - 0.1, high: value === null ? null : value + 0.1 })) });

test("epochs stand at their place, the base model at 0, values from 0 at the bottom to 1 at the top", () => {
	const chart = quality_chart([base(), at(4, 8), at(8, 9)], curve([[7, 0.1], [8, 0.5], [9, 0.9]]), BOX);
	expect(chart.points.map((point) => [point.x, point.y])).toEqual([[10, 100], [110, 60], [210, 20]]);
	expect(chart.points[1]).toMatchObject({ low: 70, high: 50 });
	expect(chart.path).toBe("M110 60L210 20"); // the base model is no epoch
	expect(chart.base?.y).toBe(100);
	expect(chart.ticks.map((tick) => tick.y)).toEqual([110, 60, 10]);
	expect(chart.named).toHaveLength(3);
});
test("what is not known is not drawn, and an interval ends at the edge", () => {
	const chart = quality_chart([base(), at(1, 8)], curve([[7, null], [8, 0.95]]), BOX);
	expect(chart.points).toHaveLength(1);
	expect(chart.points[0]).toMatchObject({ x: 210, high: 10 });
	expect(chart.path).toBe("");
	expect(chart.base).toBeUndefined();
});
test("names that have no room are left out, never the recommended one's", () => {
	const epochs = Array.from({ length: 20 }, (_, index) => at(index + 1, index + 1));
	const chosen = { ...at(3, 3), is_recommended: true };
	const chart = quality_chart([base(99), ...epochs.map((one) => (one.column_id === 3 ? chosen : one))], curve([[99, 0.1], ...epochs.map((one): [number, number] => [one.column_id, 0.5])]), BOX);
	expect(chart.points).toHaveLength(21);
	expect(chart.named.map((point) => point.one.epoch)).toContain(3);
	expect(chart.named.map((point) => point.one.epoch)).toContain(20);
	const places = chart.named.map((point) => point.x).sort((a, b) => a - b);
	expect(Math.min(...places.slice(1).map((place, index) => place - (places[index] ?? 0)))).toBeGreaterThanOrEqual(20);
});
test("an axis needs epochs of one fine-tune", () => {
	expect(is_family([base(), at(1, 1), at(2, 2)])).toBe(true);
	expect(is_family([base(), at(1, 1), at(2, 2, "Other")])).toBe(false);
	expect(is_family([base(), at(null, 1)])).toBe(false);
	expect(is_family([base()])).toBe(false);
});
