// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { diff, tokens } from "./diff";

const marked = (left: string, text: string): string => diff(left, text).map((s) => (s.differs ? `[${s.text}]` : s.text)).join("");

test("words are compared as wholes, Chinese by characters", () => {
	expect(tokens("The K7 uses 八核心 CPU.")).toEqual(["The", " ", "K7", " ", "uses", " ", "八", "核", "心", " ", "CPU", "."]);
	expect(marked("uses the Halden 1000 eight-core CPU", "uses the Halden Q5 eight-core CPU")).toBe("uses the Halden [Q5] eight-core CPU");
	expect(marked("使用八核心處理器。", "使用四核心處理器。")).toBe("使用[四]核心處理器。");
});
test("equal texts show nothing, a text against nothing shows all of it", () => {
	expect(marked("a b c", "a b c")).toBe("a b c");
	expect(marked("", "a b")).toBe("[a] [b]");
	expect(diff("a", "")).toEqual([]);
});
test("only spaces never differ", () => {
	expect(diff("a  b", "a\n\nb").some((s) => s.differs)).toBe(false);
});
test("the pieces always give the text again, and a shortest script is found", () => {
	let seed = 7;
	const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
	for (let round = 0; round < 300; round++) {
		const text = (): string => Array.from({ length: random(12) }, () => "abc"[random(3)]).join(" ");
		const [left, right] = [text(), text()];
		const segments = diff(left, right);
		expect(segments.map((s) => s.text).join("")).toBe(right);
		const kept = segments.filter((s) => !s.differs).flatMap((s) => tokens(s.text)).filter((t) => t.trim());
		expect(kept.length).toBe(lcs(left.split(" ").filter(Boolean), right.split(" ").filter(Boolean)));
	}
});
test("long texts without anything in common end soon", () => {
	const left = Array.from({ length: 8000 }, (_, i) => `a${i}`).join(" ");
	const right = Array.from({ length: 8000 }, (_, i) => `b${i}`).join(" ");
	expect(diff(left, right).map((s) => s.text).join("")).toBe(right);
});

function lcs(a: string[], b: string[]): number {
	const row = new Array<number>(b.length + 1).fill(0);
	for (const x of a) {
		let diagonal = 0;
		for (const [j, y] of b.entries()) {
			const old = row[j + 1] ?? 0;
			row[j + 1] = x === y ? diagonal + 1 : Math.max(old, row[j] ?? 0);
			diagonal = old;
		}
	}
	return row[b.length] ?? 0;
}
