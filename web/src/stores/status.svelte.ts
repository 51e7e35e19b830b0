// SPDX-License-Identifier: Apache-2.0
import { api } from "../services/api";
import type { ServerEvent, Status } from "../types";

/** What the server says of itself, and whether it can be heard. */
class StatusStore {
	status = $state.raw<Status | null>(null);
	connected = $state(true);

	/** Workers that hold a model. */
	get n_loaded(): number {
		return this.status?.workers.filter(({ state }) => state === "idle" || state === "answering").length ?? 0;
	}
	async refresh(): Promise<void> {
		this.status = await api.status().catch(() => this.status);
	}
	take(event: ServerEvent): void {
		if (event.event === "status") this.status = event.data;
		else if (event.event === "hello" || event.event === "resync") void this.refresh();
	}
}

export const status = new StatusStore();
