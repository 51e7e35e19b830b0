// SPDX-License-Identifier: Apache-2.0
// Heights of many rows of which only the visible ones exist. A Fenwick tree (P. Fenwick, "A New Data Structure for Cumulative
// Frequency Tables", 1994) answers "where does row i begin" and "which row is at y" in O(log n), also while heights change.

export class RowSizes {
	#tree = new Float64Array(1);
	#sizes = new Float64Array(0);
	#known = new Uint8Array(0);

	constructor(readonly estimate: number) {}

	get count(): number {
		return this.#sizes.length;
	}
	get total(): number {
		return this.offset(this.count);
	}
	/** Another number of rows; heights of those that stay are kept, unless `forget`. */
	resize(count: number, forget = false): void {
		const old = forget ? 0 : Math.min(count, this.count);
		const sizes = new Float64Array(count).fill(this.estimate);
		const known = new Uint8Array(count);
		sizes.set(this.#sizes.subarray(0, old));
		known.set(this.#known.subarray(0, old));
		this.#sizes = sizes;
		this.#known = known;
		this.#tree = new Float64Array(count + 1);
		for (let i = 1; i <= count; i++) {
			this.#tree[i] = (this.#tree[i] ?? 0) + (sizes[i - 1] ?? 0);
			const parent = i + (i & -i);
			if (parent <= count) this.#tree[parent] = (this.#tree[parent] ?? 0) + (this.#tree[i] ?? 0);
		}
	}
	/** The measured height of a row; returns by how much it changed. */
	set(index: number, size: number): number {
		if (index < 0 || index >= this.count) return 0;
		const change = size - (this.#sizes[index] ?? 0);
		this.#known[index] = 1;
		if (Math.abs(change) < 0.5) return 0;
		this.#sizes[index] = size;
		for (let i = index + 1; i <= this.count; i += i & -i) this.#tree[i] = (this.#tree[i] ?? 0) + change;
		return change;
	}
	size(index: number): number {
		return this.#sizes[index] ?? this.estimate;
	}
	is_known(index: number): boolean {
		return this.#known[index] === 1;
	}
	/** Where row `index` begins. */
	offset(index: number): number {
		let sum = 0;
		for (let i = Math.min(index, this.count); i > 0; i -= i & -i) sum += this.#tree[i] ?? 0;
		return sum;
	}
	/** The row that covers `y`. */
	index_at(y: number): number {
		let index = 0;
		let rest = Math.max(0, y);
		for (let step = 1 << Math.floor(Math.log2(Math.max(1, this.count))); step > 0; step >>= 1) {
			const size = this.#tree[index + step];
			if (size !== undefined && index + step <= this.count && size <= rest) {
				index += step;
				rest -= size;
			}
		}
		return Math.max(0, Math.min(index, this.count - 1));
	}
	/** Rows [from, to) that are visible at `top`, with `extra` pixels on both sides. */
	range(top: number, height: number, extra: number): { from: number; to: number } {
		if (this.count === 0) return { from: 0, to: 0 };
		return { from: this.index_at(top - extra), to: this.index_at(top + height + extra) + 1 };
	}
}
