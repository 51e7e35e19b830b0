// SPDX-License-Identifier: Apache-2.0
// Names of models in Ollama: [host/][namespace/]model[:tag]. assay makes `model:tag`, or `namespace/model:tag`.
import { epoch_number } from "./format";

const PART = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/;

/** True for a name that Ollama takes as it is. */
export function is_ollama_name(name: string): boolean {
	const [model = "", tag, ...more] = name.split(":");
	if (more.length || (tag !== undefined && !PART.test(tag))) return false;
	const parts = model.split("/");
	return parts.length <= 2 && parts.every((part) => PART.test(part));
}

/** What can stand in a name: "Kestrel bot" → "kestrel-bot"; empty where nothing of it can. */
export function slug(text: string): string {
	return text.normalize("NFKD").toLowerCase().replace(/[^a-z0-9._]+/g, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 60);
}

/** A name to propose: "kestrel-bot-epoch8:q4_k_m". */
export function ollama_name(label: string, epoch: number | null | undefined, format: string): string {
	return `${file_stem(label, epoch)}:${format.toLowerCase()}`;
}

/** The same for a file, without its ending. */
export function file_stem(label: string, epoch: number | null | undefined): string {
	const base = slug(label) || "model";
	return epoch == null ? base : `${base}-epoch${epoch_number(epoch)}`;
}
