// SPDX-License-Identifier: Apache-2.0
// The pages. One line each: the rail and the router are built from this list.
import type { Component } from "svelte";
import type { IconName } from "../components/icons";
import { m } from "../messages/messages.js";
import { match } from "../services/router.svelte";
import Automatic from "./Automatic.svelte";
import Models from "./Models.svelte";
import Providers from "./Providers.svelte";
import Results from "./Results.svelte";
import Settings from "./Settings.svelte";
import Validate from "./Validate.svelte";
import Workspaces from "./Workspaces.svelte";

export type PageComponent = Component<{ params: Record<string, string> }>;
export interface Page {
	/** Patterns of addresses; the first one is what the rail opens. `:name` parts reach the page as `params`. */
	paths: string[];
	icon: IconName;
	title: () => string;
	component: PageComponent;
}

/** A page that takes nothing from its address. */
const plain = (component: Component): PageComponent => component as unknown as PageComponent;

export const pages: Page[] = [
	{ paths: ["/validate", "/validate/:id"], icon: "validate", title: m.frame_validate, component: Validate },
	{ paths: ["/automatic", "/automatic/:id"], icon: "automatic", title: m.frame_automatic, component: Automatic },
	{ paths: ["/results", "/results/compare"], icon: "results", title: m.frame_results, component: plain(Results) },
	{ paths: ["/models"], icon: "models", title: m.frame_models, component: plain(Models) },
	{
		paths: ["/workspaces", "/workspaces/:id", "/workspaces/:id/chats/:chat"], icon: "workspace", title: m.frame_workspaces,
		component: Workspaces,
	},
	{ paths: ["/providers"], icon: "providers", title: m.frame_providers, component: plain(Providers) },
	{ paths: ["/settings"], icon: "settings", title: m.frame_settings, component: plain(Settings) },
];

export function find_page(path: string): { page: Page; params: Record<string, string> } | null {
	const address = path === "/" ? "/validate" : path;
	for (const page of pages) {
		for (const pattern of page.paths) {
			const params = match(pattern, address);
			if (params) return { page, params };
		}
	}
	return null;
}
