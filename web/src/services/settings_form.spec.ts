// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { gigabytes, gpu_choice, gpu_devices, gpu_layers, LAYERS_MAX, THREADS_MAX, whole } from "./settings_form";

test("only whole numbers within the limits are taken", () => {
	expect(whole(" 4 ", 0, THREADS_MAX)).toBe(4);
	expect(whole("0", 0, THREADS_MAX)).toBe(0);
	for (const text of ["", "x", "-1", "1.5", "1e3", "1025", "99999999999999999999"]) expect(whole(text, 0, THREADS_MAX)).toBeNull();
	expect(whole("0", 1, LAYERS_MAX)).toBeNull();
});
test("layers are all that fit, none, or a number", () => {
	expect([gpu_choice(undefined), gpu_choice(-1), gpu_choice(0), gpu_choice(12)]).toEqual(["auto", "auto", "none", "number"]);
	expect([gpu_layers("auto", 5), gpu_layers("none", 5), gpu_layers("number", 5)]).toEqual([-1, 0, 5]);
});
test("a GPU that was chosen can be chosen, also when it is gone", () => {
	const gpu = { id: "CUDA0", name: "Card", type: "gpu" as const, memory_total: 8.5e9, memory_free: 8e9 };
	expect(gpu_devices([gpu], "", "all")).toEqual([["", "all"], ["CUDA0", "Card (CUDA0)"]]);
	expect(gpu_devices([gpu], "CUDA1", "all")).toEqual([["", "all"], ["CUDA0", "Card (CUDA0)"], ["CUDA1", "CUDA1"]]);
	expect(gigabytes(gpu.memory_total)).toBe("8.5");
});
