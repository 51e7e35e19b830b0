// SPDX-License-Identifier: Apache-2.0
// The page of people who were invited by a link to rate, or to see results. A bundle of its own: it knows nothing of the rest, and
// what viewers see is loaded for them alone.
import { mount } from "svelte";
import { use_session } from "../services/session";
import { locale } from "../stores/locale.svelte";
import "../styles/tokens.css";
import "../styles/base.css";
import Rate from "./Rate.svelte";

// A browser may have come to several: the address says which one this is, and each has a session of its own.
const [, what, panel = ""] = /^\/(rate|view)\/(\d+)/.exec(location.pathname) ?? [];
const is_viewer = what === "view";
use_session(`${is_viewer ? "viewer" : "rater"}.${panel}`);
const target = document.getElementById("app");
const page = is_viewer ? import("./view/View.svelte") : { default: Rate };
if (target) void Promise.all([page, locale.ready()]).then(([{ default: Page }]) => mount(Page, { target }));
