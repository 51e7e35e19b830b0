// SPDX-License-Identifier: Apache-2.0
import { api, problem_of } from "../services/api";
import type { Problem, Provider, ProviderModel, ServerEvent } from "../types";

export interface ModelsOf { models: ProviderModel[]; problem: Problem | null }

/** Servers that answer in place of this machine, and what they offer. */
export class ProviderStore {
	list = $state.raw<Provider[]>([]);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);
	#models = $state.raw<ReadonlyMap<number, ModelsOf>>(new Map());

	async refresh(): Promise<void> {
		try {
			this.list = (await api.providers()).providers;
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	/** The models of a provider; undefined until they were asked for. */
	models(id: number): ModelsOf | undefined {
		return this.#models.get(id);
	}
	/** Asks a server what it has; what it says of itself is read again with that. */
	async refresh_models(id: number): Promise<void> {
		let found: ModelsOf;
		try {
			const { models, problem } = await api.provider_models(id);
			found = { models, problem: problem ?? null };
		} catch (error) {
			found = { models: [], problem: problem_of(error) };
		}
		this.#models = new Map(this.#models).set(id, found);
	}
	take(event: ServerEvent): void {
		if (event.event !== "providers" && event.event !== "resync") return;
		void this.refresh();
		for (const id of this.#models.keys()) void this.refresh_models(id);
	}
	async remove(id: number): Promise<void> {
		await api.remove_provider(id);
		this.list = this.list.filter((provider) => provider.id !== id);
	}
}

export const providers = new ProviderStore();
