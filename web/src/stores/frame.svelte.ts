// SPDX-License-Identifier: Apache-2.0

/** What a page tells the frame. */
class FrameStore {
	/** Shown behind the page's title, e.g. the name of a validation. */
	subtitle = $state("");
	/** Pixels at the bottom of the window that messages must not cover: the controls that stand there. */
	foot = $state(0);
	#on_language = new Set<() => void>();

	/** The server's sentences are in the language asked for: stores that hold some fetch them again. */
	when_language_changes(reload: () => void): () => void {
		this.#on_language.add(reload);
		return () => this.#on_language.delete(reload);
	}
	language_changed(): void {
		for (const reload of this.#on_language) reload();
	}
}

export const frame = new FrameStore();
