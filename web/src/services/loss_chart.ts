// SPDX-License-Identifier: Apache-2.0
// Where the lines of a loss curve go.
import type { Family } from "../types";

export interface Dot { x: number; y: number; epoch: number; loss: number }
export interface LossChart {
	/** SVG paths; empty where fewer than two points were measured. */
	train: string;
	eval: string;
	/** Evaluation losses, each with its place. */
	dots: Dot[];
	/** Epochs that are on disk. */
	epochs: { x: number; epoch: number }[];
	low: number;
	high: number;
}
export interface Box { width: number; height: number; left: number; right: number; top: number; bottom: number }

interface Point { epoch: number; loss: number }

function measured(family: Family, name: "loss" | "eval_loss"): Point[] {
	const points = new Map<number, number>();
	for (const point of family.losses) {
		const loss = point[name];
		if (loss != null && Number.isFinite(loss)) points.set(point.epoch, loss);
	}
	return [...points].map(([epoch, loss]) => ({ epoch, loss })).sort((a, b) => a.epoch - b.epoch);
}

/** The curve in a box of pixels; null where there is nothing to draw. */
export function loss_chart(family: Family, box: Box): LossChart | null {
	const train = measured(family, "loss");
	const evaluated = measured(family, "eval_loss");
	const all = [...train, ...evaluated];
	if (Math.max(train.length, evaluated.length) < 2) return null;
	const last = Math.max(...all.map((point) => point.epoch), ...family.checkpoints.map((model) => model.epoch ?? 0));
	const first = Math.min(0, ...all.map((point) => point.epoch));
	const high = Math.max(...all.map((point) => point.loss));
	const low = Math.min(0, ...all.map((point) => point.loss));
	const x = (epoch: number): number => round(box.left + ((epoch - first) / (last - first || 1)) * (box.width - box.left - box.right));
	const y = (loss: number): number => round(box.top + ((high - loss) / (high - low || 1)) * (box.height - box.top - box.bottom));
	const path = (points: Point[]): string =>
		points.length < 2 ? "" : points.map((point, at) => `${at ? "L" : "M"}${x(point.epoch)} ${y(point.loss)}`).join("");
	const epochs = [...new Set(family.checkpoints.flatMap((model) => (model.epoch == null ? [] : [model.epoch])))];
	return {
		train: path(train), eval: path(evaluated),
		dots: evaluated.map((point) => ({ ...point, x: x(point.epoch), y: y(point.loss) })),
		epochs: epochs.map((epoch) => ({ epoch, x: x(epoch) })),
		low, high,
	};
}

function round(value: number): number {
	return Math.round(value * 10) / 10;
}
