// SPDX-License-Identifier: Apache-2.0
// Where the points and interval bars of a quality curve go.
import type { SelectionCandidate, SelectionCurve } from "../types";

export interface QualityPoint { column_id: number; x: number; y: number; low: number; high: number; value: number; low_value: number; high_value: number }
export interface QualityChart { points: QualityPoint[]; path: string; bottom: number; ticks: { y: number; value: number }[] }
export interface ChartBox { width: number; height: number; left: number; right: number; top: number; bottom: number }

const round = (value: number): number => Math.round(value * 10) / 10;

/** Candidates stand beside each other in their order; a line joins those that are not the base model. */
export function quality_chart(candidates: SelectionCandidate[], curve: SelectionCurve, box: ChartBox): QualityChart {
	const inner = box.width - box.left - box.right;
	const x = (at: number): number => round(box.left + (candidates.length < 2 ? inner / 2 : (at / (candidates.length - 1)) * inner));
	const y = (value: number): number => round(box.top + (1 - Math.max(0, Math.min(1, value))) * (box.height - box.top - box.bottom));
	const points: QualityPoint[] = [];
	candidates.forEach((candidate, at) => {
		const found = curve.points.find((point) => point.column_id === candidate.column_id);
		if (found?.value == null) return;
		const low = found.low ?? found.value;
		const high = found.high ?? found.value;
		points.push({ column_id: candidate.column_id, x: x(at), y: y(found.value), low: y(low), high: y(high), value: found.value, low_value: low, high_value: high });
	});
	const line = points.filter((point) => !candidates.find((one) => one.column_id === point.column_id)?.is_base);
	return {
		points, bottom: y(0), ticks: [0, 0.5, 1].map((value) => ({ y: y(value), value })),
		path: line.length < 2 ? "" : line.map((point, at) => `${at ? "L" : "M"}${point.x} ${point.y}`).join(""),
	};
}
