// SPDX-License-Identifier: Apache-2.0
// The page must stay small: all files together, gzipped, below the limit.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LIMIT = 150 * 1024;
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
let total = 0;
for (const entry of readdirSync(DIST, { recursive: true, withFileTypes: true })) {
	if (entry.isFile()) total += gzipSync(readFileSync(`${entry.parentPath ?? entry.path}/${entry.name}`), { level: 9 }).length;
}
console.log(`page: ${(total / 1024).toFixed(1)} KiB gzipped, limit ${LIMIT / 1024} KiB`);
if (total > LIMIT) process.exit(1);
