// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { qr_path } from "./qr";

/** Draws the path back into units. */
function units({ size, path }: { size: number; path: string }): boolean[][] {
	const all = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
	for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
		for (let at = 0; at < Number(length); at++) {
			const row = all[Number(y)];
			if (row) row[Number(x) + at] = true;
		}
	}
	return all;
}

describe("a link as a QR code", () => {
	const link = "http://192.168.1.20:7878/rate#p=0123456789abcdef0123456789abcdef";
	it("has the three marks that readers look for, and the fourth corner without one", () => {
		const drawn = qr_path(link);
		const all = units(drawn);
		const mark = (x: number, y: number): string => Array.from({ length: 7 }, (_, row) => Array.from({ length: 7 }, (_, at) => (all[y + row]?.[x + at] ? "#" : ".")).join("")).join("|");
		const finder = "#######|#.....#|#.###.#|#.###.#|#.###.#|#.....#|#######";
		expect([mark(0, 0), mark(drawn.size - 7, 0), mark(0, drawn.size - 7)]).toEqual([finder, finder, finder]);
		expect(mark(drawn.size - 7, drawn.size - 7)).not.toBe(finder);
		expect((drawn.size - 17) % 4).toBe(0); // a size that the standard has
	});
	it("covers every unit that it draws once", () => {
		const { path } = qr_path(link);
		const lengths = [...path.matchAll(/h(\d+)v1/g)].reduce((sum, [, length]) => sum + Number(length), 0);
		expect(units(qr_path(link)).flat().filter(Boolean)).toHaveLength(lengths);
	});
	it("is another one for another link", () => {
		expect(qr_path(`${link}0`).path).not.toBe(qr_path(link).path);
	});
});
