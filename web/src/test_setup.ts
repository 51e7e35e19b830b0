// SPDX-License-Identifier: Apache-2.0
// Tests switch languages without waiting.
import { load_texts } from "./messages/texts/index.js";

await Promise.all([load_texts("en"), load_texts("zh-TW")]);
