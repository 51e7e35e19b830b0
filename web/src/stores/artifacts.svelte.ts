// SPDX-License-Identifier: Apache-2.0
import { api, problem_of } from "../services/api";
import type { Artifact, Problem, ServerEvent } from "../types";

/** Files that assay made, newest first. */
export class ArtifactStore {
	list = $state.raw<Artifact[]>([]);
	loaded = $state(false);
	problem = $state.raw<Problem | null>(null);

	async refresh(): Promise<void> {
		try {
			this.list = (await api.artifacts()).artifacts;
			this.loaded = true;
			this.problem = null;
		} catch (error) {
			this.problem = problem_of(error);
		}
	}
	take(event: ServerEvent): void {
		if (!this.loaded && !this.problem) return; // nobody asked for them yet
		if (event.event === "artifacts" || event.event === "resync") void this.refresh();
	}
	async remove(id: number): Promise<void> {
		await api.remove_artifact(id);
		this.list = this.list.filter((artifact) => artifact.id !== id);
	}
}

export const artifacts = new ArtifactStore();
