// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { when_seen } from "./visible";

afterEach(() => vi.unstubAllGlobals());

test("it calls when the element comes into sight, not when it leaves, and stops when it is gone", () => {
	let report: (entries: { isIntersecting: boolean }[]) => void = () => undefined;
	const disconnect = vi.fn();
	vi.stubGlobal("IntersectionObserver", class {
		constructor(callback: typeof report) { report = callback; }
		observe(): void { /* nothing to look at here */ }
		disconnect = disconnect;
	});
	const seen = vi.fn();
	const stop = when_seen(seen)(document.createElement("div"));
	report([{ isIntersecting: false }]);
	expect(seen).not.toHaveBeenCalled();
	report([{ isIntersecting: true }]);
	expect(seen).toHaveBeenCalledOnce();
	if (stop) stop();
	expect(disconnect).toHaveBeenCalledOnce();
});
