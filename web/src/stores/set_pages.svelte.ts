// SPDX-License-Identifier: Apache-2.0
import { api } from "../services/api";
import type { QuestionInput } from "../types";

const CHUNK = 100;

/** Questions of stored sets, fetched where they are looked at. */
class SetPages {
	#version = $state(0);
	#chunks = new Map<string, QuestionInput[] | null>();

	/** Question `index` of a set, conversations together; undefined until it is here. */
	get(set: number, index: number): QuestionInput | undefined {
		void this.#version;
		const chunk = Math.floor(index / CHUNK);
		const found = this.#chunks.get(`${set}/${chunk}`);
		if (found === undefined) void this.#fetch(set, chunk);
		return found?.[index - chunk * CHUNK];
	}
	async #fetch(set: number, chunk: number): Promise<void> {
		const key = `${set}/${chunk}`;
		this.#chunks.set(key, null);
		try {
			this.#chunks.set(key, (await api.question_set(set, chunk * CHUNK, CHUNK)).questions);
			this.#version++;
		} catch {
			this.#chunks.delete(key);
		}
	}
}

export const set_pages = new SetPages();
