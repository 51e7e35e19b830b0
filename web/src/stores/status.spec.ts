// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Status } from "../types";
import { status } from "./status.svelte";

test("a worker that starts or loads holds no model yet", () => {
	const workers: Status["workers"] = [
		{ pid: 1, model_name: "a", state: "starting" },
		{ pid: 2, model_name: "b", state: "loading" },
		{ pid: 3, model_name: "c", state: "idle" },
		{ pid: 4, model_name: "d", state: "answering" },
	];
	const data: Status = {
		version: "1", event_id: 1, sandbox: "", workers, memory_total: 0, memory_available: 0, disk_free: 0, data_dir: "",
	};
	expect(status.n_loaded).toBe(0);
	status.take({ id: 1, event: "status", data });
	expect(status.n_loaded).toBe(2);
});
