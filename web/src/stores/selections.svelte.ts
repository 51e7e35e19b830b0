// SPDX-License-Identifier: Apache-2.0
// Automatic validations. They run on the server; leaving the page leaves them alone.
import { api, problem_of } from "../services/api";
import { router } from "../services/router.svelte";
import type { StartForm } from "../services/selection_view";
import type { Problem, QuestionSet, Selection, SelectionInput, ServerEvent } from "../types";
import { DEFAULTS } from "../services/params";
import { toasts } from "./toasts.svelte";

export const is_over = (selection: Selection): boolean => selection.state !== "waiting" && selection.state !== "running";

export class SelectionStore {
	list = $state.raw<Selection[]>([]);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);
	/** The one that is looked at: it may be older than the list goes. */
	#shown = $state.raw<Selection | null>(null);
	/** What is chosen for the next one; leaving the page keeps it. A family that is not there: the first one. */
	form = $state<StartForm>({ family_id: -1, model_ids: [], set_id: 0, minutes: 0, judge: "auto", training: "", fresh: false, params: { ...DEFAULTS } });

	get(id: number): Selection | undefined {
		return this.list.find((selection) => selection.id === id) ?? (this.#shown?.id === id ? this.#shown : undefined);
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
			this.#shown = await api.selection(id);
			this.#update(this.#shown);
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
		if (this.get(selection.id)) this.#update(selection);
		else this.list = [...this.list, selection].sort((a, b) => b.id - a.id);
	}
	#update(selection: Selection): void {
		if (this.#shown?.id === selection.id) this.#shown = selection;
		this.list = this.list.map((old) => (old.id === selection.id ? selection : old));
	}
	async start(input: SelectionInput): Promise<Selection> {
		const selection = await api.add_selection(input);
		// It may have gone on before the reply is here: events are newer.
		if (!this.get(selection.id)) this.#put(selection);
		return selection;
	}
	/** Begins one and shows it. */
	async open(input: SelectionInput): Promise<void> {
		try {
			router.go(`/automatic/${(await this.start(input)).id}`);
		} catch (error) {
			toasts.fail(error);
		}
	}
	/** Chooses the same candidates again, with these questions. */
	again(selection: Selection, set: QuestionSet): void {
		this.form.family_id = selection.family_id ?? 0;
		this.form.model_ids = selection.candidates.map((one) => one.model_id);
		this.form.set_id = set.id;
		router.go("/automatic");
	}
	/** Has the same candidates answer more questions, and decides anew. */
	async grow(selection: Selection, set: QuestionSet): Promise<void> {
		try {
			await api.add_run_questions(selection.run_id, { question_set_id: set.id });
			await this.resume(selection.id);
		} catch (error) {
			toasts.fail(error);
		}
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
		if (this.#shown?.id === id) this.#shown = null;
		return true;
	}
}

export const selections = new SelectionStore();
