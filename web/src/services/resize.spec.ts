// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test, vi } from "vitest";
import { on_resize } from "./resize";

afterEach(() => vi.unstubAllGlobals());

test("one observer reads every element before anything is written, and forgets those that are gone", () => {
	let report: (entries: { target: Element; borderBoxSize: { blockSize: number }[] }[]) => void = () => undefined;
	let made = 0;
	const unobserve = vi.fn();
	vi.stubGlobal("ResizeObserver", class {
		constructor(callback: typeof report) { report = callback; made++; }
		observe(): void { /* nothing to look at here */ }
		unobserve = unobserve;
	});
	const [a, b] = [document.createElement("p"), document.createElement("p")];
	const order: string[] = [];
	const reader = (name: string) => (_: Element, height: number) => {
		order.push(`read ${name} ${height}`);
		return () => void order.push(`write ${name}`);
	};
	const stop = on_resize(a, reader("a"));
	on_resize(b, reader("b"));
	expect(made).toBe(1);
	report([a, b].map((target, at) => ({ target, borderBoxSize: [{ blockSize: 10 + at }] })));
	expect(order).toEqual(["read a 10", "read b 11", "write a", "write b"]);
	stop();
	expect(unobserve).toHaveBeenCalledWith(a);
	report([{ target: a, borderBoxSize: [{ blockSize: 12 }] }]);
	expect(order).toHaveLength(4);
});
