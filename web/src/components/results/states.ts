// SPDX-License-Identifier: Apache-2.0
import { m } from "../../messages/messages.js";
import type { Run } from "../../types";

/** What the states of a validation are called. */
export const STATES: Record<Run["state"], () => string> = {
	waiting: m.results_state_waiting, running: m.results_state_running, stopped: m.results_state_stopped, done: m.results_state_done,
	interrupted: m.results_state_interrupted,
};
