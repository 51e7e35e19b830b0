// SPDX-License-Identifier: Apache-2.0
// One observer for all elements whose size matters. All are read before anything is written: a write between two reads
// would make the browser lay out the page again for each of them.

/** Reads what it needs of its element; what it returns then writes. */
export type Read = (element: Element, height: number) => (() => void) | undefined;

const readers = new Map<Element, Read>();
let observer: ResizeObserver | undefined;

function take(entries: ResizeObserverEntry[]): void {
	const writes = entries.map(({ target, borderBoxSize }) => readers.get(target)?.(target, borderBoxSize[0]?.blockSize ?? 0));
	for (const write of writes) write?.();
}

/** Calls `read` when the element appears and whenever its size changes; returns what ends that. */
export function on_resize(element: Element, read: Read): () => void {
	observer ??= new ResizeObserver(take);
	readers.set(element, read);
	observer.observe(element);
	return () => {
		readers.delete(element);
		observer?.unobserve(element);
	};
}
