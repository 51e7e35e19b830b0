// SPDX-License-Identifier: Apache-2.0
// Where the points and interval bars of a quality curve go.
import type { SelectionCandidate, SelectionCurve } from "../types";

export interface QualityPoint { one: SelectionCandidate; x: number; y: number; low: number; high: number; value: number; low_value: number; high_value: number }
export interface QualityChart {
	/** In the order of the axis; the base model, if there is one, at epoch 0. */
	points: QualityPoint[];
	/** Joins the epochs; empty where there are fewer than two. */
	path: string;
	ticks: { y: number; value: number }[];
	/** The points whose names have room on the axis. */
	named: QualityPoint[];
	base: QualityPoint | undefined;
}
export interface ChartBox { width: number; height: number; left: number; right: number; top: number; bottom: number }

const BASE_ROOM = 44;
const EPOCH_ROOM = 20;
const round = (value: number): number => Math.round(value * 10) / 10;

/** True where all candidates but the base model are epochs of one fine-tune: only then there is an axis. */
export function is_family(candidates: SelectionCandidate[]): boolean {
	const epochs = candidates.filter((one) => !one.is_base);
	return epochs.length > 0 && epochs.every((one) => one.epoch != null && one.label === epochs[0]?.label);
}

export function quality_points(candidates: SelectionCandidate[], curve: SelectionCurve): Omit<QualityPoint, "x" | "y" | "low" | "high">[] {
	return candidates.flatMap((one) => {
		const found = curve.points.find((point) => point.column_id === one.column_id);
		return found?.value == null ? [] : [{ one, value: found.value, low_value: found.low ?? found.value, high_value: found.high ?? found.value }];
	});
}

/** Names that do not run into each other: the recommended one's, the base model's and the last one's before all others'. */
function pick_names(points: QualityPoint[]): QualityPoint[] {
	const rank = (point: QualityPoint): number => (point.one.is_recommended ? 0 : point.one.is_base ? 1 : point === points.at(-1) ? 2 : 3);
	const kept: QualityPoint[] = [];
	for (const point of [...points].sort((a, b) => rank(a) - rank(b))) {
		const room = (other: QualityPoint): number => (point.one.is_base || other.one.is_base ? BASE_ROOM : EPOCH_ROOM);
		if (kept.every((other) => Math.abs(other.x - point.x) >= room(other))) kept.push(point);
	}
	return kept;
}

/** Epochs stand at their place from 0 to the last, values from 0 at the bottom to 1 at the top. */
export function quality_chart(candidates: SelectionCandidate[], curve: SelectionCurve, box: ChartBox): QualityChart {
	const last = Math.max(...candidates.map((one) => one.epoch ?? 0)) || 1;
	const x = (epoch: number): number => round(box.left + (epoch / last) * (box.width - box.left - box.right));
	const y = (value: number): number => round(box.top + (1 - Math.max(0, Math.min(1, value))) * (box.height - box.top - box.bottom));
	const points = quality_points(candidates, curve)
		.map((point) => ({ ...point, x: x(point.one.is_base ? 0 : (point.one.epoch ?? 0)), y: y(point.value), low: y(point.low_value), high: y(point.high_value) }))
		.sort((a, b) => a.x - b.x);
	const line = points.filter((point) => !point.one.is_base);
	return {
		points, ticks: [0, 0.5, 1].map((value) => ({ y: y(value), value })),
		path: line.length < 2 ? "" : line.map((point, at) => `${at ? "L" : "M"}${point.x} ${point.y}`).join(""),
		named: pick_names(points), base: points.find((point) => point.one.is_base),
	};
}
