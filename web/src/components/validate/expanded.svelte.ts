// SPDX-License-Identifier: Apache-2.0
import { SvelteSet } from "svelte/reactivity";

/** Questions whose answers are shown whole; a row keeps that while it is scrolled out of sight. */
class Expanded {
	#ids = new SvelteSet<number>();

	has(question: number): boolean {
		return this.#ids.has(question);
	}
	toggle(question: number): void {
		if (!this.#ids.delete(question)) this.#ids.add(question);
	}
}

export const expanded = new Expanded();
