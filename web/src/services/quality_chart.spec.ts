// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { SelectionCandidate, SelectionCurve } from "../types";
import { quality_chart } from "./quality_chart";

const BOX = { width: 120, height: 120, left: 10, right: 10, top: 10, bottom: 10 };
const candidate = (column_id: number, is_base = false): SelectionCandidate => ({ column_id, is_base } as SelectionCandidate);
const curve = (points: SelectionCurve["points"]): SelectionCurve => ({ name: "all", unit: "right", n_questions: 68, points });

test("candidates stand in their order, values from 0 at the bottom to 1 at the top", () => {
	const chart = quality_chart([candidate(7, true), candidate(8), candidate(9)], curve([
		{ column_id: 7, value: 0, low: 0, high: 0.1 }, { column_id: 8, value: 0.5, low: 0.4, high: 0.6 }, { column_id: 9, value: 1, low: 0.9, high: 1 },
	]), BOX);
	expect(chart.points.map((point) => [point.x, point.y])).toEqual([[10, 110], [60, 60], [110, 10]]);
	expect(chart.points[1]).toMatchObject({ low: 70, high: 50 });
	expect(chart.path).toBe("M60 60L110 10"); // the base model is no epoch
	expect(chart.ticks.map((tick) => tick.y)).toEqual([110, 60, 10]);
});
test("what is not known is not drawn", () => {
	const chart = quality_chart([candidate(1), candidate(2)], curve([{ column_id: 1, value: null, low: null, high: null }, { column_id: 2, value: 0.3, low: null, high: null }]), BOX);
	expect(chart.points).toHaveLength(1);
	expect(chart.points[0]).toMatchObject({ column_id: 2, low: chart.points[0]?.y, high: chart.points[0]?.y });
	expect(chart.path).toBe("");
});
