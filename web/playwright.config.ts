// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from "@playwright/test";
import { tmpdir } from "node:os";
import path from "node:path";

// Set once for the runner and its workers; two runs side by side keep apart.
process.env.ASSAY_E2E_STATE ??= path.join(tmpdir(), `assay-e2e-session-${process.pid}.json`);

/** Browser tests against a real server with a real small model; see tests/e2e/setup.ts for where it comes from. */
export default defineConfig({
	testDir: "../tests/e2e",
	outputDir: "test-results",
	globalSetup: "../tests/e2e/setup.ts",
	workers: 1, // one server, one model, two cores
	timeout: 120_000,
	expect: { timeout: 30_000 },
	forbidOnly: true,
	use: {
		browserName: "chromium",
		storageState: process.env.ASSAY_E2E_STATE,
		viewport: { width: 1440, height: 900 },
		locale: "en-US",
		launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
		screenshot: "only-on-failure",
	},
});
