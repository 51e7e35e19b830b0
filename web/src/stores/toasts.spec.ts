// SPDX-License-Identifier: Apache-2.0
import { expect, test, vi } from "vitest";
import { ApiError } from "../services/api";
import { toasts } from "./toasts.svelte";

test("a message goes after its time, a failure shows why and what to do", () => {
	vi.useFakeTimers();
	toasts.show("Removed", { ms: 1000 });
	toasts.fail(new ApiError(409, { code: "conflict", message: "It runs.", hint: "Stop it." }));
	expect(toasts.list.map((toast) => [toast.text, toast.hint, toast.bad])).toEqual([
		["Removed", undefined, false], ["It runs.", "Stop it.", true],
	]);
	vi.advanceTimersByTime(1001);
	expect(toasts.list.map((toast) => toast.text)).toEqual(["It runs."]);
	vi.advanceTimersByTime(10_000);
	expect(toasts.list).toEqual([]);
	vi.useRealTimers();
});
