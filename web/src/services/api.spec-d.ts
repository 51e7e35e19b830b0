// SPDX-License-Identifier: Apache-2.0
// What the types of a call refuse; `npm run check` compiles this and nothing runs it. A line that should be refused and is not
// is an error itself.
import type { Call, FilePath, Get, Path } from "../types/calls";
import type { Run } from "../types";

declare const call: Call;
declare const get: Get;
declare const id: number;
declare const name: string;
declare const bytes: Blob;

export async function taken(): Promise<void> {
	const runs: Run[] = (await call("GET", "/runs", { query: { q: name, limit: 5, before: undefined } })).runs;
	const run: Run = await get(`/runs/${id}`);
	const nothing: void = await call("DELETE", `/runs/${run.id}`);
	const { upload } = await call("POST", "/uploads", { query: { name, kind: "document" }, bytes });
	await get(`/uploads/${upload}`, { question_field: name });
	await call("POST", `/runs/${id}/stop`);
	await call("POST", `/runs/${id}/retry`);
	await call("PUT", `/cells/${id}/vote`, { json: { liked: true } });
	const files: FilePath[] = [`/runs/${id}/export`, `/selections/${id}/report`];
	const stream: Path<"GET"> = "/events";
	void [runs, nothing, files, stream];
}

export async function wrong_paths(): Promise<void> {
	// @ts-expect-error misspelled
	await get("/run");
	// @ts-expect-error misspelled after the number
	await get(`/runs/${id}/panel`);
	// @ts-expect-error a number is missing
	await call("POST", "/runs/stop");
	// @ts-expect-error a name where a number belongs
	await get(`/runs/${name}`);
	// @ts-expect-error any text
	await get(name);
	// @ts-expect-error not a path from the root of the API
	await get("status");
	// @ts-expect-error not a file
	const files: FilePath[] = [`/runs/${id}/questions`];
	void files;
}

export async function wrong_methods(): Promise<void> {
	// @ts-expect-error runs are changed with PATCH
	await call("PUT", `/runs/${id}`, { json: { name } });
	// @ts-expect-error stopping is not reading
	await get(`/runs/${id}/stop`);
	// @ts-expect-error methods are in capitals
	await call("get", "/runs");
	// @ts-expect-error no method of the API
	await call("HEAD", "/runs");
}

export async function wrong_queries(): Promise<void> {
	// @ts-expect-error misspelled
	await get("/runs", { limits: 5 });
	// @ts-expect-error misspelled beside one that is right
	await call("GET", "/runs", { query: { limit: 5, form: 1 } });
	// @ts-expect-error text for a number
	await get("/runs", { limit: "5" });
	// @ts-expect-error no such value
	await get(`/runs/${id}/questions`, { filter: "best" });
	// @ts-expect-error this one has no query
	await get("/status", { limit: 5 });
	// @ts-expect-error required, not given
	await call("DELETE", "/models/refusals");
	// @ts-expect-error required, not known
	await call("DELETE", "/models/refusals", { query: { path: undefined } });
	// @ts-expect-error the format of a file is required
	await get(`/runs/${id}/export`);
}

export async function wrong_bodies(): Promise<void> {
	// @ts-expect-error misspelled
	await call("PUT", `/cells/${id}/vote`, { json: { like: true } });
	// @ts-expect-error more than it takes
	await call("PUT", `/cells/${id}/vote`, { json: { liked: true, likes: 1 } });
	// @ts-expect-error a number for yes or no
	await call("PUT", `/cells/${id}/vote`, { json: { liked: 1 } });
	// @ts-expect-error the body is missing
	await call("PUT", `/cells/${id}/vote`);
	// @ts-expect-error bytes for JSON
	await call("PUT", `/cells/${id}/vote`, { bytes });
	// @ts-expect-error JSON for bytes
	await call("POST", "/uploads", { json: { name } });
	// @ts-expect-error this one takes none
	await call("POST", `/runs/${id}/stop`, { json: {} });
	// @ts-expect-error no such option
	await call("GET", "/runs", { body: {} });
}

export async function wrong_replies(): Promise<void> {
	// @ts-expect-error a run has no title
	void (await get(`/runs/${id}`)).title;
	// @ts-expect-error the list is in a field
	const runs: Run[] = await get("/runs");
	// @ts-expect-error nothing comes back
	const gone: Run = await call("DELETE", `/runs/${id}`);
	// @ts-expect-error not a run
	const panels: Run = await get(`/runs/${id}/panels`);
	// @ts-expect-error a file is not JSON
	const file: Blob = await get(`/runs/${id}/export`, { format: "csv" });
	void [runs, gone, panels, file];
}
