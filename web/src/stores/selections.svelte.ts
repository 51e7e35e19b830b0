// SPDX-License-Identifier: Apache-2.0
// Automatic validations. They run on the server; leaving the page leaves them alone.
import { api, problem_of } from "../services/api";
import type { Problem, Selection, SelectionInput, ServerEvent } from "../types";
import { toasts } from "./toasts.svelte";

export const is_over = (selection: Selection): boolean => selection.state !== "waiting" && selection.state !== "running";

export class SelectionStore {
	list = $state.raw<Selection[]>([]);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);

	get(id: number): Selection | undefined {
		return this.list.find((selection) => selection.id === id);
	}
	/** Those that wait or run. */
	get active(): Selection[] {
		return this.list.filter((selection) => !is_over(selection));
	}
	async refresh(): Promise<void> {
		try {
			this.list = (await api.selections()).selections;
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	/** One of the list, or an older one. */
	async load(id: number): Promise<void> {
		try {
			this.#put(await api.selection(id));
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	take(event: ServerEvent): void {
		if (!this.loaded) return; // nobody has looked yet
		if (event.event === "resync" || event.event === "selections") void this.refresh();
		else if (event.event === "selection") this.#put(event.data);
	}
	#put(selection: Selection): void {
		const known = this.get(selection.id);
		this.list = known
			? this.list.map((old) => (old.id === selection.id ? selection : old))
			: [...this.list, selection].sort((a, b) => b.id - a.id);
	}
	async start(input: SelectionInput): Promise<Selection> {
		const selection = await api.add_selection(input);
		// It may have gone on before the reply is here: events are newer.
		if (!this.get(selection.id)) this.#put(selection);
		return selection;
	}
	async stop(id: number): Promise<void> {
		await api.stop_selection(id).catch((error) => toasts.fail(error));
	}
	async resume(id: number, budget_s?: number): Promise<void> {
		try {
			this.#put(await api.resume_selection(id, budget_s));
		} catch (error) {
			toasts.fail(error);
		}
	}
	async remove(id: number): Promise<boolean> {
		try {
			await api.remove_selection(id);
		} catch (error) {
			toasts.fail(error);
			return false;
		}
		this.list = this.list.filter((selection) => selection.id !== id);
		return true;
	}
}

export const selections = new SelectionStore();
