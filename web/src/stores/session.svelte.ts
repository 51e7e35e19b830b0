// SPDX-License-Identifier: Apache-2.0
import { api, ApiError, problem_of } from "../services/api";
import { keep_session_key, take_code } from "../services/session";
import type { Problem } from "../types";

/** Whether this browser is signed in; signing in happens by opening the link that assay prints. */
class SessionStore {
	state = $state<"starting" | "in" | "out" | "away">("starting");
	problem = $state.raw<Problem | null>(null);
	version = $state("");

	async start(): Promise<void> {
		const code = take_code(location, history);
		try {
			const session = code ? await this.#login(code) : await api.session();
			this.version = session.version;
			this.state = "in";
			this.problem = null;
		} catch (error) {
			const refused = error instanceof ApiError && error.status < 500;
			this.problem = code || !refused ? problem_of(error) : null;
			this.state = refused ? "out" : "away";
		}
	}
	async #login(code: string): Promise<{ version: string }> {
		try {
			const session = await api.login(code);
			if (session.key) keep_session_key(session.key);
			return session;
		} catch (error) {
			// A used link that is opened again: the session that it once gave still counts.
			return api.session().catch(() => { throw error; });
		}
	}
}

export const session = new SessionStore();
