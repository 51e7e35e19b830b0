// SPDX-License-Identifier: Apache-2.0
// Jobs that turn a model into a file, a workspace or a model in Ollama. They run on the server; closing a dialog leaves them alone.
import { m } from "../messages/messages.js";
import { api, problem_of } from "../services/api";
import { is_over } from "../services/creation_progress";
import type { Creation, CreationInput, Problem, SelectionCandidate, ServerEvent } from "../types";
import { toasts } from "./toasts.svelte";

export type Target = Creation["target"];
/** What the dialog shows: a form for a validation or for one model (`measured`: what an automatic validation that recommends it has found), or a job. */
export type CreateView = { kind: "form"; target: Target; run_id?: number; model_id?: number; measured?: SelectionCandidate[]; format?: string } | { kind: "job"; id: number };

export class CreationStore {
	list = $state.raw<Creation[]>([]);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);
	/** null: the dialog is closed. */
	view = $state.raw<CreateView | null>(null);

	/** Jobs that wait or run. */
	get active(): Creation[] {
		return this.list.filter((creation) => !is_over(creation));
	}
	get(id: number): Creation | undefined {
		return this.list.find((creation) => creation.id === id);
	}
	async refresh(): Promise<void> {
		try {
			this.list = (await api.creations()).creations;
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	take(event: ServerEvent): void {
		if (event.event === "resync") void this.refresh();
		else if (event.event === "creation") this.#put(event.data);
	}
	#put(creation: Creation): void {
		const before = this.get(creation.id);
		this.list = before ? this.list.map((old) => (old.id === creation.id ? creation : old)) : [creation, ...this.list];
		const is_shown = this.view?.kind === "job" && this.view.id === creation.id;
		if (before && !is_over(before) && is_over(creation) && creation.state !== "cancelled" && !is_shown) this.#tell(creation);
	}
	/** Says how a job ended that nobody looks at. */
	#tell(creation: Creation): void {
		const action = { label: m.create_show(), run: () => this.show(creation.id) };
		const name = creation.name;
		if (creation.state === "done") toasts.show(m.create_done_toast({ name }), { action, ms: 10_000 });
		else toasts.show(m.create_failed_toast({ name }), { action, bad: true, ...(creation.problem ? { hint: creation.problem.message } : {}) });
	}

	open(target: Target, from: { run_id?: number; model_id?: number; measured?: SelectionCandidate[]; format?: string }): void {
		this.view = { kind: "form", target, ...from };
	}
	show(id: number): void {
		this.view = { kind: "job", id };
	}
	close(): void {
		this.view = null;
	}
	/** Begins a job and shows it. */
	async start(input: CreationInput): Promise<void> {
		const creation = await api.add_creation(input);
		this.view = { kind: "job", id: creation.id };
		// A job may end before the reply is here: events are newer than the reply.
		if (!this.get(creation.id)) this.#put(creation);
	}
	async cancel(id: number): Promise<void> {
		await api.cancel_creation(id).catch((error) => toasts.fail(error));
	}
	async retry(id: number): Promise<void> {
		try {
			const before = this.get(id);
			const creation = await api.retry_creation(id);
			if (this.get(id) === before) this.#put(creation);
			this.show(creation.id);
		} catch (error) {
			toasts.fail(error);
		}
	}
}

export const creations = new CreationStore();
