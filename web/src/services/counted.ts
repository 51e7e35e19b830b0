// SPDX-License-Identifier: Apache-2.0
// Numbers with what they count: "1 question", "8 questions".
import { m } from "../messages/messages.js";
import { number } from "./format";

function counted(one: () => string, many: (inputs: { n: string }) => string): (n: number) => string {
	return (n) => (n === 1 ? one() : many({ n: number(n) }));
}

export const questions = counted(() => m.common_one_question(), (inputs) => m.common_n_questions(inputs));
export const models = counted(() => m.common_one_model(), (inputs) => m.common_n_models(inputs));
export const tokens = counted(() => m.common_one_token(), (inputs) => m.common_n_tokens(inputs));
export const epochs = counted(() => m.models_one_epoch(), (inputs) => m.models_n_epochs(inputs));
export const chats = counted(() => m.chat_one_chat(), (inputs) => m.chat_n_chats(inputs));
export const documents = counted(() => m.chat_one_document(), (inputs) => m.chat_n_documents(inputs));
export const refused = counted(() => m.validate_upload_refused_one(), (inputs) => m.validate_upload_refused(inputs));
export const notes = counted(() => m.validate_upload_note_one(), (inputs) => m.validate_upload_notes(inputs));
