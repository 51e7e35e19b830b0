// SPDX-License-Identifier: Apache-2.0
// What a rater may ask of the server: docs/openapi.yaml, /rating.
import { call } from "../services/api";
import type { Reply } from "../types";

export type Rating = Reply<"getRating">;
export type RatingQuestion = Reply<"getRatingQuestion">;

export const rating_api = {
	join: (code: string, name: string, nonce: string) => call("POST", "/rating/session", { json: { code, name, nonce } }),
	rating: () => call("GET", "/rating"),
	question: (number: number) => call("GET", `/rating/questions/${number}`),
	rate: (number: number, likes: number[]) => call("PUT", `/rating/questions/${number}`, { json: { likes } }),
};
