// SPDX-License-Identifier: Apache-2.0
// Connects the stores that live as long as the page with the server's events.
import { events } from "../services/events";
import { artifacts } from "./artifacts.svelte";
import { creations } from "./creations.svelte";
import { downloads } from "./downloads.svelte";
import { models } from "./models.svelte";
import { selections } from "./selections.svelte";
import { status } from "./status.svelte";

/** Begins to listen; returns what ends it. */
export function start_server_events(): () => void {
	const unsubscribe = events.subscribe((event) => {
		status.take(event);
		models.take(event);
		creations.take(event);
		downloads.take(event);
		selections.take(event);
		artifacts.take(event);
	});
	events.start((connected) => (status.connected = connected));
	void status.refresh();
	void models.refresh();
	void creations.refresh();
	void downloads.refresh();
	return () => {
		unsubscribe();
		events.stop();
	};
}
