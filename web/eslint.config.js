// SPDX-License-Identifier: Apache-2.0
import svelte from "eslint-plugin-svelte";
import ts from "typescript-eslint";

export default ts.config(
	{ ignores: ["dist/", "src/messages/", "src/types/api.d.ts", "node_modules/"] },
	...ts.configs.recommended,
	...svelte.configs.recommended,
	{ files: ["**/*.svelte", "**/*.svelte.ts"], languageOptions: { parserOptions: { parser: ts.parser } } },
	{
		rules: {
			"@typescript-eslint/no-explicit-any": "error",
			"@typescript-eslint/no-non-null-assertion": "error",
			// Answers come from models: their HTML goes through services/markdown.ts, never through {@html}.
			"svelte/no-at-html-tags": "error",
			"svelte/require-each-key": "error",
			"svelte/prefer-svelte-reactivity": "off",
			"svelte/no-navigation-without-resolve": "off",
			"no-restricted-syntax": ["error",
				{ selector: "AssignmentExpression[left.property.name=/^(inner|outer)HTML$/]", message: "Build nodes, or use services/markdown.ts." },
			],
		},
	},
	{
		// The page's policy forbids style attributes; style:name={…} goes through the CSSOM and is fine.
		files: ["**/*.svelte"],
		rules: { "no-restricted-syntax": ["error", { selector: "SvelteAttribute[key.name='style']", message: "Use style:name={…}, the policy forbids style attributes." }] },
	},
	{ files: ["**/*.spec.ts"], rules: { "no-restricted-syntax": "off" } },
);
