// SPDX-License-Identifier: Apache-2.0
import { expect, test, vi } from "vitest";
import { link_citations } from "./cite";

function box(...nodes: (string | [string, string])[]): HTMLElement {
	const element = document.createElement("div");
	for (const node of nodes) {
		if (typeof node === "string") element.append(node);
		else {
			const child = document.createElement(node[0]);
			child.textContent = node[1];
			element.append(child);
		}
	}
	return element;
}

test("marks of sources become buttons that open them", () => {
	const open = vi.fn();
	const element = box(["p", "It has eight cores [1][2]."]);
	link_citations(element, new Set([1, 2]), (rank) => `Source ${rank}`, open);
	const buttons = [...element.querySelectorAll("button")];
	expect(buttons.map((button) => button.getAttribute("aria-label"))).toEqual(["Source 1", "Source 2"]);
	buttons[1]?.click();
	expect(open).toHaveBeenCalledExactlyOnceWith(2);
	expect(element.textContent).toBe("It has eight cores 12.");
});
test("numbers that are no source, code and links stay text", () => {
	const element = box(["p", "As in [7], then [1]"], ["code", "a[1]"], ["a", "[1]"]);
	link_citations(element, new Set([1]), String, () => {});
	expect(element.querySelectorAll("button")).toHaveLength(1);
	expect(element.textContent).toBe("As in [7], then 1a[1][1]");
});
