// SPDX-License-Identifier: Apache-2.0
// What a viewer may ask of the server: docs/openapi.yaml, /viewing.
import { call } from "../../services/api";
import type { Reply } from "../../types";

export type Viewing = Reply<"getViewing">;
export type ViewingColumn = Viewing["columns"][number];
export type ViewingPage = Reply<"listViewingQuestions">;
export type ViewingQuestion = ViewingPage["questions"][number];
export type ViewingAnswer = ViewingQuestion["answers"][number];

export const viewing_api = {
	open: (code: string) => call("POST", "/viewing/session", { json: { code } }),
	viewing: () => call("GET", "/viewing"),
	questions: (offset: number, limit: number) => call("GET", "/viewing/questions", { query: { offset, limit } }),
};
