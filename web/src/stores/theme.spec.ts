// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { theme } from "./theme.svelte";

test("the theme follows the system until it is switched, and again when switched back", () => {
	expect(theme.current).toBe("light");
	expect(document.documentElement.dataset.theme).toBeUndefined();
	theme.toggle();
	expect(theme.current).toBe("dark");
	expect(document.documentElement.dataset.theme).toBe("dark");
	theme.toggle();
	expect(document.documentElement.dataset.theme).toBeUndefined();
	expect(localStorage.getItem("assay.theme")).toBe('""');
});
test("a theme that is chosen stays, also where it is the system's", () => {
	theme.choose("light");
	expect([theme.chosen, document.documentElement.dataset.theme, localStorage.getItem("assay.theme")]).toEqual(["light", "light", '"light"']);
	theme.choose("");
	expect(document.documentElement.dataset.theme).toBeUndefined();
});
