// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Family } from "../types";
import { loss_chart, type Box } from "./loss_chart";

const BOX: Box = { width: 120, height: 60, left: 10, right: 10, top: 10, bottom: 10 };
const family = (losses: Family["losses"], epochs: number[] = []): Family => ({
	id: 1, name: "f", path: "", losses,
	checkpoints: epochs.map((epoch) => ({ id: epoch, kind: "adapter", name: "", path: "", size_bytes: 0, epoch })),
});

test("the highest loss is at the top, epoch 0 at the left, the last epoch at the right", () => {
	const chart = loss_chart(family([{ epoch: 1, step: 1, loss: 2 }, { epoch: 4, step: 4, loss: 1 }], [1, 4]), BOX);
	expect(chart?.train).toBe("M35 10L110 30");
	expect(chart?.eval).toBe("");
	expect(chart?.epochs).toEqual([{ epoch: 1, x: 35 }, { epoch: 4, x: 110 }]);
});
test("evaluation losses become dots; what was not measured is left out", () => {
	const chart = loss_chart(family([
		{ epoch: 2, step: 2, loss: null, eval_loss: 0.5 }, { epoch: 1, step: 1, loss: null, eval_loss: 1 }, { epoch: 1.5, step: 1, loss: null },
	]), BOX);
	expect(chart?.dots.map((dot) => dot.loss)).toEqual([1, 0.5]);
	expect(chart?.train).toBe("");
});
test("one point or none is no curve", () => {
	expect(loss_chart(family([]), BOX)).toBeNull();
	expect(loss_chart(family([{ epoch: 1, step: 1, loss: 2, eval_loss: 2 }]), BOX)).toBeNull();
});
test("equal losses and equal epochs divide by nothing", () => {
	const chart = loss_chart(family([{ epoch: 0, step: 1, loss: 0 }, { epoch: 1, step: 2, loss: 0 }]), BOX);
	expect(chart?.train).not.toContain("NaN");
});
