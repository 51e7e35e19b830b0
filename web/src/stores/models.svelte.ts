// SPDX-License-Identifier: Apache-2.0
import { api, problem_of } from "../services/api";
import { epoch_number } from "../services/format";
import type { Family, Model, ModelList, Problem, ServerEvent } from "../types";

/** Everything that can be asked. Loaded once, and again when the server says that it changed. */
class ModelStore {
	list = $state.raw<ModelList>({ models: [], families: [], refusals: [] });
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);
	#by_id = $derived(new Map([...this.list.models, ...this.list.families.flatMap((f) => f.checkpoints)].map((model) => [model.id, model])));

	async refresh(): Promise<void> {
		try {
			this.list = await api.models();
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	take(event: ServerEvent): void {
		if (event.event === "models" || event.event === "resync") void this.refresh();
	}
	get(id: number): Model | undefined {
		return this.#by_id.get(id);
	}
	family(id: number): Family | undefined {
		return this.list.families.find((family) => family.id === id);
	}
	/** The name shown for a model: a checkpoint goes by its family, with its own name where its epoch does not tell it from the others. */
	name(model: Model): string {
		const family = this.family(model.family_id ?? 0);
		const epoch = ({ epoch }: Model): string => (epoch == null ? "" : epoch_number(epoch));
		const is_own = epoch(model) && !family?.checkpoints.some((other) => other.id !== model.id && epoch(other) === epoch(model));
		return !family || is_own ? (family?.name ?? model.family_name ?? model.name) : `${family.name}/${model.name}`;
	}
	/** What a first visit compares: a base model and the last epoch trained on it. */
	first_choice(): number[] {
		const usable = (model: Model): boolean => !model.problem;
		for (const family of this.list.families) {
			const last = family.checkpoints.filter(usable).at(-1);
			const base = family.base_model_id ? this.get(family.base_model_id) : undefined;
			if (last && base && usable(base)) return [base.id, last.id];
		}
		const first = this.list.models.find(usable) ?? this.list.families.flatMap((f) => f.checkpoints).find(usable);
		return first ? [first.id] : [];
	}
}

export const models = new ModelStore();
