// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { match, router, number_in } from "./router.svelte";

test("a pattern gives the values of its parts", () => {
	expect(match("/validate/:id", "/validate/7")).toEqual({ id: "7" });
	expect(match("/validate", "/validate/7")).toBeNull();
	expect(match("/validate/:id", "/validate/")).toBeNull();
	expect(match("/validate/:id", "/results/7")).toBeNull();
});
test("links inside the page do not load it again, links elsewhere do", () => {
	document.body.innerHTML = '<a id="in" href="/results?x=1"><b>in</b></a><a id="out" href="https://example.org/">out</a>';
	const click = (id: string): MouseEvent => {
		const event = new MouseEvent("click", { bubbles: true, cancelable: true });
		document.querySelector(`#${id}`)?.dispatchEvent(event);
		return event;
	};
	expect(click("in").defaultPrevented).toBe(true);
	expect(router.path).toBe("/results");
	expect(router.search).toBe("?x=1");
	document.querySelector("#out")?.addEventListener("click", (event) => {
		expect(event.defaultPrevented).toBe(false);
		event.preventDefault();
	}, { once: true });
	click("out");
	expect(router.path).toBe("/results");
});
test("only digits in an address are a number", () => {
	expect(["7", "007", "abc", "7a", "1e3", "-1", "1.5", "", "9".repeat(16)].map(number_in)).toEqual([7, 7, NaN, NaN, NaN, NaN, NaN, NaN, NaN]);
});
