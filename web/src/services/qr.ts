// SPDX-License-Identifier: Apache-2.0
// A link as a picture that a phone's camera reads. A file of its own, which is loaded when a link is shown.
import { generate, mode } from "lean-qr";

/** `text` in ASCII. What is dark, as the path of an SVG with `size` units a side; a margin of four units around it is the reader's due. */
export function qr_path(text: string): { size: number; path: string } {
	const code = generate(mode.ascii(text)); // plain bytes: not every reader knows marks of a character set
	let path = "";
	for (let y = 0; y < code.size; y++) {
		for (let x = 0; x < code.size; x++) {
			let end = x;
			while (code.get(end, y)) end++;
			if (end > x) path += `M${x} ${y}h${end - x}v1h${x - end}z`;
			x = end;
		}
	}
	return { size: code.size, path };
}
